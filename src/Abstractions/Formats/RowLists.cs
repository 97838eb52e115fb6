using System.Numerics;
using Stof.Reference.Masks;
using Stof.Reference.Tensors;

namespace Stof.Reference.Formats;

/// <summary>
/// The allowed keys of every query (compressed sparse rows), which the row-wise kernel gathers. Query q of slice s has the keys
/// <c>ColIdx[RowPtr[s·Sq + q] … RowPtr[s·Sq + q + 1])</c>, ascending. Slices are those of <see cref="BlockMask"/>.
/// <para>Example: <c>causal</c> at S = 3 has RowPtr [0, 1, 3, 6] and ColIdx [0, 0, 1, 0, 1, 2].</para>
/// </summary>
public sealed class RowLists
{
    private RowLists(MaskExtent extent, int batchSlices, int headSlices, int[] rowPtr, int[] colIdx)
    {
        Extent = extent;
        BatchSlices = batchSlices;
        HeadSlices = headSlices;
        RowPtr = rowPtr;
        ColIdx = colIdx;
    }

    /// <summary>The rectangle the mask covers, with batch and heads.</summary>
    public MaskExtent Extent { get; }

    /// <summary>1 where all batch items share one mask, else the batch size.</summary>
    public int BatchSlices { get; }

    /// <summary>1 where all heads share one mask, else the number of query heads.</summary>
    public int HeadSlices { get; }

    /// <summary>Running count of keys, slices·Sq + 1 entries.</summary>
    public int[] RowPtr { get; }

    /// <summary>Keys.</summary>
    public int[] ColIdx { get; }

    /// <summary>The keys of one query, ascending.</summary>
    public ReadOnlySpan<int> Row(int batch, int head, int query)
    {
        var slice = ((BatchSlices == 1 ? 0 : batch) * HeadSlices) + (HeadSlices == 1 ? 0 : head);
        var row = (slice * Extent.QueryLength) + query;
        return ColIdx.AsSpan(RowPtr[row], RowPtr[row + 1] - RowPtr[row]);
    }

    /// <summary>Builds the lists in time proportional to the allowed pairs and the tile rows.</summary>
    /// <exception cref="InvalidInputException">There are more pairs or rows than an array holds.</exception>
    public static RowLists Build(BoundMask mask)
    {
        ArgumentNullException.ThrowIfNull(mask);
        var extent = mask.Extent;
        var batchSlices = mask.VariesByBatch ? extent.Batch : 1;
        var headSlices = mask.VariesByHead ? extent.Heads : 1;
        var pointers = ((long)batchSlices * headSlices * extent.QueryLength) + 1;
        if (pointers > Array.MaxLength)
        {
            throw new InvalidInputException("row lists", $"{pointers} row pointers", $"at most {Array.MaxLength}");
        }

        var rowPtr = new int[pointers];
        var keys = new KeyBuffer();
        var runs = new List<TileRun>();
        var row = 0;
        for (var slice = 0; slice < batchSlices * headSlices; slice++)
        {
            var (batch, head) = (slice / headSlices, slice % headSlices);
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

        return new RowLists(extent, batchSlices, headSlices, rowPtr, keys.ToArray());
    }

    /// <summary>
    /// Named arrays, ready for an npz: <c>row_ptr</c>, <c>col_idx</c>, and as for tile lists <c>extent</c> and <c>slices</c>, all I32.
    /// </summary>
    public Dictionary<string, HostTensor> ToArrays() => new()
    {
        ["row_ptr"] = HostTensor.From(RowPtr, RowPtr.Length),
        ["col_idx"] = HostTensor.From(ColIdx, ColIdx.Length),
        ["extent"] = HostTensor.From([Extent.QueryLength, Extent.KeyLength, Extent.Batch, Extent.Heads, (int)Extent.Alignment], 5),
        ["slices"] = HostTensor.From([BatchSlices, HeadSlices], 2),
    };

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
