namespace Stof.Reference.Masks;

/// <summary>
/// A pattern of its own for each query head: head h follows pattern h. It demands as many query heads as there are patterns; under grouped
/// queries these are the query heads, not the KV heads. Each pattern is bound to all heads and asked for its own, so that a pattern that
/// varies by head keeps its meaning and <c>heads([a,a])</c> is <c>a</c>. Text form: <c>heads([causal,full])</c>.
/// </summary>
public sealed record HeadsMask : NamedMask
{
    /// <summary>The catalogue's entry.</summary>
    public static MaskEntry Entry { get; } = new()
    {
        Name = "heads",
        Formula = "allowed by pattern h for head h",
        Summary = "A pattern of its own for each query head, such as local and global heads side by side. As exact about rectangles as its patterns are.",
        Parameters = [MaskParameter.Patterns("of", "a pattern for each query head")],
        Create = a => new HeadsMask(a.Patterns("of")),
        Examples =
        [
            "heads([causal,full])", "heads([causal,sliding(2),causal,strided(3)])", "heads([sliding(3),sliding(3)])", "heads([local(4)])",
            "heads([head_switch(0+1+1),causal,full])", "heads([documents(5+4),full])",
        ],
        Sample = new("heads([causal & sliding(8),causal])"),
    };

    private readonly MaskPattern[] _of;

    /// <summary>Combines patterns.</summary>
    /// <param name="of">A pattern for each query head, one or more.</param>
    /// <exception cref="InvalidInputException">There is none.</exception>
    public HeadsMask(IReadOnlyList<MaskPattern> of)
    {
        ArgumentNullException.ThrowIfNull(of);
        _of = of.Count > 0 ? [.. of] : throw new InvalidInputException($"{Name} of", "no pattern", "one for each query head");
    }

    /// <summary>The pattern of each query head.</summary>
    public IReadOnlyList<MaskPattern> Of => _of;

    /// <inheritdoc/>
    public override MaskDemand Demand => _of.Aggregate(new MaskDemand(Heads: _of.Length), (demand, pattern) => demand.And(pattern.Demand));

    /// <inheritdoc/>
    public override string Name => "heads";

    /// <inheritdoc/>
    public override IReadOnlyList<MaskParameterValue> Arguments => [new("of", Of)];

    /// <inheritdoc/>
    public override BoundMask Bind(MaskExtent extent)
    {
        new MaskDemand(Heads: _of.Length).Require(extent, Name);
        var bound = _of.Distinct().ToDictionary(pattern => pattern, pattern => pattern.Bind(extent));
        return new Bound(extent, [.. _of.Select(pattern => bound[pattern])]);
    }

    /// <summary>Same patterns.</summary>
    public bool Equals(HeadsMask? other) => other is not null && _of.AsSpan().SequenceEqual(other._of);

    /// <inheritdoc/>
    public override int GetHashCode() => _of.Aggregate(0, HashCode.Combine);

    private sealed class Bound(MaskExtent extent, BoundMask[] heads) : BoundMask(extent)
    {
        public override bool VariesByBatch { get; } = heads.Any(head => head.VariesByBatch);

        // Equal patterns share one bound mask.
        public override bool VariesByHead { get; } = heads.Any(head => head != heads[0]) || heads[0].VariesByHead;

        public override bool Allows(int batch, int head, int query, int key) => heads[head].Allows(batch, head, query, key);

        public override TileClass Classify(int batch, int head, MaskRect rect) => heads[head].Classify(batch, head, rect);

        public override ulong Row64(int batch, int head, int query, int keyStart) => heads[head].Row64(batch, head, query, keyStart);
    }
}
