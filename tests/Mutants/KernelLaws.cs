using Stof.Reference.Masks;
using Stof.Reference.Numerics;
using Stof.Reference.Operators;
using Stof.Reference.Tensors;

namespace Stof.Reference.Mutants;

/// <summary>A kernel.</summary>
internal delegate (HostTensor Output, HostTensor? LogSumExp) Kernel(AttentionProblem problem, HostTensor q, HostTensor k, HostTensor v);

/// <summary>A law; what breaks it, or null.</summary>
internal delegate string? Law(AttentionProblem problem, HostTensor q, HostTensor k, HostTensor v, Kernel kernel);

/// <summary>Laws of attention that need no right answer.</summary>
internal static class KernelLaws
{
    /// <summary>By name.</summary>
    public static readonly (string Name, Law Check)[] All =
    [
        ("values of 1 give 1, rows without keys 0", Ones),
        ("doubled values double the output", Doubled),
        ("a row that sees one key returns its value", Single),
        ("a softcap far above all scores changes nothing", Cap),
        ("a bias that is the same for all keys of a row changes nothing but LSE", Bias),
        ("a bias at one key is felt there", SteepBias),
        ("even and odd keys merged by LSE give all", Merge),
        ("a sink lowers the output by its share", Sink),
    ];

    private static string? Ones(AttentionProblem p, HostTensor q, HostTensor k, HostTensor v, Kernel kernel)
    {
        var output = kernel(p with { Sinks = null }, q, k, Filled(v, 1)).Output.ToDoubles();
        var mask = p.BindMask();
        return ForRows(p, (b, h, i, at) =>
        {
            var expected = Keys(p, mask, b, h, i).Any() ? 1 : 0;
            return Enumerable.Range(at, p.ValueSize).Any(e => !(Math.Abs(output[e] - expected) <= 4 * Math.Max(p.Type.UnitRoundoff(), 1e-6)))
                ? $"{output[at]:g6}, not {expected}" : null;
        });
    }

    private static string? Doubled(AttentionProblem p, HostTensor q, HostTensor k, HostTensor v, Kernel kernel)
    {
        var (once, twice) = (kernel(p, q, k, v).Output.ToDoubles(), kernel(p, q, k, Mapped(v, x => 2 * x)).Output.ToDoubles());

        // Subnormal numbers of F16 round; everything else doubles bit by bit.
        var tiny = 4 * p.Type.HalfSubnormal();
        return Enumerable.Range(0, once.Length).Where(i => Math.Abs((2 * once[i]) - twice[i]) > tiny).Select(i => $"element {i}").FirstOrDefault();
    }

    private static string? Single(AttentionProblem p, HostTensor q, HostTensor k, HostTensor v, Kernel kernel)
    {
        if (p.KvLength == 0 || p.Lengths is not null)
        {
            return null;
        }

        var single = p with { Mask = Chosen(p, (b, h, i, j) => j == ((i * 7) + (h * 3) + b) % p.KvLength), Sinks = null, Bias = null };
        var output = kernel(single, q, k, v).Output.ToDoubles();
        var values = v.ToDoubles();
        return ForRows(p, (b, h, i, at) =>
        {
            var from = p.Layout.RowOffset(p.KvHeads, p.KvLength, p.ValueSize, b, p.KvHeadOf(h), ((i * 7) + (h * 3) + b) % p.KvLength);
            return Enumerable.Range(0, p.ValueSize).All(d => Math.Abs(output[at + d] - values[from + d]) <= 1e-6 * Math.Max(1, Math.Abs(values[from + d])))
                ? null : $"{output[at]:g6}, not {values[from]:g6}";
        });
    }

    private static string? Cap(AttentionProblem p, HostTensor q, HostTensor k, HostTensor v, Kernel kernel) => Near(
        p, kernel(p with { Softcap = null, Scale = 0.01, Bias = null }, q, k, v).Output, kernel(p with { Softcap = 3000, Scale = 0.01, Bias = null }, q, k, v).Output, v);

