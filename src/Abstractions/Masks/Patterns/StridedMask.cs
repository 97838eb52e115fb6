namespace Stof.Reference.Masks;

/// <summary>
/// Strided (Sparse Transformers, Child et al. 2019): k ≤ p and (p − k &lt; s or (p − k) mod s = 0), with p = q + offset: the s latest
/// positions and every s-th before them. Text form: <c>strided(8)</c>.
/// </summary>
public sealed record StridedMask : NamedMask
{
    /// <summary>The catalogue's entry.</summary>
    public static MaskEntry Entry { get; } = new()
    {
        Name = "strided",
        Formula = "k ≤ p and (p − k < stride or (p − k) mod stride = 0)",
        Summary = "The latest positions and every stride-th before them. The paper's stride is about √S.",
        Source = "Child, Gray, Radford, Sutskever: Sparse Transformers (2019)",
        Parameters = [MaskParameter.Whole("stride", "distance in keys")],
        Create = a => new StridedMask(a.Whole("stride")),
        Examples = ["strided(8)", "strided(1)", "strided(2)", "strided(70)", "strided(2147483647)"],
        Sample = new("strided(8)"),
    };

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
            // Ways back from p to k take every value of an interval; allowed are 0 … s and the multiples of s beyond.
            var (low, high) = Diagonals(rect);
            var (shortest, longest) = (-high, -low);
            var recent = TileClasses.Interval(shortest, longest, 0, stride);
            return recent == TileClass.Full || (shortest >= 0 && stride == 1) || (shortest == longest && shortest >= 0 && shortest % stride == 0)
                ? TileClass.Full
                : recent == TileClass.Part || (longest >= 0 && longest / stride * stride >= shortest) ? TileClass.Part
                : TileClass.Empty;
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
