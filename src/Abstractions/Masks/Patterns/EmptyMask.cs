namespace Stof.Reference.Masks;

/// <summary>
/// No query attends to any key: <c>empty</c>. The identity of <c>|</c>, and the shortest way to a row without keys.
/// </summary>
public sealed record EmptyMask : NamedMask
{
    /// <summary>The catalogue's entry.</summary>
    public static MaskEntry Entry { get; } = new()
    {
        Name = "empty",
        Formula = "no pair",
        Summary = "No query attends to any key; its output is 0 and its LSE is −∞. The identity of `|`.",
        Create = _ => new EmptyMask(),
        Examples = ["empty"],
        Sample = new("empty"),
    };

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
