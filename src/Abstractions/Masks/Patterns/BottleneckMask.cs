namespace Stof.Reference.Masks;

/// <summary>
/// Bottleneck tokens between modalities, of which some may be missing: the sequence is the tokens of the modalities one after the other,
/// then the bottleneck tokens. Tokens of a modality see their own modality and the bottleneck; the bottleneck sees itself and all present
/// modalities. An absent modality is masked entirely, its queries and its keys. A query before position 0 or past the last token attends to
/// nothing. Text forms: <c>bottleneck(modalities=20+30,bottleneck=4)</c>, and with a string of one digit a modality for each batch item, 1
/// for present, <c>bottleneck(modalities=20+30,bottleneck=4,present=11+01)</c>.
/// </summary>
public sealed record BottleneckMask : NamedMask
{
    /// <summary>The catalogue's entry.</summary>
    public static MaskEntry Entry { get; } = new()
    {
        Name = "bottleneck",
        Formula = "p and k present, and in the same modality or one of them in the bottleneck",
        Summary = "Modalities exchange what they know through bottleneck tokens, which come last. A missing modality is masked entirely, rows and columns; "
            + "`present` says for each batch item, with one digit a modality, which ones are there. The lengths must add up to the number of keys.",
        Source = "Nagrani et al.: Attention Bottlenecks (2021); missing modalities as in MADRIGAL",
        Parameters =
        [
            MaskParameter.Word("modalities", "tokens of each modality, joined by +"),
            MaskParameter.Whole("bottleneck", "bottleneck tokens, after the modalities"),
            MaskParameter.Word(
                "present", "a digit for each modality, 1 if it is there, joined by + where batch items differ, such as 101+111; default all", optional: true),
        ],
        Create = a => new BottleneckMask(a.Wholes("modalities"), a.Whole("bottleneck"), a.Has("present") ? a.Word("present").Split('+') : null),
        Examples =
        [
            "bottleneck(modalities=20+30+10,bottleneck=5)", "bottleneck(modalities=3+0+4+2,bottleneck=2,present=1101)",
            "bottleneck(modalities=3+2+4,bottleneck=2,present=101+010+111)", "bottleneck(modalities=4+5,bottleneck=0,present=10)",
            "bottleneck(modalities=4+3,bottleneck=1,present=00+00)", "bottleneck(modalities=0,bottleneck=5)",
        ],
        Sample = new("bottleneck(modalities=20+16+20,bottleneck=8,present=101)"),
    };

    private readonly Segments _segments;
    private readonly string[] _present;

    /// <summary>Creates the pattern.</summary>
    /// <param name="modalities">Tokens of each modality, each 0 or more.</param>
    /// <param name="bottleneck">Bottleneck tokens, 0 or more.</param>
    /// <param name="present">
    /// A string of one digit a modality, 1 if it is there and 0 if not, for each batch item; one string is shared by all items and several
    /// demand as many items. Null if all are there.
    /// </param>
    /// <exception cref="InvalidInputException">
    /// There is no modality, a number is negative, the sum exceeds 2³¹ − 1, or a string has other characters or another length.
    /// </exception>
    public BottleneckMask(IReadOnlyList<int> modalities, int bottleneck, IReadOnlyList<string>? present = null)
    {
        ArgumentNullException.ThrowIfNull(modalities);
        if (modalities.Count == 0)
        {
            throw new InvalidInputException($"{Name} modalities", "none", "one or more");
        }

        for (var i = 0; i < modalities.Count; i++)
        {
            AtLeast($"modality {i}", modalities[i], 0);
        }

        _segments = new Segments($"{Name} length", [.. modalities, AtLeast("bottleneck", bottleneck, 0)]);
        _present = present is { Count: > 0 } ? [.. present] : [new string('1', modalities.Count)];
        foreach (var item in _present)
        {
            if (item.Length != modalities.Count || item.AsSpan().ContainsAnyExcept('0', '1'))
            {
                throw new InvalidInputException(
                    $"{Name} present", $"'{item}'", $"{modalities.Count} digits 0 or 1, one a modality, for one batch item or joined by + for each");
            }
        }
    }

    /// <summary>Tokens of each modality.</summary>
    public IReadOnlyList<int> Modalities => [.. _segments.Lengths.SkipLast(1)];

    /// <summary>Bottleneck tokens.</summary>
    public int Bottleneck => _segments.Lengths.Last();

    /// <summary>Which modalities are there, one digit each, for each batch item; one string if all items share it.</summary>
    public IReadOnlyList<string> Present => _present;

    /// <inheritdoc/>
    public override MaskDemand Demand => new(Keys: _segments.Total, Batch: _present.Length == 1 ? null : _present.Length);

    /// <inheritdoc/>
    public override string Name => "bottleneck";

    /// <inheritdoc/>
    public override IReadOnlyList<MaskParameterValue> Arguments
    {
        get
        {
            var (modalities, bottleneck) = (new MaskParameterValue("modalities", Joined(Modalities)), new MaskParameterValue("bottleneck", Bottleneck));
            return _present is [var shared] && !shared.Contains('0')
                ? [modalities, bottleneck]
                : [modalities, bottleneck, new("present", string.Join('+', _present))];
        }
    }