    private static string? Bias(AttentionProblem p, HostTensor q, HostTensor k, HostTensor v, Kernel kernel)
    {
        var bias = HostTensor.Zeros(DType.F32, 1, p.QueryHeads, p.QueryLength, p.KvLength);
        for (var i = 0; i < bias.Count; i++)
        {
            bias.Span<float>()[i] = (i / Math.Max(p.KvLength, 1) % 5) - 2;
        }

        var plain = p with { Bias = null, Softcap = null, Sinks = null };
        return Near(p, kernel(plain, q, k, v).Output, kernel(plain with { Bias = new DenseBias(bias) }, q, k, v).Output, v);
    }

    // 100 at one key of every row that may see it: the row returns that key's value.
    private static string? SteepBias(AttentionProblem p, HostTensor q, HostTensor k, HostTensor v, Kernel kernel)
    {
        if (p.KvLength == 0 || p.QueryLength == 0)
        {
            return null;
        }

        int Key(int h, int i) => ((i * 5) + h) % p.KvLength;
        var bias = HostTensor.Zeros(DType.F32, 1, p.QueryHeads, p.QueryLength, p.KvLength);
        for (var row = 0; row < p.QueryHeads * p.QueryLength; row++)
        {
            bias.Span<float>()[(row * p.KvLength) + Key(row / p.QueryLength, row % p.QueryLength)] = 100;
        }

        var output = kernel(p with { Bias = new DenseBias(bias), Softcap = null, Sinks = null, Scale = 0.001 }, q, k, v).Output.ToDoubles();
        var (values, mask) = (v.ToDoubles(), p.BindMask());
        return ForRows(p, (b, h, i, at) =>
        {
            var from = p.Layout.RowOffset(p.KvHeads, p.KvLength, p.ValueSize, b, p.KvHeadOf(h), Key(h, i));
            return !mask.Allows(b, h, i, Key(h, i)) || Math.Abs(output[at] - values[from]) <= 1e-6 * Math.Max(1, Math.Abs(values[from])) ? null : $"{output[at]:g6}, not {values[from]:g6}";
        });
    }

    private static string? Merge(AttentionProblem p, HostTensor q, HostTensor k, HostTensor v, Kernel kernel)
    {
        if (p.Lengths is not null || p.Sinks is not null)
        {
            return null;
        }

        var mask = p.BindMask();
        var (all, allLse) = kernel(p, q, k, v);
        var (even, evenLse) = kernel(p with { Mask = Chosen(p, (b, h, i, j) => j % 2 == 0 && mask.Allows(b, h, i, j)) }, q, k, v);
        var (odd, oddLse) = kernel(p with { Mask = Chosen(p, (b, h, i, j) => j % 2 == 1 && mask.Allows(b, h, i, j)) }, q, k, v);
        var (whole, one, other) = (all.ToDoubles(), even.ToDoubles(), odd.ToDoubles());
        var bound = 12 * Math.Max(p.Type.UnitRoundoff(), 2e-6) * v.ToDoubles().Select(Math.Abs).DefaultIfEmpty(0).Max();
        return ForRows(p, (b, h, i, at) =>
        {
            var row = (((b * p.QueryHeads) + h) * p.QueryLength) + i;
            var (x, y, z) = (evenLse!.ToDoubles()[row], oddLse!.ToDoubles()[row], allLse!.ToDoubles()[row]);
            if (double.IsNegativeInfinity(z))
            {
                return double.IsNegativeInfinity(x) && double.IsNegativeInfinity(y) ? null : "LSE of a part without keys";
            }

            var joint = Math.Max(x, y) + Math.Log(Math.Exp(x - Math.Max(x, y)) + Math.Exp(y - Math.Max(x, y)));
            if (!(Math.Abs(joint - z) <= 1e-4 * Math.Max(1, Math.Abs(z))))
            {
                return $"LSE {z:g6}, merged {joint:g6}";
            }

            for (var d = 0; d < p.ValueSize; d++)
            {
                var merged = (Math.Exp(x - joint) * one[at + d]) + (Math.Exp(y - joint) * other[at + d]);
                if (!(Math.Abs(merged - whole[at + d]) <= bound))
                {
                    return $"{whole[at + d]:g6}, merged {merged:g6}";
                }
            }

            return null;
        });
    }

