using Stof.Reference.Backends;
using Stof.Reference.Masks;
using Stof.Reference.Numerics;
using Stof.Reference.Operators;
using Stof.Reference.Tensors;
using Stof.Reference.Tests;

namespace Stof.Reference.Conformance.Tests.Attention;

/// <summary>
/// An attention with nothing implied: mask and bias are written out pair by pair, so that queries, keys, heads and batch items can
/// be picked, repeated and reordered at will. Elements lie in the order [B, H, S, D].
/// </summary>
/// <param name="Problem">Shapes and the options that do not depend on positions; it has neither mask nor bias.</param>
/// <param name="Q">Queries.</param>
/// <param name="K">Keys.</param>
/// <param name="V">Values.</param>
/// <param name="Allowed">[B, Hq, Sq, Skv].</param>
/// <param name="Bias">[B, Hq, Sq, Skv], or null.</param>
internal sealed record WrittenAttention(AttentionProblem Problem, double[] Q, double[] K, double[] V, bool[] Allowed, double[]? Bias)
{
    /// <summary>Writes a trial out.</summary>
    public static WrittenAttention Of(AttentionTrial trial)
    {
        var p = trial.Problem;
        var mask = p.BindMask();
        var allowed = new bool[p.Batch * p.QueryHeads * p.QueryLength * p.KvLength];
        var bias = p.Bias is null ? null : new double[allowed.Length];
        for (var pair = 0; pair < allowed.Length; pair++)
        {
            var (row, key) = Math.DivRem(pair, p.KvLength);
            var (slice, query) = Math.DivRem(row, p.QueryLength);
            var (b, h) = Math.DivRem(slice, p.QueryHeads);
            allowed[pair] = mask.Allows(b, h, query, key);
            if (bias is not null && allowed[pair])
            {
                bias[pair] = p.Bias!.At(p, b, h, query, key);
            }
        }

        var plain = p with { Mask = new FullMask(), Bias = null, Lengths = null, Layout = AttentionLayout.BatchHeadsLength, KvSplits = 1 };
        return new WrittenAttention(
            plain,
            Reordered(trial.Q, p.Layout, AttentionLayout.BatchHeadsLength),
            Reordered(trial.K, p.Layout, AttentionLayout.BatchHeadsLength),
            Reordered(trial.V, p.Layout, AttentionLayout.BatchHeadsLength),
            allowed,
            bias);
    }

    /// <summary>Picks along every axis; an index may occur often, and −1 among the keys is a new key that is masked for all.</summary>
    /// <param name="items">Batch items; null for all in order, as everywhere.</param>
    /// <param name="heads">Query heads.</param>
    /// <param name="kvHeads">KV heads; the picked query heads share them in equal groups.</param>
    /// <param name="queries">Queries.</param>
    /// <param name="keys">Keys.</param>
    /// <param name="filling">What new keys and their values hold.</param>
    public WrittenAttention Pick(
        int[]? items = null, int[]? heads = null, int[]? kvHeads = null, int[]? queries = null, int[]? keys = null, double filling = 0)
    {
        var p = Problem;
        items ??= All(p.Batch);
        heads ??= All(p.QueryHeads);
        kvHeads ??= All(p.KvHeads);
        queries ??= All(p.QueryLength);
        keys ??= All(p.KvLength);
        var picked = p with
        {
            Batch = items.Length,
            QueryHeads = heads.Length,
            KvHeads = kvHeads.Length,
            QueryLength = queries.Length,
            KvLength = keys.Length,
            Sinks = p.Sinks is null ? null : [.. heads.Select(h => p.Sinks[h])],
        };
        var pairs =
            from b in items
            from h in heads
            from query in queries
            from key in keys
            select key < 0 ? -1 : (((((b * p.QueryHeads) + h) * p.QueryLength) + query) * p.KvLength) + key;
        int[] places = [.. pairs];
        return new WrittenAttention(
            picked,
            Rows(Q, p.QueryHeads, p.QueryLength, p.HeadSize, items, heads, queries, 0),
            Rows(K, p.KvHeads, p.KvLength, p.HeadSize, items, kvHeads, keys, filling),
            Rows(V, p.KvHeads, p.KvLength, p.ValueSize, items, kvHeads, keys, filling),
            [.. places.Select(place => place >= 0 && Allowed[place])],
            Bias is null ? null : [.. places.Select(place => place < 0 ? 0 : Bias[place])]);
    }

    /// <summary>Runs it.</summary>
    /// <returns>O [B, Hq, Sq, Dv] and LSE [B, Hq, Sq], widened.</returns>
    public (double[] Output, double[] LogSumExp) Attend(IBackend backend)
    {
        var p = Problem;
        var bits = HostTensor.Zeros(DType.Bool, p.Batch, p.QueryHeads, p.QueryLength, p.KvLength);
        for (var i = 0; i < Allowed.Length; i++)
        {
            bits.Bytes[i] = (byte)(Allowed[i] ? 1 : 0);
        }

        var whole = p with
        {
            Mask = DenseMask.From(bits),
            Bias = Bias is null ? null : new DenseBias(HostTensor.From(Bias, p.Batch, p.QueryHeads, p.QueryLength, p.KvLength)),
        };
        var (output, logSumExp) = backend.Attend(
            whole,
            Tensor(Q, p.QueryHeads, p.QueryLength, p.HeadSize),
            Tensor(K, p.KvHeads, p.KvLength, p.HeadSize),
            Tensor(V, p.KvHeads, p.KvLength, p.ValueSize));
        return (Reordered(output, p.Layout, AttentionLayout.BatchHeadsLength), logSumExp!.ToDoubles());
    }

    /// <summary>Elements of [B, H, S, D] or [B, S, H, D] in the other order, or in the same.</summary>
    public static double[] Reordered(HostTensor source, AttentionLayout from, AttentionLayout to)
    {
        var values = source.ToDoubles();
        if (from == to)
        {
            return values;
        }

        // Either way the two middle axes change places.
        var (outer, first, second, size) = (source.Shape[0], source.Shape[1], source.Shape[2], source.Shape[3]);
        var result = new double[values.Length];
        for (var row = 0; row < outer * first * second; row++)
        {
            var (b, i, j) = (row / second / first, row / second % first, row % second);
            values.AsSpan(row * size, size).CopyTo(result.AsSpan(((((b * second) + j) * first) + i) * size, size));
        }

        return result;
    }

    private static int[] All(int count) => [.. Enumerable.Range(0, count)];

    private static double[] Rows(
        double[] source, int heads, int length, int size, int[] items, int[] pickedHeads, int[] positions, double filling)
    {
        var result = new double[items.Length * pickedHeads.Length * positions.Length * size];
        var target = 0;
        foreach (var b in items)
        {
            foreach (var h in pickedHeads)
            {
                foreach (var s in positions)
                {
                    var row = result.AsSpan(target, size);
                    if (s < 0)
                    {
                        row.Fill(filling);
                    }
                    else
                    {
                        source.AsSpan(((((b * heads) + h) * length) + s) * size, size).CopyTo(row);
                    }

                    target += size;
                }
            }
        }

        return result;
    }

    private HostTensor Tensor(double[] values, int heads, int length, int size)
    {
        var canonical = HostTensor.From(values, Problem.Batch, heads, length, size);
        return HostTensor.From(
            Reordered(canonical, AttentionLayout.BatchHeadsLength, Problem.Layout),
            Problem.Layout.Shape(Problem.Batch, heads, length, size)).To(Problem.Type);
    }
}