    /// <inheritdoc/>
    public override BoundMask Bind(MaskExtent extent) => new Bound(Demand.Require(extent, Name), _segments, _present);

    /// <summary>Same lengths and same modalities present.</summary>
    public bool Equals(BottleneckMask? other) => other is not null && _segments.Equals(other._segments) && _present.AsSpan().SequenceEqual(other._present);

    /// <inheritdoc/>
    public override int GetHashCode() => _present.Aggregate(_segments.GetHashCode(), HashCode.Combine);

    private sealed class Bound : BoundMask
    {
        private readonly Segments _segments;
        private readonly bool[][] _present;

        // How many modalities with a token there are before each segment, and how many of them are there, for each item.
        private readonly int[] _modalitiesBefore;
        private readonly int[][] _presentBefore;

        public Bound(MaskExtent extent, Segments segments, string[] present)
            : base(extent)
        {
            _segments = segments;

            // The bottleneck is the last segment and always there.
            _present = [.. present.Select(item => item.Select(digit => digit == '1').Append(true).ToArray())];
            var lengths = segments.Lengths.SkipLast(1).ToArray();
            _modalitiesBefore = Running(lengths.Select(length => length > 0));
            _presentBefore = [.. _present.Select(item => Running(lengths.Select((length, i) => length > 0 && item[i])))];
            VariesByBatch = present.Distinct().Count() > 1;
        }

        public override bool VariesByBatch { get; }

        private int Bottleneck => _segments.Count - 1;

        public override bool Allows(int batch, int head, int query, int key)
        {
            var (one, other, present) = (_segments.IndexOf((long)query + QueryOffset), _segments.IndexOf(key), _present[Item(batch)]);
            return one >= 0 && one <= Bottleneck && present[one] && present[other] && (one == other || one == Bottleneck || other == Bottleneck);
        }

        public override TileClass Classify(int batch, int head, MaskRect rect)
        {
            var (first, last) = (_segments.IndexOf((long)rect.QueryStart + QueryOffset), _segments.IndexOf(rect.QueryEnd - 1L + QueryOffset));
            var (firstKey, lastKey) = (_segments.IndexOf(rect.KeyStart), _segments.IndexOf(rect.KeyEnd - 1L));
            if (last < 0 || first > Bottleneck)
            {
                return TileClass.Empty;
            }

            var (queries, keys) = (Side.Of(this, batch, first, last), Side.Of(this, batch, firstKey, lastKey));
            var common = Side.Of(this, batch, Math.Max(first, firstKey), Math.Min(last, lastKey));
            var any = common.Present > 0
                || (queries.Bottleneck && (keys.Bottleneck || keys.Present > 0))
                || (keys.Bottleneck && queries.Present > 0);
            var all = first >= 0 && last <= Bottleneck
                && queries.Present == queries.Modalities && keys.Present == keys.Modalities
                && (queries.Modalities == 0 || keys.Modalities == 0 || (queries.Modalities == 1 && keys.Modalities == 1 && common.Present == 1));
            return all ? TileClass.Full : any ? TileClass.Part : TileClass.Empty;
        }

        public override ulong Row64(int batch, int head, int query, int keyStart)
        {
            var (own, present) = (_segments.IndexOf((long)query + QueryOffset), _present[Item(batch)]);
            if (own < 0 || own > Bottleneck || !present[own])
            {
                return 0;
            }

            if (own != Bottleneck)
            {
                return Keys(keyStart, own) | Keys(keyStart, Bottleneck);
            }

            var bits = 0UL;
            for (var segment = _segments.IndexOf(keyStart); segment <= Bottleneck && _segments.Starts[segment] < (long)keyStart + RowBits; segment++)
            {
                bits |= present[segment] ? Keys(keyStart, segment) : 0;
            }

            return bits;
        }

        private int Item(int batch) => _present.Length == 1 ? 0 : batch;

        private ulong Keys(int keyStart, int segment) => KeysBetween(keyStart, _segments.Starts[segment], _segments.Starts[segment + 1]);

        private static int[] Running(IEnumerable<bool> counted)
        {
            var sums = new List<int> { 0 };
            sums.AddRange(counted.Select(counts => counts ? 1 : 0));
            for (var i = 1; i < sums.Count; i++)
            {
                sums[i] += sums[i - 1];
            }

            return [.. sums];
        }

        /// <summary>What the queries or the keys of a rectangle are.</summary>
        /// <param name="Modalities">Modalities among them.</param>
        /// <param name="Present">Modalities among them that are there.</param>
        /// <param name="Bottleneck">True if a bottleneck token is among them.</param>
        private readonly record struct Side(int Modalities, int Present, bool Bottleneck)
        {
            public static Side Of(Bound mask, int batch, int first, int last)
            {
                var bottleneck = mask.Bottleneck;
                var (from, to) = (Math.Clamp(first, 0, bottleneck), Math.Clamp(last + 1, 0, bottleneck));
                if (to < from)
                {
                    return default;
                }

                var (modalities, present) = (mask._modalitiesBefore, mask._presentBefore[mask.Item(batch)]);
                return new Side(
                    modalities[to] - modalities[from],
                    present[to] - present[from],
                    last >= bottleneck && mask._segments.Starts[bottleneck] < mask._segments.Total);
            }
        }
    }
}