    // With a sink of s the output is o·exp(LSE)/(exp(LSE) + exp(s)).
    private static string? Sink(AttentionProblem p, HostTensor q, HostTensor k, HostTensor v, Kernel kernel)
    {
        var (plain, lse) = kernel(p with { Sinks = null }, q, k, v);
        double[] sinks = [.. Enumerable.Range(0, p.QueryHeads).Select(h => 4.0 + (3 * h))];
        var (sunk, sunkLse) = kernel(p with { Sinks = sinks }, q, k, v);
        var (before, after) = (plain.ToDoubles(), sunk.ToDoubles());
        var bound = 8 * Math.Max(p.Type.UnitRoundoff(), 2e-6) * v.ToDoubles().Select(Math.Abs).DefaultIfEmpty(0).Max();
        return ForRows(p, (b, h, i, at) =>
        {
            var row = (((b * p.QueryHeads) + h) * p.QueryLength) + i;
            var own = lse!.ToDoubles()[row];
            var top = Math.Max(own, sinks[h]);
            var joint = top + Math.Log(Math.Exp(own - top) + Math.Exp(sinks[h] - top));
            return Math.Abs(sunkLse!.ToDoubles()[row] - joint) > 1e-4 * Math.Max(1, Math.Abs(joint)) ? "LSE"
                : Enumerable.Range(at, p.ValueSize).Any(e => !(Math.Abs((before[e] * Math.Exp(own - joint)) - after[e]) <= bound)) ? "output"
                : null;
        });
    }

    private static string? Near(AttentionProblem p, HostTensor one, HostTensor other, HostTensor v)
    {
        var (x, y) = (one.ToDoubles(), other.ToDoubles());
        var bound = 12 * Math.Max(p.Type.UnitRoundoff(), 2e-6) * v.ToDoubles().Select(Math.Abs).DefaultIfEmpty(0).Max();
        return Enumerable.Range(0, x.Length).Where(i => !(Math.Abs(x[i] - y[i]) <= bound)).Select(i => $"{x[i]:g6} and {y[i]:g6} at element {i}").FirstOrDefault();
    }

    private static string? ForRows(AttentionProblem p, Func<int, int, int, int, string?> check)
    {
        for (var row = 0; row < p.Batch * p.QueryHeads * p.QueryLength; row++)
        {
            var (b, h, i) = (row / (p.QueryHeads * p.QueryLength), row / p.QueryLength % p.QueryHeads, row % p.QueryLength);
            if (check(b, h, i, p.Layout.RowOffset(p.QueryHeads, p.QueryLength, p.ValueSize, b, h, i)) is { } finding)
            {
                return $"row ({b}, {h}, {i}): {finding}";
            }
        }

        return null;
    }

    private static IEnumerable<int> Keys(AttentionProblem p, BoundMask mask, int b, int h, int i) =>
        Enumerable.Range(0, p.KvLength).Where(j => mask.Allows(b, h, i, j));

    private static DenseMask Chosen(AttentionProblem p, Func<int, int, int, int, bool> allows)
    {
        var mask = HostTensor.Zeros(DType.Bool, p.Batch, p.QueryHeads, p.QueryLength, p.KvLength);
        for (var at = 0; at < mask.Count; at++)
        {
            var row = at / p.KvLength;
            mask.Bytes[at] = allows(row / p.QueryLength / p.QueryHeads, row / p.QueryLength % p.QueryHeads, row % p.QueryLength, at % p.KvLength) ? (byte)1 : (byte)0;
        }

        return DenseMask.From(mask);
    }

    private static HostTensor Filled(HostTensor like, double value) => Mapped(like, _ => value);

    private static HostTensor Mapped(HostTensor tensor, Func<double, double> map) =>
        HostTensor.From(Array.ConvertAll(tensor.ToDoubles(), value => map(value)), tensor.Shape).To(tensor.Type);
}
