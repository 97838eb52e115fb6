using System.Collections.Frozen;
using System.Collections.Immutable;
using Stof.Reference.Graphs;
using Stof.Reference.Numerics;
using Stof.Reference.Tensors;

namespace Stof.Reference.Models;

/// <summary>
/// A spec with its weights under the names of the graph. Product weights are [width, depth], one row a neuron. Layers:
/// <c>qkv out up down</c> with <c>.weight</c> and <c>.bias</c> (query, key and value rows stacked; gate rows before up rows),
/// <c>norm1 norm2</c> with <c>.gamma</c> and <c>.beta</c>, <c>relative.table</c>. Embedding: <c>words positions types</c> or
/// <c>patch.weight patch.bias class positions</c>, <c>norm.*</c>. Final: <c>norm.*</c>.
/// </summary>
public sealed class TransformerModel
{
    /// <summary>Checks that every weight the graphs name is there in the right shape.</summary>
    /// <exception cref="InvalidInputException">A weight is missing or has another shape.</exception>
    public TransformerModel(
        ModelSpec spec,
        IReadOnlyDictionary<string, HostTensor> embedding,
        IReadOnlyList<IReadOnlyDictionary<string, HostTensor>> layers,
        IReadOnlyDictionary<string, HostTensor> final)
    {
        ArgumentNullException.ThrowIfNull(spec);
        Spec = spec.Validated();
        Graph = ModelGraph.Build(spec);
        if (layers.Count != spec.Layers)
        {
            throw new InvalidInputException("layers", $"weights of {layers.Count}", $"{spec.Layers}");
        }

        Embedding = embedding;
        Layers = [.. layers];
        Final = final;
        var shapes = new WeightShapes(spec);
        shapes.Check("embedding", Graph.Prologue, embedding);
        for (var i = 0; i < layers.Count; i++)
        {
            shapes.Check($"layer {i}", Graph.Layer, layers[i]);
        }

        shapes.Check("final", Graph.Epilogue, final);
    }

    /// <summary>The shape of the model.</summary>
    public ModelSpec Spec { get; }

    /// <summary>Its graphs.</summary>
    public ModelGraph Graph { get; }

    /// <summary>Weights of the prologue.</summary>
    public IReadOnlyDictionary<string, HostTensor> Embedding { get; }

    /// <summary>Weights of each layer.</summary>
    public ImmutableArray<IReadOnlyDictionary<string, HostTensor>> Layers { get; }

    /// <summary>Weights of the epilogue.</summary>
    public IReadOnlyDictionary<string, HostTensor> Final { get; }

    /// <summary>The same model with every weight rounded once to another dtype.</summary>
    public TransformerModel To(DType type) =>
        new(Spec, Convert(Embedding, type), [.. Layers.Select(layer => Convert(layer, type))], Convert(Final, type));

    private static FrozenDictionary<string, HostTensor> Convert(IReadOnlyDictionary<string, HostTensor> weights, DType type) =>
        weights.ToFrozenDictionary(pair => pair.Key, pair => pair.Value.To(type));
}
