namespace Stof.Reference.Masks;

/// <summary>
/// An immutable description of which queries may attend to which keys, independent of any length: <c>sliding(64)</c> is the
/// same pattern at every S. <see cref="Bind"/> gives it a rectangle to live on; everything else (tiles, bitmaps, pictures,
/// kernels) follows from the two questions that the bound mask answers.
/// </summary>
public abstract record MaskPattern
{
    /// <summary>Evaluates the pattern on a rectangle of queries and keys.</summary>
    /// <exception cref="InvalidInputException">The pattern cannot live on this extent (a dense mask of another size, say).</exception>
    public abstract BoundMask Bind(MaskExtent extent);

    /// <summary>What the extent must be like; nothing for patterns that live anywhere.</summary>
    public virtual MaskDemand Demand => default;

    /// <summary>The text form, such as <c>bigbird(band=32,global=32,fill=0.1,seed=0)</c>; parsing it gives an equal pattern.</summary>
    public sealed override string ToString() => ToText();

    /// <summary>The text form; see <see cref="ToString"/>.</summary>
    protected abstract string ToText();

    /// <summary>Both must allow.</summary>
    public static MaskPattern operator &(MaskPattern left, MaskPattern right) => new AndMask(left, right);

    /// <summary>Either may allow.</summary>
    public static MaskPattern operator |(MaskPattern left, MaskPattern right) => new OrMask(left, right);

    /// <summary>Allows what the pattern forbids.</summary>
    public static MaskPattern operator !(MaskPattern pattern) => new NotMask(pattern);

    /// <summary>Named form of <c>&amp;</c>.</summary>
    public static MaskPattern BitwiseAnd(MaskPattern left, MaskPattern right) => left & right;

    /// <summary>Named form of <c>|</c>.</summary>
    public static MaskPattern BitwiseOr(MaskPattern left, MaskPattern right) => left | right;

    /// <summary>Named form of <c>!</c>.</summary>
    public static MaskPattern LogicalNot(MaskPattern pattern) => !pattern;
}
