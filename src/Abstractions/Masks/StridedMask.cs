namespace Stof.Reference.Masks;

/// <summary>
/// Strided (Sparse Transformers, Child et al. 2019): k ≤ p and (p − k &lt; s or (p − k) mod s = 0), with p = q + offset: the s latest
/// positions and every s-th before them. Text form: <c>strided(8)</c>.
/// </summary>
public sealed record StridedMask : NamedMask
{
    /// <summary>Creates the pattern.</summary>
    /// <param name="stride">s in keys, 1 or more; the authors use about √S.</param>
    /// <exception cref="InvalidInputException">The stride is below 1.</exception>
    public StridedMask(int stride) => Stride = AtLeast("stride", stride, 1);

    /// <summary>s in keys.</summary>
    public int Stride { get; }

    /// <inheritdoc/>
    public override string Name => "strided";

    /// <inheritdoc/>
    public override IReadOnlyList<MaskParameterValue> Arguments => [new("stride", Stride)];

    /// <inheritdoc/>
    public override BoundMask Bind(MaskExtent extent) => new Bound(extent, Stride);

    private sealed class Bound(MaskExtent extent, int stride) : BoundMask(extent)
    {
        private readonly ulong _comb = Comb(stride);

        public override bool Allows(int batch, int head, int query, int key)
        {
            var back = (long)query + QueryOffset - key;
            return back >= 0 && (back < stride || back % stride == 0);
        }

        public override TileClass Classify(int batch, int head, MaskRect rect)
        {
            var (low, high) = Diagonals(rect);
            var causal = TileClasses.Interval(low, high, long.MinValue, 0);
            var recent = TileClasses.Interval(low, high, 1L - stride, 0);
            if (causal == TileClass.Empty || recent == TileClass.Full || stride == 1)
            {
                return causal;
            }

            // −low is the longest way back and −high the shortest: is there a multiple of s between them?
            return recent == TileClass.Empty && -low / stride * stride < -high ? TileClass.Empty : TileClass.Part;
        }

        public override ulong Row64(int batch, int head, int query, int keyStart)
        {
            var position = (long)query + QueryOffset;
            var toTooth = FloorMod(position - keyStart, stride);
            var teeth = toTooth >= RowBits ? 0 : _comb << (int)toTooth;
            return (teeth & KeysBetween(keyStart, 0, position + 1)) | KeysBetween(keyStart, position - stride + 1, position + 1);
        }
    }
}
