using Stof.Reference.Masks;
using Stof.Reference.Numerics;
using Stof.Reference.Operators;
using Stof.Reference.Tensors;
using Stof.Reference.Verification.Diagnosis;
using Stof.Reference.Verification.Golden;

namespace Stof.Reference.Verification.Determinism;

/// <summary>Whether a promise holds.</summary>
public enum Promise
{
    /// <summary>It held every time.</summary>
    Holds,

    /// <summary>It was broken.</summary>
    Broken,

    /// <summary>It could not be asked.</summary>
    NotAsked,
}

/// <summary>One promise of determinism.</summary>
/// <param name="Name">What is promised.</param>
/// <param name="Outcome">Whether it holds.</param>
/// <param name="Detail">Where it was broken, or why it was not asked; empty otherwise.</param>
public sealed record DeterminismFinding(string Name, Promise Outcome, string Detail);

/// <summary>Runs a kernel: problem, Q, K, V, and placeholders for the command with their values.</summary>
/// <returns>O.</returns>
public delegate HostTensor KernelRun(AttentionProblem problem, HostTensor q, HostTensor k, HostTensor v, params ReadOnlySpan<(string Name, string Value)> placeholders);

/// <summary>
/// Which promises of bit equality a kernel keeps: from run to run, for a batch item alone, with masked keys appended, with heads in
/// another order, and where the caller's program offers it with buffers displaced or other numbers of threads.
/// </summary>
public static class DeterminismChecks
{
    private const int AppendedKeys = 17; // no multiple of any tile

    /// <summary>Runs all checks.</summary>
    /// <param name="problem">The problem.</param>
    /// <param name="run">Runs the kernel.</param>
    /// <param name="repeats">Further runs of the first check.</param>
    /// <param name="seed">Seed of the inputs.</param>
    /// <param name="has">Whether the kernel's command takes a placeholder.</param>
    public static IReadOnlyList<DeterminismFinding> Run(AttentionProblem problem, KernelRun run, int repeats, ulong seed, Func<string, bool> has)
    {
        ArgumentNullException.ThrowIfNull(problem);
        ArgumentNullException.ThrowIfNull(run);
        ArgumentNullException.ThrowIfNull(has);
        var p = problem;
        var q = RandomInputs.Tensor(seed, p.Type, InputFamily.Normal, p.Layout.Shape(p.Batch, p.QueryHeads, p.QueryLength, p.HeadSize));
        var k = RandomInputs.Tensor(seed + 1, p.Type, InputFamily.Normal, p.Layout.Shape(p.Batch, p.KvHeads, p.KvLength, p.HeadSize));
        var v = RandomInputs.Tensor(seed + 2, p.Type, InputFamily.Normal, p.Layout.Shape(p.Batch, p.KvHeads, p.KvLength, p.ValueSize));
        var first = run(p, q, k, v, Placeholders(has));
        return
        [
            Repeats(p, run, q, k, v, first, repeats, has),
            BatchSlices(p, run, q, k, v, first, has),
            Appended(p, run, q, k, v, first, seed, has),
            Heads(p, run, q, k, v, first, has),
            Varied("buffers displaced by 1 to 15 elements", "{offset}", [1, 2, 3, 5, 8, 15], p, run, q, k, v, first, has),
            Varied("other numbers of threads or streams", "{threads}", [2, 3, 7], p, run, q, k, v, first, has),
        ];
    }

    private static (string, string)[] Placeholders(Func<string, bool> has, string? changed = null, int value = 0) =>
        [.. new[] { ("{offset}", 0), ("{threads}", 1) }
            .Where(entry => has(entry.Item1))
            .Select(entry => (entry.Item1, $"{(entry.Item1 == changed ? value : entry.Item2)}"))];

