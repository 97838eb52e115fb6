namespace Stof.Reference.Masks;

/// <summary>May query <paramref name="query"/> attend to key <paramref name="key"/>? FlexAttention's <c>mask_mod</c>; indices, not positions.</summary>
/// <param name="batch">Batch item.</param>
/// <param name="head">Query head.</param>
/// <param name="query">Query index, from 0.</param>
/// <param name="key">Key index, from 0.</param>
public delegate bool MaskPredicate(int batch, int head, int query, int key);

/// <summary>
/// A mask given by a C# function: exact, but nothing is known of a rectangle without asking for its pairs, so that building tile lists
/// visits all Sq·Skv of them. Combine it with a pattern that narrows it down (<c>sliding &amp; predicate</c>) where sequences are long. It
/// has a name but no text or JSON form that could be read back, and equals another one only if both hold the same function.
/// </summary>
/// <param name="Name">Shown where the mask is printed.</param>
/// <param name="Allows">The function; called from several threads at once, so it must not change anything.</param>
/// <param name="DiffersByBatch">False if the function ignores the batch item: one list of tiles then serves all items.</param>
/// <param name="DiffersByHead">False if the function ignores the head.</param>
public sealed record PredicateMask(string Name, MaskPredicate Allows, bool DiffersByBatch = true, bool DiffersByHead = true) : MaskPattern
{
    /// <inheritdoc/>
    public override BoundMask Bind(MaskExtent extent) => new Bound(extent, this);

    /// <inheritdoc/>
    protected override string ToText() => $"<{Name}>";

    private sealed class Bound(MaskExtent extent, PredicateMask pattern) : BoundMask(extent)
    {
        public override bool VariesByBatch => pattern.DiffersByBatch;

        public override bool VariesByHead => pattern.DiffersByHead;

        public override bool Allows(int batch, int head, int query, int key) => pattern.Allows(batch, head, query, key);

        public override TileClass Classify(int batch, int head, MaskRect rect) => TileClass.Part;
    }
}
