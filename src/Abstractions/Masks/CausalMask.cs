namespace Stof.Reference.Masks;

/// <summary>
/// A query attends to itself and to what came before: k ≤ p with p = q + offset, the offset being that of
/// <see cref="MaskExtent.QueryOffset"/>. Text form: <c>causal</c>.
/// </summary>
public sealed record CausalMask : NamedMask
{
    /// <inheritdoc/>
    public override string Name => "causal";

    /// <inheritdoc/>
    public override BoundMask Bind(MaskExtent extent) => new Bound(extent);

    private sealed class Bound(MaskExtent extent) : BoundMask(extent)
    {
        public override bool Allows(int batch, int head, int query, int key) => key <= query + QueryOffset;

        public override TileClass Classify(int batch, int head, MaskRect rect)
        {
            var (low, high) = Diagonals(rect);
            return TileClasses.Interval(low, high, long.MinValue, 0);
        }

        public override ulong Row64(int batch, int head, int query, int keyStart) =>
            KeysBetween(keyStart, 0, query + QueryOffset + 1L);
    }
}
