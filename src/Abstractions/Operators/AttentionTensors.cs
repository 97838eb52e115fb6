using Stof.Reference.Numerics;
using Stof.Reference.Tensors;

namespace Stof.Reference.Operators;

/// <summary>Whether tensors are those of a problem.</summary>
public static class AttentionTensors
{
    /// <summary>Requires the dtype and shape of every tensor of a problem.</summary>
    /// <param name="problem">A valid problem.</param>
    /// <param name="q">Q [B, Hq, Sq, D] in the problem's layout and dtype.</param>
    /// <param name="k">K [B, Hkv, Skv, D].</param>
    /// <param name="v">V [B, Hkv, Skv, Dv].</param>
    /// <param name="output">O [B, Hq, Sq, Dv].</param>
    /// <param name="logSumExp">LSE [B, Hq, Sq] in F32; null exactly where the problem does not ask for it.</param>
    /// <exception cref="InvalidInputException">A tensor does not fit.</exception>
    public static void Require(
        AttentionProblem problem, HostTensor q, HostTensor k, HostTensor v, HostTensor output, HostTensor? logSumExp)
    {
        RequireInputs(problem, q, k, v);
        RequireResults(problem, output, logSumExp);
    }

    /// <summary>Requires the dtype and shape of a problem's inputs.</summary>
    /// <inheritdoc cref="Require(AttentionProblem, HostTensor, HostTensor, HostTensor, HostTensor, HostTensor?)"/>
    public static void RequireInputs(AttentionProblem problem, HostTensor q, HostTensor k, HostTensor v)
    {
        ArgumentNullException.ThrowIfNull(problem);
        var p = problem;
        Require("q", q, p.Type, p.Layout.Shape(p.Batch, p.QueryHeads, p.QueryLength, p.HeadSize));
        Require("k", k, p.Type, p.Layout.Shape(p.Batch, p.KvHeads, p.KvLength, p.HeadSize));
        Require("v", v, p.Type, p.Layout.Shape(p.Batch, p.KvHeads, p.KvLength, p.ValueSize));
    }

    /// <summary>Requires the dtype and shape of a problem's results.</summary>
    /// <inheritdoc cref="Require(AttentionProblem, HostTensor, HostTensor, HostTensor, HostTensor, HostTensor?)"/>
    public static void RequireResults(AttentionProblem problem, HostTensor output, HostTensor? logSumExp)
    {
        ArgumentNullException.ThrowIfNull(problem);
        var p = problem;
        Require("output", output, p.Type, p.Layout.Shape(p.Batch, p.QueryHeads, p.QueryLength, p.ValueSize));
        if ((logSumExp is null) != (p.LogSumExp == LogSumExpOutput.None))
        {
            throw new InvalidInputException(
                "logSumExp", logSumExp?.ToString() ?? "no tensor", $"what the problem asks for: {p.LogSumExp}");
        }

        if (logSumExp is not null)
        {
            Require("logSumExp", logSumExp, DType.F32, [p.Batch, p.QueryHeads, p.QueryLength]);
        }
    }

    private static void Require(string name, HostTensor tensor, DType type, int[] shape)
    {
        ArgumentNullException.ThrowIfNull(tensor);
        if (tensor.Type != type || !tensor.HasShape(shape))
        {
            throw new InvalidInputException(name, tensor.ToString(), type + HostTensor.Describe(shape));
        }
    }
}
