using System.Numerics;
using Stof.Reference.Masks;
using Stof.Reference.Tensors;

namespace Stof.Reference.Formats;

/// <summary>
/// The allowed keys of every query (compressed sparse rows), which the row-wise kernel gathers. Query q of slice s has the keys
/// <c>ColIdx[RowPtr[s·Sq + q] … RowPtr[s·Sq + q + 1])</c>, ascending, each once. Represents every mask; costs four bytes a pair.
/// <para>Example: <c>sliding(1)</c> at S = 16 has RowPtr [0, 2, 5, 8, …, 44, 46] and ColIdx [0, 1, 0, 1, 2, 1, 2, 3, …, 14, 15].</para>
/// </summary>
public sealed class RowLists
{
    /// <summary>The names of the arrays.</summary>
    internal static readonly string[] Names = ["row_ptr", "col_idx", ArrayReader.Extent, ArrayReader.SliceCounts];

    private readonly MaskSlices _slices;

    private RowLists(MaskSlices slices, int[] rowPtr, int[] colIdx)
    {
        _slices = slices;
        RowPtr = rowPtr;
        ColIdx = colIdx;
    }

    /// <summary>The rectangle the mask covers, with batch and heads.</summary>
    public MaskExtent Extent => _slices.Extent;

    /// <summary>1 where all batch items share one mask, else the batch size.</summary>
    public int BatchSlices => _slices.Batch;

    /// <summary>1 where all heads share one mask, else the number of query heads.</summary>
    public int HeadSlices => _slices.Heads;

    /// <summary>Running count of keys, slices·Sq + 1 entries.</summary>
    public int[] RowPtr { get; }

    /// <summary>Keys.</summary>
    public int[] ColIdx { get; }

    /// <summary>The keys of one query, ascending.</summary>
    public ReadOnlySpan<int> Row(int batch, int head, int query)
    {
        var row = (_slices.Index(batch, head) * Extent.QueryLength) + query;
        return ColIdx.AsSpan(RowPtr[row], RowPtr[row + 1] - RowPtr[row]);
    }

    /// <summary>Builds the lists in time proportional to the allowed pairs and the tile rows.</summary>
    /// <exception cref="InvalidInputException">There are more pairs or rows than an array holds.</exception>
    public static RowLists Build(BoundMask mask)
    {
        var slices = MaskSlices.Of(mask);
        var extent = mask.Extent;
        var pointers = slices.QueryRows + 1;
        if (pointers > Array.MaxLength)
        {
            throw new InvalidInputException("row lists", $"{pointers} row pointers", $"at most {Array.MaxLength}");
        }

        var rowPtr = new int[pointers];
        var keys = new KeyBuffer();
        var runs = new List<TileRun>();
        var row = 0;
        for (var slice = 0; slice < slices.Count; slice++)
        {
            var (batch, head) = slices.Pair(slice);
            for (var start = 0; start < extent.QueryLength; start += BoundMask.RowBits)
            {
                var end = (int)Math.Min((long)start + BoundMask.RowBits, extent.QueryLength);
                TileWalker.Walk(mask, batch, head, start, end, BoundMask.RowBits, runs);
                for (var query = start; query < end; query++)
                {
                    foreach (var run in runs)
                    {
                        Append(mask, batch, head, query, run, keys);
                    }

                    rowPtr[++row] = keys.Count;
                }
            }
        }

        return new RowLists(slices, rowPtr, keys.ToArray());
    }

    /// <summary>
    /// Named arrays, ready for an npz: <c>row_ptr</c>, <c>col_idx</c>, and as for tile lists <c>extent</c> and <c>slices</c>, all I32.
    /// </summary>
    public Dictionary<string, HostTensor> ToArrays()
    {
        var arrays = ArrayWriter.Start(_slices);
        arrays["row_ptr"] = ArrayWriter.Vector(RowPtr);
        arrays["col_idx"] = ArrayWriter.Vector(ColIdx);
        return arrays;
    }

