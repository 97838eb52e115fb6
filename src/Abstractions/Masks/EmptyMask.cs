namespace Stof.Reference.Masks;

/// <summary>
/// No query attends to any key: <c>empty</c>. The identity of <c>|</c>, and the shortest way to a row without keys.
/// </summary>
public sealed record EmptyMask : NamedMask
{
    /// <inheritdoc/>
    public override string Name => "empty";

    /// <inheritdoc/>
    public override BoundMask Bind(MaskExtent extent) => new Bound(extent);

    private sealed class Bound(MaskExtent extent) : BoundMask(extent)
    {
        public override bool Allows(int batch, int head, int query, int key) => false;

        public override TileClass Classify(int batch, int head, MaskRect rect) => TileClass.Empty;

        public override ulong Row64(int batch, int head, int query, int keyStart) => 0;
    }
}
