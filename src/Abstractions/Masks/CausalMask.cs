namespace Stof.Reference.Masks;

/// <summary>
/// A query attends to itself and to what came before: k ≤ q + offset, with the offset of <see cref="MaskExtent.QueryOffset"/>.
/// Text form: <c>causal</c>.
/// </summary>
public sealed record CausalMask : MaskPattern
{
    /// <inheritdoc/>
    public override BoundMask Bind(MaskExtent extent) => new Bound(extent);

    /// <inheritdoc/>
    protected override string ToText() => "causal";

    private sealed class Bound(MaskExtent extent) : BoundMask(extent)
    {
        private readonly int _offset = extent.QueryOffset;

        public override bool Allows(int batch, int head, int query, int key) => key <= query + _offset;

        public override TileClass Classify(int batch, int head, MaskRect rect) =>
            rect.KeyEnd - 1 <= rect.QueryStart + _offset ? TileClass.Full
            : rect.KeyStart > rect.QueryEnd - 1 + _offset ? TileClass.Empty
            : TileClass.Part;
    }
}