    private static DeterminismFinding Repeats(
        AttentionProblem p, KernelRun run, HostTensor q, HostTensor k, HostTensor v, HostTensor first, int repeats, Func<string, bool> has)
    {
        var name = $"{repeats} repeats have equal bits";
        for (var i = 1; i <= repeats; i++)
        {
            if (Difference(first, run(p, q, k, v, Placeholders(has))) is { } detail)
            {
                return new DeterminismFinding(name, Promise.Broken, $"repeat {i}: {detail}");
            }
        }

        return new DeterminismFinding(name, Promise.Holds, "");
    }

    private static DeterminismFinding BatchSlices(
        AttentionProblem p, KernelRun run, HostTensor q, HostTensor k, HostTensor v, HostTensor first, Func<string, bool> has)
    {
        const string Name = "a batch item alone gives its slice of the batch";
        if (p.Batch < 2)
        {
            return new DeterminismFinding(Name, Promise.NotAsked, "one batch item; --batch 2 or more");
        }

        var planes = MaskPlanes.Of(p.BindMask());
        for (var b = 0; b < p.Batch; b++)
        {
            var item = b;
            var single = p with
            {
                Batch = 1,
                Lengths = null,
                Mask = Dense(1, p.QueryHeads, p.QueryLength, p.KvLength, (_, h, query, key) => planes[item, h][query, key]),
            };
            if (Difference(Items(first, b, 1), run(single, Items(q, b, 1), Items(k, b, 1), Items(v, b, 1), Placeholders(has))) is { } detail)
            {
                return new DeterminismFinding(Name, Promise.Broken, $"item {b}: {detail}");
            }
        }

        return new DeterminismFinding(Name, Promise.Holds, "");
    }

    private static DeterminismFinding Appended(
        AttentionProblem p, KernelRun run, HostTensor q, HostTensor k, HostTensor v, HostTensor first, ulong seed, Func<string, bool> has)
    {
        var planes = MaskPlanes.Of(p.BindMask());
        var longer = p with
        {
            KvLength = p.KvLength + AppendedKeys,
            Lengths = null,
            Mask = Dense(
                p.Batch, p.QueryHeads, p.QueryLength, p.KvLength + AppendedKeys, (b, h, query, key) => key < p.KvLength && planes[b, h][query, key]),
        };
        var detail = Difference(first, run(longer, q, Longer(p, k, p.HeadSize, seed + 3), Longer(p, v, p.ValueSize, seed + 4), Placeholders(has)));
        return new DeterminismFinding(
            $"{AppendedKeys} appended masked keys change nothing", detail is null ? Promise.Holds : Promise.Broken, detail ?? "");
    }

    private static DeterminismFinding Heads(
        AttentionProblem p, KernelRun run, HostTensor q, HostTensor k, HostTensor v, HostTensor first, Func<string, bool> has)
    {
        const string Name = "other head order permutes the output only";
        if (p.KvHeads < 2)
        {
            return new DeterminismFinding(Name, Promise.NotAsked, "one KV head; --kv-heads 2 or more");
        }

        var group = p.QueryHeads / p.KvHeads;
        int KvHead(int h) => p.KvHeads - 1 - h;
        int QueryHead(int h) => (KvHead(h / group) * group) + (h % group);
        var planes = MaskPlanes.Of(p.BindMask());
        var permuted = p with
        {
            Lengths = null,
            Mask = Dense(p.Batch, p.QueryHeads, p.QueryLength, p.KvLength, (b, h, query, key) => planes[b, QueryHead(h)][query, key]),
        };
        var output = run(
            permuted,
            HeadOrder(p, q, p.QueryHeads, p.QueryLength, QueryHead),
            HeadOrder(p, k, p.KvHeads, p.KvLength, KvHead),
            HeadOrder(p, v, p.KvHeads, p.KvLength, KvHead),
            Placeholders(has));
        var detail = Difference(HeadOrder(p, first, p.QueryHeads, p.QueryLength, QueryHead), output);
        return new DeterminismFinding(Name, detail is null ? Promise.Holds : Promise.Broken, detail ?? "");
    }

