using Stof.Reference.Masks;
using Stof.Reference.Numerics;
using Stof.Reference.Operators;
using Stof.Reference.Tensors;

namespace Stof.Reference.Tests;

/// <summary>Attention by ONNX Runtime: an implementation that others wrote, and whose speed others tuned.</summary>
internal static class OnnxAttention
{
    /// <summary>
    /// ai.onnx Attention, opset 23, in the layout [batch, heads, length, size]. The problem's mask goes in as booleans [B, Hq,
    /// Sq, Skv] unless <paramref name="isCausal"/> asks for the operator's own causal rule (aligned top-left). A bias goes into
    /// the mask as numbers, −∞ where masked.
    /// </summary>
    /// <param name="problem">F32 or F16; no sinks, no bias together with a cap.</param>
    /// <param name="q">[B, Hq, Sq, D].</param>
    /// <param name="k">[B, Hkv, Skv, D].</param>
    /// <param name="v">[B, Hkv, Skv, Dv].</param>
    /// <param name="isCausal">Use the operator's attribute instead of a mask.</param>
    /// <returns>[B, Hq, Sq, Dv].</returns>
    public static HostTensor Run(AttentionProblem problem, HostTensor q, HostTensor k, HostTensor v, bool isCausal = false)
    {
        var type = OnnxSession.TypeOf(problem.Type);
        var output = HostTensor.Zeros(problem.Type, problem.Batch, problem.QueryHeads, problem.QueryLength, problem.ValueSize);
        List<OnnxValue?> inputs = [Value("Q", q), Value("K", k), Value("V", v)];
        List<HostTensor> tensors = [q, k, v];
        if (!isCausal)
        {
            var mask = DenseMask(problem);
            inputs.Add(Value("attn_mask", mask));
            tensors.Add(mask);
        }

        List<(string, object)> attributes = [("scale", (float)problem.EffectiveScale), ("is_causal", isCausal ? 1L : 0L)];
        if (problem.Softcap is { } cap)
        {
            attributes.Add(("softcap", (float)cap));
        }

        var model = OnnxModel.OneNode("Attention", string.Empty, 23, inputs, [new OnnxValue("Y", type, null)], [.. attributes]);
        using var session = new OnnxSession(model, inputs.Select(input => input!.Name), ["Y"]);
        session.Run([.. tensors], [output]);
        return output;
    }

    /// <summary>
    /// A session of com.microsoft MultiHeadAttention, the tuned CPU kernel: query, key, value [B, S, heads·size] F32 in, output
    /// [B, Sq, heads·size], no mask. Timing code runs it again and again.
    /// </summary>
    public static OnnxSession MultiHead(int batch, int heads, int queryLength, int kvLength, int headSize, int threads)
    {
        int[] queryShape = [batch, queryLength, heads * headSize];
        int[] kvShape = [batch, kvLength, heads * headSize];
        OnnxValue[] inputs =
        [
            new("query", OnnxType.Float, queryShape), new("key", OnnxType.Float, kvShape), new("value", OnnxType.Float, kvShape),
        ];
        var model = OnnxModel.OneNode(
            "MultiHeadAttention", "com.microsoft", 17, inputs, [new OnnxValue("output", OnnxType.Float, queryShape)], (
                "num_heads", (long)heads));
        return new OnnxSession(model, inputs.Select(input => input.Name), ["output"], threads);
    }

    /// <summary>A mask that heads share as com.microsoft operators take it: what is added to scores, 0 or −∞, [batch, 1, length, length].</summary>
    public static HostTensor ScoreBias(MaskPattern mask, int batch, int length)
    {
        var bound = mask.Bind(new MaskExtent(length, length, batch));
        var bias = HostTensor.Zeros(DType.F32, batch, 1, length, length);
        for (var at = 0; at < bias.Count; at++)
        {
            var (row, key) = (at / length, at % length);
            bias.Span<float>()[at] = bound.Allows(row / length, 0, row % length, key) ? 0 : float.NegativeInfinity;
        }

        return bias;
    }

    private static OnnxValue Value(string name, HostTensor tensor) => new(
        name, OnnxSession.TypeOf(tensor.Type), tensor.Shape.ToArray());

    private static HostTensor DenseMask(AttentionProblem problem)
    {
        var bound = problem.BindMask();
        var type = problem.Bias is null ? DType.Bool : DType.F64;
        var mask = HostTensor.Zeros(type, problem.Batch, problem.QueryHeads, problem.QueryLength, problem.KvLength);
        for (var at = 0; at < mask.Count; at++)
        {
            var (row, key) = (at / problem.KvLength, at % problem.KvLength);
            var (head, query) = (row / problem.QueryLength % problem.QueryHeads, row % problem.QueryLength);
            var batch = row / problem.QueryLength / problem.QueryHeads;
            var allowed = bound.Allows(batch, head, query, key);
            if (problem.Bias is null)
            {
                mask.Span<bool>()[at] = allowed;
            }
            else
            {
                mask.Span<double>()[at] = allowed ? problem.Bias.At(problem, batch, head, query, key) : double.NegativeInfinity;
            }
        }

        return problem.Bias is null ? mask : mask.To(problem.Type);
    }
}
