using Stof.Reference.Numerics;
using Stof.Reference.Operators;
using Stof.Reference.Tensors;
using Stof.Reference.Verification.Diagnosis;

namespace Stof.Reference.Verification.Probing;

/// <summary>
/// Reads the effective mask of a kernel that nobody can look into, exactly. With Q = 0 all scores of a row are alike, and with V
/// one-hot an output element is the weight of one key: not 0 exactly where the kernel let the query see the key. Run r shows the
/// keys [r·Dv, (r + 1)·Dv) of all rows, so ⌈Skv/Dv⌉ runs show everything.
/// </summary>
public static class MaskProbe
{
    /// <summary>Number of runs: ⌈Skv/Dv⌉.</summary>
    public static int Runs(AttentionProblem problem)
    {
        ArgumentNullException.ThrowIfNull(problem);
        return (problem.KvLength + problem.ValueSize - 1) / problem.ValueSize;
    }

    /// <summary>The inputs of one run.</summary>
    /// <param name="problem">The problem; a dense bias hides keys whose weights underflow, so none may be set.</param>
    /// <param name="run">The run, from 0.</param>
    public static (HostTensor Q, HostTensor K, HostTensor V) Inputs(AttentionProblem problem, int run)
    {
        ArgumentNullException.ThrowIfNull(problem);
        var p = problem;
        var q = HostTensor.Zeros(p.Type, p.Layout.Shape(p.Batch, p.QueryHeads, p.QueryLength, p.HeadSize));

        // K is not 0: a kernel that takes K for V, say, must not get away with it.
        var k = ProbeTensors.Of(p.Type, p.Layout.Shape(p.Batch, p.KvHeads, p.KvLength, p.HeadSize), i => ((i * 37 % 64) - 31.5) / 16);
        var v = ProbeTensors.Rows(p, p.ValueSize, (_, _, key, values) =>
        {
            if (key / p.ValueSize == run)
            {
                values[key % p.ValueSize] = 1;
            }
        });
        return (q, k, v);
    }

    /// <summary>The mask that outputs show.</summary>
    /// <param name="problem">The problem.</param>
    /// <param name="outputs">O of every run, in order.</param>
    /// <exception cref="InvalidInputException">An output has another shape or dtype, or there are not as many as runs.</exception>
    public static MaskProbeReading Read(AttentionProblem problem, IReadOnlyList<HostTensor> outputs)
    {
        ArgumentNullException.ThrowIfNull(problem);
        ArgumentNullException.ThrowIfNull(outputs);
        var p = problem;
        if (outputs.Count != Runs(p))
        {
            throw new InvalidInputException("probe outputs", $"{outputs.Count} runs", $"{Runs(p)}");
        }

        var weights = new double[p.Batch * p.QueryHeads * p.QueryLength][];
        for (var run = 0; run < outputs.Count; run++)
        {
            ProbeTensors.RequireOutput(p, outputs[run], $"output of run {run}");
            var values = outputs[run].ToDoubles();
            for (var row = 0; row < weights.Length; row++)
            {
                weights[row] ??= new double[p.KvLength];
                var (b, h, query) = (row / (p.QueryHeads * p.QueryLength), row / p.QueryLength % p.QueryHeads, row % p.QueryLength);
                var first = run * p.ValueSize;
                values.AsSpan(p.Layout.RowOffset(p.QueryHeads, p.QueryLength, p.ValueSize, b, h, query), Math.Min(p.ValueSize, p.KvLength - first))
                    .CopyTo(weights[row].AsSpan(first));
            }
        }

        var planes = new MaskPlanes(p.Extent, (b, h) => BitPlane.From(
            p.QueryLength, p.KvLength, (query, key) => weights[(((b * p.QueryHeads) + h) * p.QueryLength) + query][key] != 0));
        return new MaskProbeReading(planes, UnequalRows(p, weights), weights.LongCount(row => row.Any(double.IsNaN)));
    }

    // Without bias all weights of a row are alike; a key that counts twice has twice the weight.
    private static long UnequalRows(AttentionProblem p, double[][] weights)
    {
        if (p.Bias is not null)
        {
            return 0;
        }

        var relative = 4 * p.Type.UnitRoundoff();
        return weights.LongCount(row =>
        {
            var (least, most) = (double.PositiveInfinity, 0.0);
            foreach (var weight in row)
            {
                (least, most) = weight > 0 ? (Math.Min(least, weight), Math.Max(most, weight)) : (least, most);
            }

            return most > least * (1 + relative) + (2 * p.Type.HalfSubnormal());
        });
    }
}

/// <summary>What a mask probe shows.</summary>
/// <param name="Mask">The effective mask.</param>
/// <param name="UnequalRows">Rows whose visible keys do not all count the same: some count twice, or are not divided by one sum.</param>
/// <param name="NotANumberRows">Rows with NaN.</param>
public sealed record MaskProbeReading(MaskPlanes Mask, long UnequalRows, long NotANumberRows);