    /// <summary>Reads named arrays back and checks them.</summary>
    /// <exception cref="InvalidInputException">
    /// An array is missing, unknown, or of another dtype or rank; the running counts do not run from 0 to the number of keys, one a
    /// query; a key is out of range or not above the one before.
    /// </exception>
    public static RowLists FromArrays(IReadOnlyDictionary<string, HostTensor> arrays)
    {
        var reader = new ArrayReader("row lists", arrays, Names);
        var slices = reader.Slices();
        var lists = new RowLists(slices, reader.Vector<int>("row_ptr"), reader.Vector<int>("col_idx"));
        FormatRules.CheckPointers("row_ptr", lists.RowPtr, slices.QueryRows, "query", "col_idx", lists.ColIdx.Length);
        FormatRules.CheckAscending("col_idx", lists.ColIdx, lists.RowPtr, slices.Extent.KeyLength, "row");
        return lists;
    }

    /// <summary>The lists as a mask: whatever takes a <see cref="BoundMask"/> takes them.</summary>
    public BoundMask AsMask() => new Listed(_slices, this);

    private static void Append(BoundMask mask, int batch, int head, int query, TileRun run, KeyBuffer keys)
    {
        var first = run.First * BoundMask.RowBits;
        if (run.Full)
        {
            keys.AddRange(first, (int)Math.Min((long)run.End * BoundMask.RowBits, mask.Extent.KeyLength));
            return;
        }

        keys.AddBits(first, mask.Row64(batch, head, query, first));
    }

    private sealed class Listed(MaskSlices slices, RowLists lists) : SlicedMask(slices)
    {
        public override bool Allows(int batch, int head, int query, int key) => lists.Row(batch, head, query).BinarySearch(key) >= 0;

        public override TileClass Classify(int batch, int head, MaskRect rect)
        {
            var (any, all) = (false, true);
            for (var query = rect.QueryStart; query < rect.QueryEnd; query++)
            {
                var row = lists.Row(batch, head, query);
                var first = FirstFrom(row, rect.KeyStart);
                var count = FirstFrom(row[first..], rect.KeyEnd);
                any |= count > 0;
                all &= count == rect.KeyEnd - rect.KeyStart;
                if (any && !all)
                {
                    return TileClass.Part;
                }
            }

            return any ? TileClass.Full : TileClass.Empty;
        }

        public override ulong Row64(int batch, int head, int query, int keyStart)
        {
            var row = lists.Row(batch, head, query);
            var bits = 0UL;
            for (var entry = FirstFrom(row, keyStart); entry < row.Length && row[entry] - keyStart < RowBits; entry++)
            {
                bits |= 1UL << (row[entry] - keyStart);
            }

            return bits;
        }
    }

    private sealed class KeyBuffer
    {
        private int[] _keys = new int[1024];

        public int Count { get; private set; }

        public void AddRange(int first, int end)
        {
            Reserve(end - first);
            for (var key = first; key < end; key++)
            {
                _keys[Count++] = key;
            }
        }

        public void AddBits(int first, ulong bits)
        {
            Reserve(BoundMask.RowBits);
            for (; bits != 0; bits &= bits - 1)
            {
                _keys[Count++] = first + BitOperations.TrailingZeroCount(bits);
            }
        }

        public int[] ToArray() => _keys.AsSpan(0, Count).ToArray();

        private void Reserve(int more)
        {
            var needed = (long)Count + more;
            if (needed <= _keys.Length)
            {
                return;
            }

            if (needed > Array.MaxLength)
            {
                throw new InvalidInputException("row lists", $"more than {Count} allowed pairs", $"at most {Array.MaxLength}");
            }

            Array.Resize(ref _keys, (int)Math.Clamp(2L * _keys.Length, needed, Array.MaxLength));
        }
    }
}
