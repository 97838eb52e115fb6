using Stof.Reference.Masks;
using Stof.Reference.Tensors;

namespace Stof.Reference.Formats;

/// <summary>
/// The queries that may attend to every key, as runs [start, end): <see cref="RowIntervals"/> turned on its side. Key k of slice s has
/// the runs <c>ColumnPtr[s·Skv + k] … ColumnPtr[s·Skv + k + 1]</c>; run r is <c>[Bounds[2r], Bounds[2r + 1])</c>, sorted, disjoint and
/// never touching. Represents every mask; <see cref="Peers.FlashMask"/> is the special case of few runs a column.
/// <para>
/// Example: <c>causal &amp; sliding(2)</c> at S = 16: key k has one run [k, k + 3), cut at 16. ColumnPtr is 0, 1, …, 16 and Bounds
/// 0, 3, 1, 4, …, 13, 16, 14, 16, 15, 16.
/// </para>
/// </summary>
public sealed class ColumnIntervals
{
    /// <summary>The names of the arrays.</summary>
    internal static readonly string[] Names = ["interval_col_ptr", "interval_queries", ArrayReader.Extent, ArrayReader.SliceCounts];

    internal ColumnIntervals(MaskSlices slices, int[] columnPtr, int[] bounds)
    {
        Slices = slices;
        ColumnPtr = columnPtr;
        Bounds = bounds;
    }

    /// <summary>The rectangle and the stored slices.</summary>
    public MaskSlices Slices { get; }

    /// <summary>Running count of runs, slices·Skv + 1 entries.</summary>
    public int[] ColumnPtr { get; }

    /// <summary>First query and one past the last query of every run, in turn.</summary>
    public int[] Bounds { get; }

    /// <summary>Starts and ends of one key's runs, in turn.</summary>
    public ReadOnlySpan<int> Column(int slice, int key)
    {
        var column = (slice * Slices.Extent.KeyLength) + key;
        return Bounds.AsSpan(2 * ColumnPtr[column], 2 * (ColumnPtr[column + 1] - ColumnPtr[column]));
    }

    /// <summary>Builds the runs; the work is proportional to them and to the tiles of 64×64 that are neither full nor empty.</summary>
    /// <exception cref="InvalidInputException">There are more columns or runs than an array holds.</exception>
    public static ColumnIntervals Build(BoundMask mask)
    {
        var slices = MaskSlices.Of(mask);
        var pointers = ((long)slices.Count * slices.Extent.KeyLength) + 1;
        FormatRules.Require(pointers <= Array.MaxLength, "column intervals", $"{pointers} column pointers", $"at most {Array.MaxLength}");
        var columnPtr = new int[pointers];
        var runs = new RunBuffer();
        var strip = new ColumnStrip(mask);
        var column = 0;
        for (var slice = 0; slice < slices.Count; slice++)
        {
            var (batch, head) = slices.Pair(slice);
            for (var start = 0; start < slices.Extent.KeyLength; start += BoundMask.RowBits)
            {
                var end = (int)Math.Min((long)start + BoundMask.RowBits, slices.Extent.KeyLength);
                strip.Walk(batch, head, start, end);
                for (var key = start; key < end; key++)
                {
                    runs.Append(strip.Column(key - start));
                    columnPtr[++column] = runs.Count;
                }
            }
        }

        return new ColumnIntervals(slices, columnPtr, runs.Bounds.ToArray());
    }

    /// <summary>
    /// Named arrays, ready for an npz: <c>interval_col_ptr</c> I32 [slices·Skv + 1], <c>interval_queries</c> I32 [runs, 2],
    /// <c>extent</c> and <c>slices</c>.
    /// </summary>
    public Dictionary<string, HostTensor> ToArrays()
    {
        var arrays = ArrayWriter.Start(Slices);
        arrays["interval_col_ptr"] = ArrayWriter.Vector(ColumnPtr);
        arrays["interval_queries"] = HostTensor.From(Bounds, Bounds.Length / 2, 2);
        return arrays;
    }

    /// <summary>Reads named arrays back and checks them.</summary>
    /// <exception cref="InvalidInputException">
    /// An array is missing, unknown, or of another dtype or shape; the running counts do not run from 0 to the number of runs, one a
    /// key; a run is empty, out of range, or touches or precedes the one before it.
    /// </exception>
    public static ColumnIntervals FromArrays(IReadOnlyDictionary<string, HostTensor> arrays)
    {
        var reader = new ArrayReader("column intervals", arrays, Names);
        var slices = reader.Slices();
        var runs = new ColumnIntervals(slices, reader.Vector<int>("interval_col_ptr"), reader.Values<int>("interval_queries", -1, 2));
        var columns = (long)slices.Count * slices.Extent.KeyLength;
        FormatRules.CheckPointers("interval_col_ptr", runs.ColumnPtr, columns, "key", "interval_queries", runs.Bounds.Length / 2);
        Runs.Check("interval_queries", runs.Bounds, runs.ColumnPtr, slices.Extent.QueryLength, "column");
        return runs;
    }

    /// <summary>The runs as a mask. It keeps four numbers for every 64 columns, which decide most rectangles at once.</summary>
    public BoundMask AsMask() => new ColumnMask(this);
}
