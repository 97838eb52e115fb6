using Stof.Reference.Graphs;
using Stof.Reference.Masks;
using Stof.Reference.Models;
using Stof.Reference.Tensors;

namespace Stof.Reference.Tests;

/// <summary>
/// The layers of a BERT as ONNX Runtime runs them fastest: its own fused operators (com.microsoft Attention with the QKV product inside,
/// BiasGelu, SkipLayerNormalization) with the weights as constants, so that they are packed when the session is made.
/// </summary>
internal static class OnnxBert
{
    private const string Microsoft = "com.microsoft";

    /// <summary>
    /// Makes a session: [batch, length, hidden] after the embedding in, the last hidden state out. With a mask every layer adds 0 or −∞ to its scores
    /// (the form in which the operator takes any mask), the same for all heads.
    /// </summary>
    /// <param name="model">A post-norm F32 model with biases and GELU.</param>
    /// <param name="batch">Batch items.</param>
    /// <param name="length">Tokens of each.</param>
    /// <param name="threads">Threads inside an operator.</param>
    /// <param name="mask">Which keys a query sees, or null for all.</param>
    public static OnnxSession Layers(TransformerModel model, int batch, int length, int threads, MaskPattern? mask = null)
    {
        var spec = model.Spec;
        if (spec is not { Placement: NormPlacement.Post, Norm: NormKind.Layer, Activation: ActivationKind.GeluErf, HasBiases: true })
        {
            throw new ArgumentException($"{spec.Family} is no BERT", nameof(model));
        }

        var nodes = new List<OnnxNode>();
        var weights = new List<(string, HostTensor)>();
        var epsilon = ("epsilon", (object)(float)spec.Epsilon);
        string[] scoreBias = mask is null ? [] : ["", "", "score_bias"];
        if (mask is not null)
        {
            weights.Add(("score_bias", OnnxAttention.ScoreBias(mask, batch, length)));
        }

        for (var i = 0; i < spec.Layers; i++)
        {
            var layer = model.Layers[i];
            string Name(string name) => $"{i}.{name}";
            foreach (var (name, value) in layer)
            {
                weights.Add((Name(name), name.EndsWith(".weight", StringComparison.Ordinal) ? Transposed(value) : value));
            }

            var input = i == 0 ? "input" : $"{i - 1}.output";
            nodes.Add(new(
                "Attention", Microsoft, [input, Name("qkv.weight"), Name("qkv.bias"), .. scoreBias], [Name("a")], ("num_heads", (long)spec.QueryHeads)));
            nodes.Add(new("MatMul", "", [Name("a"), Name("out.weight")], [Name("m")]));
            nodes.Add(new(
                "SkipLayerNormalization", Microsoft, [Name("m"), input, Name("norm1.gamma"), Name("norm1.beta"), Name("out.bias")], [Name("n")], epsilon));
            nodes.Add(new("MatMul", "", [Name("n"), Name("up.weight")], [Name("u")]));
            nodes.Add(new("BiasGelu", Microsoft, [Name("u"), Name("up.bias")], [Name("g")]));
            nodes.Add(new("MatMul", "", [Name("g"), Name("down.weight")], [Name("d")]));
            nodes.Add(new(
                "SkipLayerNormalization", Microsoft, [Name("d"), Name("n"), Name("norm2.gamma"), Name("norm2.beta"), Name("down.bias")],
                [i == spec.Layers - 1 ? "output" : Name("output")], epsilon));
        }

        int[] shape = [batch, length, spec.Hidden];
        var bytes = OnnxModel.Graph(17, nodes, weights, [new OnnxValue("input", OnnxType.Float, shape)], [new OnnxValue("output", OnnxType.Float, shape)]);
        return new OnnxSession(bytes, ["input"], ["output"], threads);
    }

    /// <summary>[width, depth] to the [depth, width] of MatMul.</summary>
    private static HostTensor Transposed(HostTensor weight)
    {
        var (rows, columns) = (weight.Shape[0], weight.Shape[1]);
        var result = HostTensor.Uninitialized(weight.Type, columns, rows);
        var source = weight.Span<float>();
        var target = result.Span<float>();
        for (var row = 0; row < rows; row++)
        {
            for (var column = 0; column < columns; column++)
            {
                target[(column * rows) + row] = source[(row * columns) + column];
            }
        }

        return result;
    }
}
