using Stof.Reference.Cuda.Ptx;
using Stof.Reference.Numerics;

namespace Stof.Reference.Cuda.Templates;

/// <summary>What a merge kernel is built for.</summary>
/// <param name="Type">Type of O in memory.</param>
/// <param name="ValueSize">Dv.</param>
/// <param name="HasSinks">True if a sink takes part in each row's softmax.</param>
/// <param name="StoresLogSumExp">True if LSE is stored.</param>
public sealed record SplitMergeSpec(DType Type, int ValueSize, bool HasSinks, bool StoresLogSumExp)
{
    /// <summary>
    /// Queries of a tile row, where states were stored by tile row and only some tile rows were cut (<see cref="MergeItem"/>); null where every
    /// row of [B, Hq, Sq] was cut into the same number of ranges.
    /// </summary>
    public int? QueryTile { get; init; }
}

/// <summary>
/// Merges the states of key ranges in ascending order, a warp a row: (m₁, l₁, o₁) ⊕ (m₂, l₂, o₂) ⊕ … Source: Flash-Decoding (Dao et al. 2023).
/// </summary>
internal static class SplitMerge
{
    private const int WarpLanes = 32;
    private const int Warps = 4;

    /// <summary>Rows of a block.</summary>
    public const int RowsPerBlock = Warps;

    /// <summary>Writes the kernel.</summary>
    public static Kernel Build(SplitMergeSpec spec, Target target)
    {
        var b = new KernelBuilder(NameOf(spec), target);
        b.AwaitPrevious();
        b.LetNextStart();
        var access = RowAccess.Of(spec.Type, spec.ValueSize, WarpLanes);
        var o = new TensorParameters(b, "o");
        var queries = b.Parameter<B32>("queries");
        var heads = b.Parameter<B32>("heads");
        var parts = new SplitParts(b, access with { Type = DType.F32 });
        var result = new ResultParameters(b, spec.HasSinks, spec.StoresLogSumExp);
        var ranges = b.Parameter<B64>("items");
        var splits = b.Parameter<B32>("splits");

        var thread = b.ThreadX();
        var lane = b.And(thread, WarpLanes - 1);
        var row = b.Mad(b.BlockX(), Warps, b.ShrU32(thread, 5));
        var (batch, head) = (b.BlockZ(), b.BlockY());
        var (query, first, step, count) = (row, B32.Constant(0), B32.Constant(1), splits);
        if (spec.QueryTile is { } tile)
        {
            var item = b.LoadGlobalVector<B32>(b.Element(ranges, b.BlockY(), MergeItem.Bytes), 4);
            (batch, head) = (b.ShrU32(item[0], 16), b.And(item[0], 0xffff));
            query = b.Mad(item[1], tile, row);
            (first, step, count) = (b.Mad(item[2], tile, row), tile, item[3]);
        }

        using (b.When(b.CompareU32(Comparison.GreaterOrEqual, query, queries)))
        {
            b.Return();
        }

        var place = b.Mad(b.Mad(batch, heads, head), queries, query);
        var index = b.Copy(spec.QueryTile is null ? b.MulLo(place, splits) : first);
        var chunks = parts.Access.Chart(b, lane);
        var state = SoftmaxState.Start(b, access.Floats);
        var seen = b.Copy<B32>(0);
        var split = b.Copy<B32>(0);
        b.While(
            () => b.CompareU32(Comparison.Less, split, count),
            () =>
            {
                var (part, keys) = parts.Load(b, index, chunks);
                state.Merge(b, part);
                b.Assign(seen, b.Add(seen, keys));
                b.Assign(index, b.Add(index, step));
                b.Assign(split, b.Add(split, 1));
            });
        var output = RowResult.Finish(b, result, place, head, lane, seen, state);
        access.Store(b, o.Row(b, o.Plane(b, batch, head), query), access.Chart(b, lane), output);
        return b.Build(Warps * WarpLanes);
    }

    private static string NameOf(SplitMergeSpec spec) =>
        $"split_merge_{spec.Type}_v{spec.ValueSize}".ToLowerInvariant()
        + (spec.QueryTile is { } tile ? $"_tile{tile}" : "") + (spec.HasSinks ? "_sinks" : "") + (spec.StoresLogSumExp ? "_lse" : "");
}

/// <summary>One tile row to merge, as a launch passes it: four 32-bit numbers.</summary>
/// <param name="BatchAndHead">Batch item in the upper half, query head in the lower.</param>
/// <param name="TileRow">Tile row.</param>
/// <param name="FirstPart">First of its parts; state (part, row) lies at part·BM + row.</param>
/// <param name="Parts">Number of its parts.</param>
internal readonly record struct MergeItem(int BatchAndHead, int TileRow, int FirstPart, int Parts)
{
    /// <summary>Size of an item.</summary>
    public const int Bytes = 16;
}
