using Stof.Reference.Cpu.Oracle;
using Stof.Reference.Numerics;
using Stof.Reference.Operators;
using Stof.Reference.Tensors;
using Stof.Reference.Verification.Probing;

namespace Stof.Reference.Verification.Golden;

/// <summary>One case for other people's tests: a problem whose every choice is named, inputs, and the right answer.</summary>
/// <param name="Name">A sentence: mask, alignment, shape, options, family, dtype.</param>
/// <param name="Problem">The problem.</param>
/// <param name="Family">What the inputs are drawn from.</param>
/// <param name="Q">Q.</param>
/// <param name="K">K.</param>
/// <param name="V">V.</param>
/// <param name="Reference">The oracle's answer.</param>
public sealed record GoldenCase(
    string Name, AttentionProblem Problem, InputFamily Family, HostTensor Q, HostTensor K, HostTensor V, AttentionReference Reference)
{
    private const int MostDraws = 200;
    private const double Nothing = 1e-40; // 0 in single precision, once the weight is e^-110

    /// <summary>Draws inputs and asks the oracle.</summary>
    /// <param name="name">The name without family and dtype.</param>
    /// <param name="problem">The problem.</param>
    /// <param name="family">The family; where code words are refused (a cap, bias or sink), the case has none of that family.</param>
    /// <param name="seed">Seed.</param>
    /// <returns>The case, or null where the family is refused.</returns>
    public static GoldenCase? Draw(string name, AttentionProblem problem, InputFamily family, ulong seed)
    {
        ArgumentNullException.ThrowIfNull(problem);
        var p = problem.Validated();
        var full = $"{name}_{p.Type.ToString().ToLowerInvariant()}_{family.ToString().ToLowerInvariant()}";
        if (family != InputFamily.Exact)
        {
            var q = RandomInputs.Tensor(seed, p.Type, family, p.Layout.Shape(p.Batch, p.QueryHeads, p.QueryLength, p.HeadSize));
            var k = RandomInputs.Tensor(seed + 1, p.Type, family, p.Layout.Shape(p.Batch, p.KvHeads, p.KvLength, p.HeadSize));
            var v = RandomInputs.Tensor(seed + 2, p.Type, family, p.Layout.Shape(p.Batch, p.KvHeads, p.KvLength, p.ValueSize));
            return new GoldenCase(full, p, family, q, k, v, NaiveAttention.Run(p, q, k, v));
        }

        if (AddressProbe.Refusal(p) is not null)
        {
            return null;
        }

        for (var draw = 0; draw < MostDraws; draw++)
        {
            // Another draw where two code words happen to be alike.
            var (q, k, v) = AddressProbe.Inputs(p, (int)(seed % 1000) + draw);
            var reference = NaiveAttention.Run(p, q, k, v);
            if (Array.TrueForAll(reference.Output, value => Math.Abs(value - Math.Round(value)) < Nothing))
            {
                return new GoldenCase(full, p, family, q, k, v, reference);
            }
        }

        return null;
    }
}
