using Stof.Reference.Formats;
using Stof.Reference.Operators;
using Stof.Reference.Tensors;

namespace Stof.Reference.Verification.Probing;

/// <summary>What both probes show about a kernel.</summary>
/// <param name="Problem">The problem.</param>
/// <param name="Mask">The effective mask.</param>
/// <param name="Difference">How it differs from the intended one.</param>
/// <param name="Addresses">What was read; null where the problem cannot be asked.</param>
/// <param name="AddressRefusal">Why it cannot; null where it was.</param>
public sealed record ProbeReport(
    AttentionProblem Problem, MaskProbeReading Mask, MaskDifference Difference, AddressReading? Addresses, string? AddressRefusal)
{
    /// <summary>Runs of the address probe.</summary>
    public const int AddressRuns = 4;

    /// <summary>Whether nothing is wrong.</summary>
    public bool IsGood => Difference.IsNone && Mask.UnequalRows == 0 && Mask.NotANumberRows == 0 && (Addresses?.Wrong.Count ?? 0) == 0;

    /// <summary>Names and inputs of all runs, one after the other.</summary>
    /// <exception cref="InvalidInputException">A bias hides keys from the mask probe.</exception>
    public static IEnumerable<(string Name, HostTensor Q, HostTensor K, HostTensor V)> Runs(AttentionProblem problem)
    {
        ArgumentNullException.ThrowIfNull(problem);
        if (problem.Bias is not null)
        {
            throw new InvalidInputException("bias", problem.Bias.GetType().Name, "none: keys with little weight could not be seen; probe the kernel without its bias");
        }

        for (var run = 0; run < MaskProbe.Runs(problem); run++)
        {
            var (q, k, v) = MaskProbe.Inputs(problem, run);
            yield return ($"mask_{run:d4}", q, k, v);
        }

        for (var run = 0; run < (AddressProbe.Refusal(problem) is null ? AddressRuns : 0); run++)
        {
            var (q, k, v) = AddressProbe.Inputs(problem, run);
            yield return ($"address_{run:d4}", q, k, v);
        }
    }

    /// <summary>Reads the outputs of all runs.</summary>
    /// <param name="problem">The problem.</param>
    /// <param name="outputs">Outputs by the names of <see cref="Runs"/>.</param>
    /// <param name="tile">The kernel's tiling.</param>
    /// <exception cref="InvalidInputException">An output is missing or has another shape.</exception>
    public static ProbeReport Read(AttentionProblem problem, Func<string, HostTensor> outputs, TileShape tile)
    {
        ArgumentNullException.ThrowIfNull(problem);
        ArgumentNullException.ThrowIfNull(outputs);
        var mask = MaskProbe.Read(problem, [.. Enumerable.Range(0, MaskProbe.Runs(problem)).Select(run => outputs($"mask_{run:d4}"))]);
        var refusal = AddressProbe.Refusal(problem);
        var addresses = refusal is null
            ? AddressProbe.Read(problem, [.. Enumerable.Range(0, AddressRuns).Select(run => outputs($"address_{run:d4}"))])
            : null;
        return new ProbeReport(problem, mask, MaskDifference.Of(problem, mask.Mask, tile), addresses, refusal);
    }
}
