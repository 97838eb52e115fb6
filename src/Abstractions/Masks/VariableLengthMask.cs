using Stof.Reference.Operators;

namespace Stof.Reference.Masks;

/// <summary>
/// A pattern evaluated per batch item on that item's real rectangle and empty outside: what <c>cu_seqlens</c> mean for a
/// padded batch.
/// </summary>
internal sealed class VariableLengthMask : BoundMask
{
    private readonly SequenceLengths[] _lengths;
    private readonly BoundMask[] _items;

    public VariableLengthMask(MaskPattern pattern, MaskExtent extent, IReadOnlyList<SequenceLengths> lengths)
        : base(extent)
    {
        _lengths = [.. lengths];
        _items = [.. lengths.Select(l => pattern.Bind(extent with { QueryLength = l.Queries, KeyLength = l.Keys }))];
    }

    public override bool VariesByBatch => true;

    public override bool VariesByHead => _items.Any(item => item.VariesByHead);

    public override bool Allows(int batch, int head, int query, int key) =>
        query < _lengths[batch].Queries && key < _lengths[batch].Keys && _items[batch].Allows(batch, head, query, key);

    public override TileClass Classify(int batch, int head, MaskRect rect)
    {
        var (queries, keys) = _lengths[batch];
        if (rect.QueryStart >= queries || rect.KeyStart >= keys)
        {
            return TileClass.Empty;
        }

        var inside = rect with { QueryEnd = Math.Min(rect.QueryEnd, queries), KeyEnd = Math.Min(rect.KeyEnd, keys) };
        var tileClass = _items[batch].Classify(batch, head, inside);
        return tileClass == TileClass.Full && inside != rect ? TileClass.Part : tileClass;
    }

    public override ulong Row64(int batch, int head, int query, int keyStart) =>
        query < _lengths[batch].Queries && keyStart < _lengths[batch].Keys ? _items[batch].Row64(batch, head, query, keyStart) : 0;
}
