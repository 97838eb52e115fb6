namespace Stof.Reference.Masks;

/// <summary>Every query attends to every key: <c>full</c>. The identity of <c>&amp;</c>.</summary>
public sealed record FullMask : NamedMask
{
    /// <summary>The catalogue's entry.</summary>
    public static MaskEntry Entry { get; } = new()
    {
        Name = "full",
        Formula = "every pair",
        Summary = "Every query attends to every key. The identity of `&`.",
        Create = _ => new FullMask(),
        Examples = ["full"],
        Sample = new("full"),
    };

    /// <inheritdoc/>
    public override string Name => "full";

    /// <inheritdoc/>
    public override BoundMask Bind(MaskExtent extent) => new Bound(extent);

    private sealed class Bound(MaskExtent extent) : BoundMask(extent)
    {
        public override bool Allows(int batch, int head, int query, int key) => true;

        public override TileClass Classify(int batch, int head, MaskRect rect) => TileClass.Full;

        public override ulong Row64(int batch, int head, int query, int keyStart) => KeysBetween(keyStart, 0, Extent.KeyLength);
    }
}
