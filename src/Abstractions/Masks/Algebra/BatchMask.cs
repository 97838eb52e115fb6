namespace Stof.Reference.Masks;

/// <summary>
/// Patterns concatenated along the batch: pattern i serves the next items[i] batch items and is bound to that many, so that the first of
/// them is its item 0. It demands as many batch items as there are in all. Text forms: <c>batch([causal,full])</c>, one item each, and
/// <c>batch(of=[causal,full],items=2+1)</c>.
/// </summary>
public sealed record BatchMask : NamedMask
{
    /// <summary>The catalogue's entry.</summary>
    public static MaskEntry Entry { get; } = new()
    {
        Name = "batch",
        Formula = "allowed by the pattern that serves the batch item",
        Summary = "Patterns concatenated along the batch: requests with different masks in one call. Each pattern sees its own items as items 0, 1, …. "
            + "As exact about rectangles as its patterns are.",
        Parameters =
        [
            MaskParameter.Patterns("of", "patterns, in the order of the batch items"),
            MaskParameter.Word("items", "batch items of each pattern, joined by +; default one each", optional: true),
        ],
        Create = a => new BatchMask(a.Patterns("of"), a.Has("items") ? a.Wholes("items") : null),
        Examples =
        [
            "batch([causal,full])", "batch(of=[causal,sliding(2),prefix(3)],items=1+2+1)", "batch(of=[strided(3)],items=3)", "batch([local(4),local(4)])",
            "batch(of=[full,bottleneck(modalities=3+4,bottleneck=2,present=10+01)],items=1+2)", "batch([documents(3+6),documents(5+4)])",
        ],
        Sample = new("batch([documents(20+5+39),documents(8+40+16)])"),
    };

    private readonly MaskPattern[] _of;
    private readonly int[] _items;

    /// <summary>Combines patterns.</summary>
    /// <param name="of">The patterns, one or more, in the order of the batch items.</param>
    /// <param name="items">Batch items of each pattern, each 1 or more; null for one each.</param>
    /// <exception cref="InvalidInputException">
    /// There is no pattern, not a number for each, a number below 1, or more than 2³¹ − 1 items in all.
    /// </exception>
    public BatchMask(IReadOnlyList<MaskPattern> of, IReadOnlyList<int>? items = null)
    {
        ArgumentNullException.ThrowIfNull(of);
        _of = of.Count > 0 ? [.. of] : throw new InvalidInputException($"{Name} of", "no pattern", "one or more");
        _items = items is null ? [.. _of.Select(_ => 1)] : [.. items];
        if (_items.Length != _of.Length)
        {
            throw new InvalidInputException($"{Name} items", $"{_items.Length} numbers", $"one for each of {_of.Length} patterns");
        }

        for (var i = 0; i < _items.Length; i++)
        {
            AtLeast($"items of pattern {i}", _items[i], 1);
        }

        var sum = _items.Sum(count => (long)count);
        Items = sum <= int.MaxValue ? (int)sum : throw new InvalidInputException($"{Name} items", $"a sum of {sum}", "at most 2147483647");
    }

    /// <summary>The patterns.</summary>
    public IReadOnlyList<MaskPattern> Of => _of;

    /// <summary>Batch items of each pattern.</summary>
    public ReadOnlySpan<int> ItemsOfEach => _items;

    /// <summary>Batch items of all patterns.</summary>
    public int Items { get; }

    /// <inheritdoc/>
    public override MaskDemand Demand =>
        _of.Aggregate(new MaskDemand(Batch: Items), (demand, pattern) => demand.And(pattern.Demand with { Batch = null }));

    /// <inheritdoc/>
    public override string Name => "batch";

    /// <inheritdoc/>
    public override IReadOnlyList<MaskParameterValue> Arguments =>
        _items.All(count => count == 1) ? [new("of", Of)] : [new("of", Of), new("items", Joined(_items))];

    /// <inheritdoc/>
    public override BoundMask Bind(MaskExtent extent)
    {
        new MaskDemand(Batch: Items).Require(extent, Name);
        var bound = _of.Zip(_items).Distinct().ToDictionary(part => part, part => part.First.Bind(extent with { Batch = part.Second }));
        var masks = _of.Zip(_items, (pattern, count) => bound[(pattern, count)]);
        return new Bound(extent, [.. masks], _items, _of.Distinct().Count() > 1);
    }

    /// <summary>Same patterns for the same items.</summary>
    public bool Equals(BatchMask? other) =>
        other is not null && _of.AsSpan().SequenceEqual(other._of) && _items.AsSpan().SequenceEqual(other._items);

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(_of.Aggregate(0, HashCode.Combine), _items.Aggregate(0, HashCode.Combine));

    private sealed class Bound : BoundMask
    {
        private readonly BoundMask[] _masks;

        // The mask that serves each batch item, and the item's number in it.
        private readonly (int Mask, int Item)[] _served;

        public Bound(MaskExtent extent, BoundMask[] masks, int[] items, bool patternsDiffer)
            : base(extent)
        {
            _masks = masks;
            _served = [.. items.SelectMany((count, mask) => Enumerable.Range(0, count).Select(item => (mask, item)))];
            VariesByBatch = patternsDiffer || masks.Any(mask => mask.VariesByBatch);
            VariesByHead = masks.Any(mask => mask.VariesByHead);
        }

        public override bool VariesByBatch { get; }

        public override bool VariesByHead { get; }

        public override bool Allows(int batch, int head, int query, int key)
        {
            var (mask, item) = _served[batch];
            return _masks[mask].Allows(item, head, query, key);
        }

        public override TileClass Classify(int batch, int head, MaskRect rect)
        {
            var (mask, item) = _served[batch];
            return _masks[mask].Classify(item, head, rect);
        }

        public override ulong Row64(int batch, int head, int query, int keyStart)
        {
            var (mask, item) = _served[batch];
            return _masks[mask].Row64(item, head, query, keyStart);
        }
    }
}
