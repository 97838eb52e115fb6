namespace Stof.Reference.Masks;

/// <summary>
/// A band with sides of their own: p − left ≤ k ≤ p + right with p = q + offset, both edges included, as FlashAttention's
/// <c>window_size = (left, right)</c>; a side that is left out (−1 there) is unbounded. The counts leave out the query's own token:
/// "a window of W tokens including itself" is left = W − 1. Text forms: <c>window(left=64,right=0)</c>, <c>window(64)</c>.
/// </summary>
public sealed record WindowMask : NamedMask
{
    /// <summary>The catalogue's entry.</summary>
    public static MaskEntry Entry { get; } = new()
    {
        Name = "window",
        Formula = "p − left ≤ k ≤ p + right",
        Summary = "A band with sides of their own, both edges included: FlashAttention's `window_size`. A side that is left out is unbounded. The query's "
            + "own token is not counted: a window of W tokens including itself is left = W − 1, right = 0.",
        Source = "Dao: FlashAttention-2 (2023), `window_size`",
        Parameters =
        [
            MaskParameter.Whole("left", "keys seen before the own position; default all", optional: true),
            MaskParameter.Whole("right", "keys seen after the own position; default all", optional: true),
        ],
        Create = a => new WindowMask(a.Has("left") ? a.Whole("left") : null, a.Has("right") ? a.Whole("right") : null),
        Examples =
        [
            "window(left=8,right=2)", "window(left=3,right=0)", "window(left=0,right=70)", "window(4)", "window(right=1)", "window",
            "window(left=2147483647,right=2147483647)",
        ],
        Sample = new("window(left=12,right=3)"),
    };

    /// <summary>Farther than any position is from any key.</summary>
    private const long Unbounded = 1L << 40;

    /// <summary>Creates the band.</summary>
    /// <param name="left">Keys seen before the own position, 0 or more; null for all.</param>
    /// <param name="right">Keys seen after the own position, 0 or more; null for all.</param>
    /// <exception cref="InvalidInputException">A parameter is negative.</exception>
    public WindowMask(int? left = null, int? right = null)
    {
        Left = left is { } before ? AtLeast("left", before, 0) : null;
        Right = right is { } after ? AtLeast("right", after, 0) : null;
    }

    /// <summary>Keys seen before the own position; null for all.</summary>
    public int? Left { get; }

    /// <summary>Keys seen after the own position; null for all.</summary>
    public int? Right { get; }

    /// <inheritdoc/>
    public override string Name => "window";

    /// <inheritdoc/>
    public override IReadOnlyList<MaskParameterValue> Arguments
    {
        get
        {
            var arguments = new List<MaskParameterValue>();
            if (Left is { } left)
            {
                arguments.Add(new("left", left));
            }

            if (Right is { } right)
            {
                arguments.Add(new("right", right));
            }

            return arguments;
        }
    }

    /// <inheritdoc/>
    public override BoundMask Bind(MaskExtent extent) => new Bound(extent, -(Left ?? Unbounded), Right ?? Unbounded);

    private sealed class Bound(MaskExtent extent, long fromPosition, long toPosition) : BoundMask(extent)
    {
        public override bool Allows(int batch, int head, int query, int key)
        {
            var ahead = key - ((long)query + QueryOffset);
            return ahead >= fromPosition && ahead <= toPosition;
        }

        public override TileClass Classify(int batch, int head, MaskRect rect)
        {
            var (low, high) = Diagonals(rect);
            return TileClasses.Interval(low, high, fromPosition, toPosition);
        }

        public override ulong Row64(int batch, int head, int query, int keyStart)
        {
            var position = (long)query + QueryOffset;
            return KeysBetween(keyStart, position + fromPosition, position + toPosition + 1);
        }
    }
}
