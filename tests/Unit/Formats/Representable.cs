using Stof.Reference.Formats;
using Stof.Reference.Formats.Peers;
using Stof.Reference.Masks;
using Stof.Reference.Tensors;

namespace Stof.Reference.Unit.Tests.Formats;

/// <summary>Whether a format can hold a mask, said from the bits alone and in other words than the builders use.</summary>
internal static class Representable
{
    public static bool By(string format, BoundMask mask, HostTensor dense, MaskFormatOptions options)
    {
        var (batches, heads) = (dense.Shape[0], dense.Shape[1]);
        return format switch
        {
            "flashmask" => Slices(dense).All(s => Enumerable.Range(0, mask.Extent.KeyLength).All(k => MaskedRuns(dense, s, k) <= 2)),
            "flashinfer" => heads == 1,
            "flashinfer_bsr" => batches * heads == 1,
            "xformers" => batches == 1 && options.Tile.Rows == options.Tile.Columns && Uniform(dense, options.Tile.Rows),
            "cu_seqlens" => batches * heads == 1 && Enum.GetValues<SequenceCausality>().Any(c => IsBlockDiagonal(Rows(dense), mask.Extent.KeyLength, c)),
            _ => true,
        };
    }

    /// <summary>One pair of a dense mask [B or 1, H or 1, Sq, Skv].</summary>
    public static bool Pair(HostTensor dense, int batch, int head, int query, int key)
    {
        var shape = dense.Shape;
        var slice = ((shape[0] == 1 ? 0 : batch) * shape[1]) + (shape[1] == 1 ? 0 : head);
        return dense.Bytes[(((slice * shape[2]) + query) * shape[3]) + key] != 0;
    }

    /// <summary>The rows of the only slice: first key and number of keys of each, (0, 0) for none, (0, −1) where they have gaps.</summary>
    public static (int First, int Count)[] Rows(HostTensor dense)
    {
        var rows = new (int First, int Count)[dense.Shape[2]];
        for (var q = 0; q < rows.Length; q++)
        {
            var row = dense.Bytes.Slice(q * dense.Shape[3], dense.Shape[3]);
            var (first, last) = (row.IndexOf((byte)1), row.LastIndexOf((byte)1));
            rows[q] = first < 0 ? (0, 0) : row[first..last].Contains((byte)0) ? (0, -1) : (first, last - first + 1);
        }

        return rows;
    }

    /// <summary>
    /// Does a way to cut queries and keys into sequences give these rows? Walks the staircase of corners: every block that starts at a
    /// corner reached and agrees with the rows is tried.
    /// </summary>
    public static bool IsBlockDiagonal((int First, int Count)[] rows, int keys, SequenceCausality causality)
    {
        var corners = new HashSet<(int Query, int Key)> { (0, 0) };
        var open = new Stack<(int Query, int Key)>(corners);
        while (open.TryPop(out var corner))
        {
            if (corner == (rows.Length, keys))
            {
                return true;
            }

            foreach (var next in Blocks(rows, keys, causality, corner.Query, corner.Key))
            {
                if (corners.Add(next))
                {
                    open.Push(next);
                }
            }
        }

        return false;
    }

    private static IEnumerable<(int Query, int Key)> Blocks((int First, int Count)[] rows, int keys, SequenceCausality causality, int query, int key)
    {
        if (key < keys)
        {
            yield return (query, key + 1); // a sequence of one key and no query
        }

        if (query < rows.Length && rows[query].Count == 0)
        {
            yield return (query + 1, key); // a sequence of one query and no key
        }

        for (var end = query + 1; end <= rows.Length; end++)
        {
            // Keys past the last row's belong to the block only if no row tells; they may as well be a sequence without queries.
            var keyEnd = rows[end - 1].First + rows[end - 1].Count;
            var fits = keyEnd > key;
            for (var q = query; q < end && fits; q++)
            {
                var count = causality switch
                {
                    SequenceCausality.TopLeft => Math.Min(q - query + 1, keyEnd - key),
                    SequenceCausality.BottomRight => Math.Max(keyEnd - key - (end - 1 - q), 0),
                    _ => keyEnd - key,
                };
                fits = rows[q] == (count == 0 ? 0 : key, count);
            }

            if (fits)
            {
                yield return (end, keyEnd);
            }
        }
    }

    private static IEnumerable<int> Slices(HostTensor dense) => Enumerable.Range(0, dense.Shape[0] * dense.Shape[1]);

    private static int MaskedRuns(HostTensor dense, int slice, int key)
    {
        var (batch, head) = Math.DivRem(slice, dense.Shape[1]);
        var runs = 0;
        for (var q = 0; q < dense.Shape[2]; q++)
        {
            runs += !Pair(dense, batch, head, q, key) && (q == 0 || Pair(dense, batch, head, q - 1, key)) ? 1 : 0;
        }

        return runs;
    }

    private static bool Uniform(HostTensor dense, int block)
    {
        var (heads, queries, keys) = (dense.Shape[1], dense.Shape[2], dense.Shape[3]);
        if (queries % block != 0 || keys % block != 0)
        {
            return false;
        }

        for (var i = 0; i < dense.Count; i++)
        {
            var (row, k) = Math.DivRem(i, keys);
            var (head, q) = Math.DivRem(row, queries);
            if (Pair(dense, 0, head, q, k) != Pair(dense, 0, head, q / block * block, k / block * block))
            {
                return false;
            }
        }

        return heads > 0;
    }
}
