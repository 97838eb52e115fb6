namespace Stof.Reference.Masks;

/// <summary>What a mask is known to do on a rectangle without visiting its elements.</summary>
public enum TileClass
{
    /// <summary>No pair is allowed: the tile is never loaded.</summary>
    Empty,

    /// <summary>Some pairs are allowed and some are not, or the pattern cannot tell cheaply: look at the elements.</summary>
    Part,

    /// <summary>Every pair is allowed: no mask work inside the tile.</summary>
    Full,
}

/// <summary>And, or, not on what is known of a rectangle. Certain answers stay certain; two parts give a part.</summary>
public static class TileClasses
{
    /// <summary>What is known of the intersection.</summary>
    public static TileClass And(this TileClass left, TileClass right) => (TileClass)Math.Min((int)left, (int)right);

    /// <summary>What is known of the union.</summary>
    public static TileClass Or(this TileClass left, TileClass right) => (TileClass)Math.Max((int)left, (int)right);

    /// <summary>What is known of the complement.</summary>
    public static TileClass Not(this TileClass tileClass) => TileClass.Full - (int)tileClass;

    /// <summary>What is known of a rectangle that is cut into two pieces, each of at least one pair; exact where both are.</summary>
    public static TileClass Join(this TileClass one, TileClass other) => one == other ? one : TileClass.Part;

    /// <summary>
    /// Class of a rectangle whose coordinate takes every value in [low, high] when the allowed values are
    /// [allowedLow, allowedHigh], none if they are the wrong way round; exact.
    /// </summary>
    public static TileClass Interval(long low, long high, long allowedLow, long allowedHigh) =>
        low > allowedHigh || high < allowedLow || allowedLow > allowedHigh ? TileClass.Empty
        : low >= allowedLow && high <= allowedHigh ? TileClass.Full
        : TileClass.Part;
}

/// <summary>A rectangle of queries [QueryStart, QueryEnd) and keys [KeyStart, KeyEnd), not empty.</summary>
public readonly record struct MaskRect(int QueryStart, int QueryEnd, int KeyStart, int KeyEnd);

/// <summary>
/// A pattern on a rectangle. It answers two questions: may query q attend to key k, and is this rectangle full, part or
/// empty. All indices are inside <see cref="Extent"/>; callers have checked them.
/// </summary>
public abstract class BoundMask
{
    /// <summary>Keys covered by one call of <see cref="Row64"/>.</summary>
    public const int RowBits = 64;

    /// <summary>Binds to an extent.</summary>
    protected BoundMask(MaskExtent extent)
    {
        Extent = extent.Validated();
        QueryOffset = extent.QueryOffset;
    }

    /// <summary>The rectangle this mask lives on.</summary>
    public MaskExtent Extent { get; }

    /// <summary>Position of query 0 on the key axis; see <see cref="MaskExtent.QueryOffset"/>.</summary>
    protected int QueryOffset { get; }

    /// <summary>True if batch items may differ; false lets every format store one item.</summary>
    public virtual bool VariesByBatch => false;

    /// <summary>True if heads may differ; false lets every format store one head.</summary>
    public virtual bool VariesByHead => false;

    /// <summary>May <paramref name="query"/> attend to <paramref name="key"/>? This predicate is the mask's definition.</summary>
    public abstract bool Allows(int batch, int head, int query, int key);

    /// <summary>
    /// Full or empty only if that is certain. <see cref="TileClass.Part"/> may be answered for a rectangle that turns out
    /// uniform: the tile builder then looks at the elements, so a loose answer costs time, never correctness.
    /// </summary>
    public abstract TileClass Classify(int batch, int head, MaskRect rect);

    /// <summary>
    /// Sixty-four keys of one row at once: bit i is <c>Allows(batch, head, query, keyStart + i)</c>, 0 beyond the last key.
    /// Patterns override it with shifts; the default asks the predicate.
    /// </summary>
    public virtual ulong Row64(int batch, int head, int query, int keyStart)
    {
        var bits = 0UL;
        var count = Math.Min(RowBits, Extent.KeyLength - keyStart);
        for (var i = 0; i < count; i++)
        {
            if (Allows(batch, head, query, keyStart + i))
            {
                bits |= 1UL << i;
            }
        }

        return bits;
    }

    /// <summary>
    /// Bits of the keys [<paramref name="low"/>, <paramref name="high"/>) among the sixty-four from
    /// <paramref name="keyStart"/>, clipped to the last key. Bounds are 64-bit so that a width of <see cref="int.MaxValue"/>
    /// cannot wrap.
    /// </summary>
    protected ulong KeysBetween(int keyStart, long low, long high)
    {
        low = Math.Max(low - keyStart, 0);
        high = Math.Min(high - keyStart, Math.Min(RowBits, Extent.KeyLength - keyStart));
        return low < high ? ulong.MaxValue >> (int)(RowBits - (high - low)) << (int)low : 0;
    }

    /// <summary>
    /// The smallest and largest k − p of a rectangle, p = q + <see cref="QueryOffset"/>. Every value between them occurs, so
    /// a pattern that depends on k − p alone is classified exactly by this interval.
    /// </summary>
    protected (long Low, long High) Diagonals(MaskRect rect) =>
        ((long)rect.KeyStart - (rect.QueryEnd - 1L + QueryOffset), rect.KeyEnd - 1L - ((long)rect.QueryStart + QueryOffset));

    /// <summary>
    /// The class of a rectangle by looking at its bits until both kinds were seen; exact, for masks that are stored bit by bit and
    /// know nothing of rectangles.
    /// </summary>
    private protected TileClass ClassifyByLooking(int batch, int head, MaskRect rect)
    {
        var (any, all) = (false, true);
        for (var query = rect.QueryStart; query < rect.QueryEnd; query++)
        {
            for (var key = rect.KeyStart; key < rect.KeyEnd; key += RowBits)
            {
                var inside = KeysBetween(key, key, rect.KeyEnd);
                var bits = Row64(batch, head, query, key) & inside;
                any |= bits != 0;
                all &= bits == inside;
                if (any && !all)
                {
                    return TileClass.Part;
                }
            }
        }

        return any ? TileClass.Full : TileClass.Empty;
    }

    /// <summary>Index of the first entry of an ascending list that is at least <paramref name="value"/>.</summary>
    private protected static int FirstFrom(ReadOnlySpan<int> ascending, int value)
    {
        var index = ascending.BinarySearch(value);
        return index < 0 ? ~index : index;
    }

    /// <summary>value mod modulus, in [0, modulus).</summary>
    private protected static long FloorMod(long value, long modulus) => ((value % modulus) + modulus) % modulus;

    /// <summary>Bits 0, step, 2·step, … of sixty-four: keys at equal distances, before they are shifted into place.</summary>
    private protected static ulong Comb(long step)
    {
        var comb = 0UL;
        for (long bit = 0; bit < RowBits; bit += step)
        {
            comb |= 1UL << (int)bit;
        }

        return comb;
    }
}
