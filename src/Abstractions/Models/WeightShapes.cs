using Stof.Reference.Graphs;
using Stof.Reference.Tensors;

namespace Stof.Reference.Models;

/// <summary>The shape that every named weight of a spec must have.</summary>
internal sealed class WeightShapes(ModelSpec spec)
{
    /// <summary>Refuses a missing weight and a wrong shape, naming both.</summary>
    public void Check(string place, OperatorGraph graph, IReadOnlyDictionary<string, HostTensor> weights)
    {
        foreach (var op in graph.Operators)
        {
            foreach (var name in op.Weights)
            {
                var shape = ShapeOf(name);
                if (!weights.TryGetValue(name, out var tensor))
                {
                    throw new InvalidInputException($"{place} weight '{name}'", "missing", HostTensor.Describe(shape));
                }

                if (!tensor.HasShape(shape))
                {
                    throw new InvalidInputException($"{place} weight '{name}'", tensor.ToString(), HostTensor.Describe(shape));
                }
            }
        }
    }

    /// <summary>The shape of a weight by its name.</summary>
    public int[] ShapeOf(string name)
    {
        var geometry = spec.Attention;
        var upWidth = (spec.Activation == ActivationKind.SwiGlu ? 2 : 1) * spec.FeedForward;
        return name switch
        {
            "qkv.weight" => [geometry.QkvWidth, spec.Hidden],
            "qkv.bias" => [geometry.QkvWidth],
            "out.weight" => [spec.Hidden, geometry.OutputWidth],
            "up.weight" => [upWidth, spec.Hidden],
            "up.bias" => [upWidth],
            "down.weight" => [spec.Hidden, spec.FeedForward],
            "relative.table" => [spec.RelativeBuckets, spec.QueryHeads],
            "words" => [spec.Vocabulary, spec.Hidden],
            "positions" => [spec.FixedLength ?? spec.MaxPositions, spec.Hidden],
            "types" => [spec.TokenTypes, spec.Hidden],
            "patch.weight" => [spec.Hidden, spec.Channels * spec.Patch * spec.Patch],
            _ => [spec.Hidden],
        };
    }
}