    private static DeterminismFinding Varied(
        string name,
        string placeholder,
        int[] values,
        AttentionProblem p,
        KernelRun run,
        HostTensor q,
        HostTensor k,
        HostTensor v,
        HostTensor first,
        Func<string, bool> has)
    {
        if (!has(placeholder))
        {
            return new DeterminismFinding(name, Promise.NotAsked, $"the command has no {placeholder}");
        }

        foreach (var value in values)
        {
            if (Difference(first, run(p, q, k, v, Placeholders(has, placeholder, value))) is { } detail)
            {
                return new DeterminismFinding(name, Promise.Broken, $"{placeholder} = {value}: {detail}");
            }
        }

        return new DeterminismFinding(name, Promise.Holds, "");
    }

    private static string? Difference(HostTensor expected, HostTensor found)
    {
        if (!found.HasShape(expected.Shape) || found.Type != expected.Type)
        {
            return $"{found}, not {expected}";
        }

        if (expected.Bytes.SequenceEqual(found.Bytes))
        {
            return null;
        }

        var size = expected.Type.Size();
        var (count, firstIndex) = (0, -1);
        for (var i = 0; i < expected.Count; i++)
        {
            if (!expected.Bytes.Slice(i * size, size).SequenceEqual(found.Bytes.Slice(i * size, size)))
            {
                (count, firstIndex) = (count + 1, firstIndex < 0 ? i : firstIndex);
            }
        }

        return FormattableString.Invariant(
            $"{count} of {expected.Count} elements differ, the first at {firstIndex}: {found.ToDoubles()[firstIndex]:g9}, not {expected.ToDoubles()[firstIndex]:g9}");
    }

    private static DenseMask Dense(int batch, int heads, int queries, int keys, Func<int, int, int, int, bool> allows)
    {
        var mask = HostTensor.Zeros(DType.Bool, batch, heads, queries, keys);
        for (var i = 0; i < mask.Count; i++)
        {
            mask.Bytes[i] = allows(i / keys / queries / heads, i / keys / queries % heads, i / keys % queries, i % keys) ? (byte)1 : (byte)0;
        }

        return DenseMask.From(mask);
    }

    private static HostTensor Items(HostTensor tensor, int start, int count)
    {
        var shape = tensor.Shape.ToArray();
        shape[0] = count;
        var result = HostTensor.Uninitialized(tensor.Type, shape);
        tensor.Bytes.Slice(start * (result.Bytes.Length / count), result.Bytes.Length).CopyTo(result.Bytes);
        return result;
    }

    private static HostTensor Longer(AttentionProblem p, HostTensor tensor, int size, ulong seed)
    {
        var result = RandomInputs.Tensor(seed, p.Type, InputFamily.Normal, p.Layout.Shape(p.Batch, p.KvHeads, p.KvLength + AppendedKeys, size));
        CopyRows(p, tensor, p.KvHeads, p.KvLength, result, p.KvLength + AppendedKeys, h => h);
        return result;
    }

    private static HostTensor HeadOrder(AttentionProblem p, HostTensor tensor, int heads, int length, Func<int, int> source)
    {
        var result = HostTensor.Uninitialized(tensor.Type, tensor.Shape);
        CopyRows(p, tensor, heads, length, result, length, source);
        return result;
    }

    private static void CopyRows(AttentionProblem p, HostTensor from, int heads, int length, HostTensor to, int toLength, Func<int, int> source)
    {
        var (size, bytes) = (from.Shape[3], from.Type.Size());
        for (var row = 0; row < p.Batch * heads * length; row++)
        {
            var (b, h, s) = (row / (heads * length), row / length % heads, row % length);
            from.Bytes.Slice(p.Layout.RowOffset(heads, length, size, b, source(h), s) * bytes, size * bytes)
                .CopyTo(to.Bytes[(p.Layout.RowOffset(heads, toLength, size, b, h, s) * bytes)..]);
        }
    }
}
