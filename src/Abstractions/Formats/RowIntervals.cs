using Stof.Reference.Masks;
using Stof.Reference.Tensors;

namespace Stof.Reference.Formats;

/// <summary>
/// The allowed keys of every query as runs [start, end), sorted, disjoint, and never touching. Query q of slice s has the runs
/// <c>RowPtr[s·Sq + q] … RowPtr[s·Sq + q + 1]</c>; run r is <c>[Bounds[2r], Bounds[2r + 1])</c>. Represents every mask; costs eight
/// bytes a run, so that a band costs the same at every width.
/// <para>
/// Example: <c>longformer(band=1,global=2)</c> at S = 16. Queries 0 and 1 have one run [0, 16); query 2 [0, 4) (the band touches the
/// global keys); query 3 [0, 5) touches too (keys 2 to 4); query 4 has [0, 2) and [3, 6). RowPtr begins 0, 1, 2, 3, 4, 6.
/// </para>
/// </summary>
public sealed class RowIntervals
{
    /// <summary>The names of the arrays.</summary>
    internal static readonly string[] Names = ["interval_row_ptr", "interval_keys", ArrayReader.Extent, ArrayReader.SliceCounts];

    internal RowIntervals(MaskSlices slices, int[] rowPtr, int[] bounds)
    {
        Slices = slices;
        RowPtr = rowPtr;
        Bounds = bounds;
    }

    /// <summary>The rectangle and the stored slices.</summary>
    public MaskSlices Slices { get; }

    /// <summary>Running count of runs, slices·Sq + 1 entries.</summary>
    public int[] RowPtr { get; }

    /// <summary>First key and one past the last key of every run, in turn.</summary>
    public int[] Bounds { get; }

    /// <summary>Starts and ends of one query's runs, in turn.</summary>
    public ReadOnlySpan<int> Row(int batch, int head, int query)
    {
        var row = (Slices.Index(batch, head) * Slices.Extent.QueryLength) + query;
        return Bounds.AsSpan(2 * RowPtr[row], 2 * (RowPtr[row + 1] - RowPtr[row]));
    }

    /// <summary>Builds the runs; the work is proportional to them and to the tiles of 64×64 that are neither full nor empty.</summary>
    /// <exception cref="InvalidInputException">There are more rows or runs than an array holds.</exception>
    public static RowIntervals Build(BoundMask mask)
    {
        var slices = MaskSlices.Of(mask);
        var extent = slices.Extent;
        var pointers = slices.QueryRows + 1;
        FormatRules.Require(pointers <= Array.MaxLength, "row intervals", $"{pointers} row pointers", $"at most {Array.MaxLength}");
        var rowPtr = new int[pointers];
        var buffer = new RunBuffer();
        var tiles = new List<TileRun>();
        var row = 0;
        for (var slice = 0; slice < slices.Count; slice++)
        {
            var (batch, head) = slices.Pair(slice);
            for (var start = 0; start < extent.QueryLength; start += BoundMask.RowBits)
            {
                var end = (int)Math.Min((long)start + BoundMask.RowBits, extent.QueryLength);
                TileWalker.Walk(mask, batch, head, start, end, BoundMask.RowBits, tiles);
                for (var query = start; query < end; query++)
                {
                    foreach (var tile in tiles)
                    {
                        var key = tile.First * BoundMask.RowBits;
                        if (tile.Full)
                        {
                            buffer.Add(key, (int)Math.Min((long)tile.End * BoundMask.RowBits, extent.KeyLength));
                        }
                        else
                        {
                            buffer.AddBits(key, mask.Row64(batch, head, query, key));
                        }
                    }

                    buffer.EndRow();
                    rowPtr[++row] = buffer.Count;
                }
            }
        }

        return new RowIntervals(slices, rowPtr, buffer.Bounds.ToArray());
    }

    /// <summary>
    /// Named arrays, ready for an npz: <c>interval_row_ptr</c> I32 [slices·Sq + 1], <c>interval_keys</c> I32 [runs, 2], <c>extent</c>
    /// and <c>slices</c>.
    /// </summary>
    public Dictionary<string, HostTensor> ToArrays()
    {
        var arrays = ArrayWriter.Start(Slices);
        arrays["interval_row_ptr"] = ArrayWriter.Vector(RowPtr);
        arrays["interval_keys"] = HostTensor.From(Bounds, Bounds.Length / 2, 2);
        return arrays;
    }

    /// <summary>Reads named arrays back and checks them.</summary>
    /// <exception cref="InvalidInputException">
    /// An array is missing, unknown, or of another dtype or shape; the running counts do not run from 0 to the number of runs, one a
    /// query; a run is empty, out of range, or touches or precedes the one before it.
    /// </exception>
    public static RowIntervals FromArrays(IReadOnlyDictionary<string, HostTensor> arrays)
    {
        var reader = new ArrayReader("row intervals", arrays, Names);
        var slices = reader.Slices();
        var runs = new RowIntervals(slices, reader.Vector<int>("interval_row_ptr"), reader.Values<int>("interval_keys", -1, 2));
        FormatRules.CheckPointers("interval_row_ptr", runs.RowPtr, slices.QueryRows, "query", "interval_keys", runs.Bounds.Length / 2);
        Runs.Check("interval_keys", runs.Bounds, runs.RowPtr, slices.Extent.KeyLength, "row");
        return runs;
    }

    /// <summary>The runs as a mask.</summary>
    public BoundMask AsMask() => new Bounded(this);

    private sealed class Bounded(RowIntervals runs) : SlicedMask(runs.Slices)
    {
        public override bool Allows(int batch, int head, int query, int key) => Runs.Contain(runs.Row(batch, head, query), key);

        public override TileClass Classify(int batch, int head, MaskRect rect)
        {
            var known = Runs.Classify(runs.Row(batch, head, rect.QueryStart), rect.KeyStart, rect.KeyEnd);
            for (var query = rect.QueryStart + 1; query < rect.QueryEnd && known != TileClass.Part; query++)
            {
                known = Runs.Classify(runs.Row(batch, head, query), rect.KeyStart, rect.KeyEnd) == known ? known : TileClass.Part;
            }

            return known;
        }

        public override ulong Row64(int batch, int head, int query, int keyStart)
        {
            var bounds = runs.Row(batch, head, query);
            var bits = 0UL;
            for (var i = Runs.BoundsUpTo(bounds, keyStart) & ~1; i < bounds.Length && (long)bounds[i] - keyStart < RowBits; i += 2)
            {
                bits |= KeysBetween(keyStart, bounds[i], bounds[i + 1]);
            }

            return bits;
        }
    }
}
