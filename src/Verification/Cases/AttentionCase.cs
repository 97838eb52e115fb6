using Stof.Reference.Numerics;
using Stof.Reference.Operators;
using Stof.Reference.Tensors;

namespace Stof.Reference.Verification.Cases;

/// <summary>What a kernel was given and what it returned.</summary>
/// <param name="Name">What reports call it.</param>
/// <param name="Problem">The problem.</param>
/// <param name="Q">Q in the problem's layout and dtype.</param>
/// <param name="K">K.</param>
/// <param name="V">V.</param>
/// <param name="Output">O, as the kernel returned it.</param>
/// <param name="LogSumExp">LSE [B, Hq, Sq] in F32 or F64; null if the kernel returned none.</param>
/// <param name="LseBase">Base of <paramref name="LogSumExp"/>.</param>
public sealed record AttentionCase(
    string Name,
    AttentionProblem Problem,
    HostTensor Q,
    HostTensor K,
    HostTensor V,
    HostTensor Output,
    HostTensor? LogSumExp = null,
    LogSumExpBase LseBase = LogSumExpBase.Natural)
{
    /// <summary>
    /// Puts a case together from its arrays: <c>q</c>, <c>k</c>, <c>v</c>, <c>out</c>, and where the semantics ask for them
    /// <c>mask</c>, <c>lse</c>, <c>bias</c>, <c>bias_table</c>, <c>slopes</c>, <c>sinks</c>, <c>lengths</c>.
    /// </summary>
    /// <param name="name">What reports call it.</param>
    /// <param name="semantics">What the arrays do not say.</param>
    /// <param name="arrays">The arrays.</param>
    /// <exception cref="InvalidInputException">
    /// An array is missing, its dtype or an axis disagrees with the others (the message says which), or a choice that the case
    /// depends on was never made.
    /// </exception>
    public static AttentionCase Create(string name, AttentionSemantics semantics, IReadOnlyDictionary<string, HostTensor> arrays)
    {
        ArgumentNullException.ThrowIfNull(semantics);
        ArgumentNullException.ThrowIfNull(arrays);
        var inputs = CaseArrays.Inputs(name, semantics, arrays);
        var (problem, q, k, v) = (inputs.Problem, inputs.Q, inputs.K, inputs.V);
        var output = CaseArrays.Typed(name, "out", CaseArrays.Find(name, arrays, "out"), problem.Type);
        CaseArrays.RequireAxes(
            name, "out", output, problem.Layout, [problem.Batch, problem.QueryHeads, problem.QueryLength, problem.ValueSize], "as q, k and v have it");
        if (arrays.TryGetValue("lse", out var lse))
        {
            int[] expected = [problem.Batch, problem.QueryHeads, problem.QueryLength];
            if (!lse.HasShape(expected) || lse.Type is not (DType.F32 or DType.F64))
            {
                throw new InvalidInputException($"{name}, lse", lse.ToString(), $"F32 or F64 {HostTensor.Describe(expected)}");
            }
        }

        return new AttentionCase(name, problem, q, k, v, output, lse, semantics.LseBase);
    }
}
