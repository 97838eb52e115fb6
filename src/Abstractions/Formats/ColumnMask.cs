using Stof.Reference.Masks;

namespace Stof.Reference.Formats;

/// <summary>
/// Reads column intervals as a mask. For every 64 columns it keeps the queries from where to where any column has one (outside,
/// the block is empty) and from where to where every column's first run reaches (inside, it is full); only what these four numbers
/// leave open is looked up column by column.
/// </summary>
internal sealed class ColumnMask : SlicedMask
{
    private readonly ColumnIntervals _columns;
    private readonly Block[] _blocks;
    private readonly int _perSlice;

    public ColumnMask(ColumnIntervals columns)
        : base(columns.Slices)
    {
        _columns = columns;
        _perSlice = BlockMask.Tiles(Extent.KeyLength, RowBits);
        _blocks = new Block[Slices.Count * _perSlice];
        for (var block = 0; block < _blocks.Length; block++)
        {
            var (slice, inSlice) = Math.DivRem(block, _perSlice);
            _blocks[block] = Summarize(slice, inSlice * RowBits, (int)Math.Min((inSlice + 1L) * RowBits, Extent.KeyLength));
        }
    }

    public override bool Allows(int batch, int head, int query, int key) =>
        Runs.Contain(_columns.Column(Slices.Index(batch, head), key), query);

    public override TileClass Classify(int batch, int head, MaskRect rect)
    {
        var slice = Slices.Index(batch, head);
        var (any, all) = (false, true);
        for (var key = rect.KeyStart; key < rect.KeyEnd && !(any && !all);)
        {
            var end = EndOfBlock(key, rect.KeyEnd);
            var known = _blocks[(slice * _perSlice) + (key / RowBits)].Classify(rect.QueryStart, rect.QueryEnd);
            if (known == TileClass.Part)
            {
                known = ClassifyColumns(slice, key, end, rect.QueryStart, rect.QueryEnd);
            }

            any |= known != TileClass.Empty;
            all &= known == TileClass.Full;
            key = end;
        }

        return !any ? TileClass.Empty : all ? TileClass.Full : TileClass.Part;
    }

    public override ulong Row64(int batch, int head, int query, int keyStart)
    {
        var slice = Slices.Index(batch, head);
        var bits = 0UL;
        var last = (int)Math.Min((long)keyStart + RowBits, Extent.KeyLength);
        for (var key = keyStart; key < last;)
        {
            var end = EndOfBlock(key, last);
            switch (_blocks[(slice * _perSlice) + (key / RowBits)].Classify(query, query + 1))
            {
                case TileClass.Full:
                    bits |= KeysBetween(keyStart, key, end);
                    break;
                case TileClass.Part:
                    for (var column = key; column < end; column++)
                    {
                        bits |= Runs.Contain(_columns.Column(slice, column), query) ? 1UL << (column - keyStart) : 0;
                    }

                    break;
            }

            key = end;
        }

        return bits;
    }

    private static int EndOfBlock(int key, int limit) => (int)Math.Min(((key / RowBits) + 1L) * RowBits, limit);

    private TileClass ClassifyColumns(int slice, int keyStart, int keyEnd, int queryStart, int queryEnd)
    {
        var known = Runs.Classify(_columns.Column(slice, keyStart), queryStart, queryEnd);
        for (var key = keyStart + 1; key < keyEnd && known != TileClass.Part; key++)
        {
            known = Runs.Classify(_columns.Column(slice, key), queryStart, queryEnd) == known ? known : TileClass.Part;
        }

        return known;
    }

    private Block Summarize(int slice, int keyStart, int keyEnd)
    {
        var block = new Block(int.MaxValue, 0, 0, int.MaxValue);
        for (var key = keyStart; key < keyEnd; key++)
        {
            var bounds = _columns.Column(slice, key);
            block = bounds.IsEmpty
                ? block with { FullFrom = int.MaxValue }
                : new Block(
                    Math.Min(block.AnyFrom, bounds[0]), Math.Max(block.AnyTo, bounds[^1]),
                    Math.Max(block.FullFrom, bounds[0]), Math.Min(block.FullTo, bounds[1]));
        }

        return block;
    }

    /// <summary>Nothing is allowed outside [AnyFrom, AnyTo), everything inside [FullFrom, FullTo).</summary>
    private readonly record struct Block(int AnyFrom, int AnyTo, int FullFrom, int FullTo)
    {
        public TileClass Classify(int queryStart, int queryEnd) =>
            queryEnd <= AnyFrom || queryStart >= AnyTo ? TileClass.Empty
            : queryStart >= FullFrom && queryEnd <= FullTo ? TileClass.Full
            : TileClass.Part;
    }
}
