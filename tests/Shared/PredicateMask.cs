using Stof.Reference.Masks;

namespace Stof.Reference.Tests;

/// <summary>A mask given by a plain function; it knows nothing about rectangles, so that nothing but its definition is tested.</summary>
/// <param name="Name">Shown in messages.</param>
/// <param name="Predicate">(batch, head, query, key).</param>
internal sealed record PredicateMask(string Name, Func<int, int, int, int, bool> Predicate) : MaskPattern
{
    /// <summary>The booleans of a tensor [Sq, Skv], for every batch item and head.</summary>
    public static PredicateMask FromDense(bool[] values, int keyLength) =>
        new("dense", (_, _, query, key) => values[(query * keyLength) + key]);

    /// <inheritdoc/>
    public override BoundMask Bind(MaskExtent extent) => new Bound(extent, Predicate);

    /// <inheritdoc/>
    protected override string ToText() => Name;

    private sealed class Bound(MaskExtent extent, Func<int, int, int, int, bool> predicate) : BoundMask(extent)
    {
        public override bool VariesByBatch => true;

        public override bool VariesByHead => true;

        public override bool Allows(int batch, int head, int query, int key) => predicate(batch, head, query, key);

        public override TileClass Classify(int batch, int head, MaskRect rect) => TileClass.Part;
    }
}
