using Stof.Reference.Masks;

namespace Stof.Reference.Formats;

/// <summary>A run of tile columns [First, End) of one tile row.</summary>
/// <param name="First">First column.</param>
/// <param name="End">One past the last.</param>
/// <param name="Full">True if every pair is allowed, false if the elements must be looked at.</param>
internal readonly record struct TileRun(int First, int End, bool Full);

/// <summary>
/// Finds what of a tile row is not empty by halving it until a rectangle is known to be full or empty or is one tile wide: the
/// work is proportional to the runs found times the logarithm of the row's length.
/// </summary>
internal static class TileWalker
{
    /// <summary>Replaces <paramref name="runs"/> by the runs of queries [queryStart, queryEnd), ascending.</summary>
    public static void Walk(BoundMask mask, int batch, int head, int queryStart, int queryEnd, int tileColumns, List<TileRun> runs)
    {
        runs.Clear();
        if (queryEnd > queryStart && mask.Extent.KeyLength > 0)
        {
            Split(mask, batch, head, queryStart, queryEnd, tileColumns, runs, 0, ((mask.Extent.KeyLength - 1) / tileColumns) + 1);
        }
    }

    private static void Split(
        BoundMask mask, int batch, int head, int queryStart, int queryEnd, int tileColumns, List<TileRun> runs, int first, int end)
    {
        var keyEnd = (int)Math.Min((long)end * tileColumns, mask.Extent.KeyLength);
        var known = mask.Classify(batch, head, new MaskRect(queryStart, queryEnd, first * tileColumns, keyEnd));
        if (known == TileClass.Empty)
        {
            return;
        }

        if (known == TileClass.Full || end - first == 1)
        {
            runs.Add(new TileRun(first, end, known == TileClass.Full));
            return;
        }

        var middle = first + ((end - first) / 2);
        Split(mask, batch, head, queryStart, queryEnd, tileColumns, runs, first, middle);
        Split(mask, batch, head, queryStart, queryEnd, tileColumns, runs, middle, end);
    }
}
