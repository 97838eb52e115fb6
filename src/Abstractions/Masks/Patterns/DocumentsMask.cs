namespace Stof.Reference.Masks;

/// <summary>
/// Documents packed one after the other (block diagonal): position p = q + offset and key k lie in the same document. Positions
/// outside all documents attend to nothing and are attended by nothing; that there are such has to be said. Text form, with the
/// lengths from the first document on: <c>documents(100+28+64)</c>; a decoder's is <c>causal &amp; documents(100+28+64)</c>.
/// </summary>
public sealed record DocumentsMask : NamedMask
{
    /// <summary>The catalogue's entry.</summary>
    public static MaskEntry Entry { get; } = new()
    {
        Name = "documents",
        Formula = "p and k in the same document",
        Summary = "Documents packed one after the other (block diagonal): what `cu_seqlens` mean. A document may be empty. The lengths must add up to "
            + "the number of keys, unless `rest=empty` says that positions past the last document are padding, which attends to nothing and is attended by nothing.",
        Parameters =
        [
            MaskParameter.Word("lengths", "positions of each document, joined by +"),
            MaskParameter.Word("rest", "refuse, or empty: positions past the last document are padding; default refuse", optional: true),
        ],
        Create = a => new DocumentsMask(a.Choice("rest", ["refuse", "empty"], "refuse") == "empty", a.Wholes("lengths")),
        Examples =
        [
            "documents(20+5+40)", "documents(64)", "documents(0+9+0+0+30+0)", "documents(0)", "documents(lengths=9+0+11,rest=empty)",
            "documents(lengths=1+1+1+2147483644,rest=empty)",
        ],
        Sample = new("documents(20+5+39)"),
    };

    private readonly Segments _documents;

    /// <summary>Creates the pattern; the lengths must add up to the keys of the extent that it is bound to.</summary>
    /// <param name="lengths">Positions of each document, each 0 or more.</param>
    /// <exception cref="InvalidInputException">There is no document, a length is negative, or their sum exceeds 2³¹ − 1.</exception>
    public DocumentsMask(params ReadOnlySpan<int> lengths)
        : this(false, lengths)
    {
    }

    /// <summary>Creates the pattern.</summary>
    /// <param name="emptyRest">
    /// True if positions past the last document are padding, which attends to nothing; false if the lengths must add up to the keys.
    /// </param>
    /// <param name="lengths">Positions of each document, each 0 or more.</param>
    /// <exception cref="InvalidInputException">There is no document, a length is negative, or their sum exceeds 2³¹ − 1.</exception>
    public DocumentsMask(bool emptyRest, params ReadOnlySpan<int> lengths)
    {
        EmptyRest = emptyRest;
        _documents = new Segments($"{Name} length", lengths);
        if (lengths.Length == 0)
        {
            throw new InvalidInputException($"{Name} lengths", "none", "one or more");
        }
    }

    /// <summary>True if positions past the last document are padding.</summary>
    public bool EmptyRest { get; }

    /// <summary>Where each document starts, and where the last one ends (the <c>cu_seqlens</c> of variable-length kernels).</summary>
    public ReadOnlySpan<int> CumulativeLengths => _documents.Starts;

    /// <inheritdoc/>
    public override MaskDemand Demand => EmptyRest ? default : new(Keys: _documents.Total);

    /// <inheritdoc/>
    public override string Name => "documents";

    /// <inheritdoc/>
    public override IReadOnlyList<MaskParameterValue> Arguments
    {
        get
        {
            var lengths = new MaskParameterValue("lengths", Joined(_documents.Lengths));
            return EmptyRest ? [lengths, new("rest", "empty")] : [lengths];
        }
    }

    /// <summary>Reads the running sums that variable-length kernels take.</summary>
    /// <param name="cumulative"><c>cu_seqlens</c>: 0, then the end of each document.</param>
    /// <exception cref="InvalidInputException">It does not start at 0, decreases, or holds no document.</exception>
    public static DocumentsMask FromCumulative(ReadOnlySpan<int> cumulative)
    {
        if (cumulative.Length < 2 || cumulative[0] != 0)
        {
            throw new InvalidInputException(
                "cu_seqlens", cumulative.Length < 2 ? $"{cumulative.Length} entries" : $"{cumulative[0]} first", "0, then the end of each document");
        }

        var lengths = new int[cumulative.Length - 1];
        for (var i = 0; i < lengths.Length; i++)
        {
            lengths[i] = cumulative[i + 1] >= cumulative[i]
                ? cumulative[i + 1] - cumulative[i]
                : throw new InvalidInputException($"cu_seqlens[{i + 1}]", $"{cumulative[i + 1]}", $"{cumulative[i]} or more");
        }

        return new DocumentsMask(lengths);
    }

    /// <inheritdoc/>
    public override BoundMask Bind(MaskExtent extent)
    {
        ArgumentNullException.ThrowIfNull(extent);
        return EmptyRest || extent.KeyLength == _documents.Total
            ? new Bound(extent, _documents)
            : throw new InvalidInputException(
                "documents lengths",
                $"a sum of {_documents.Total} for {extent.KeyLength} keys",
                _documents.Total < extent.KeyLength ? "lengths that add up to the keys, or rest=empty" : "lengths that add up to the keys");
    }

    private sealed class Bound(MaskExtent extent, Segments documents) : BoundMask(extent)
    {
        public override bool Allows(int batch, int head, int query, int key)
        {
            var document = documents.IndexOf((long)query + QueryOffset);
            return document >= 0 && document < documents.Count && document == documents.IndexOf(key);
        }

        public override TileClass Classify(int batch, int head, MaskRect rect)
        {
            var (first, last) = (documents.IndexOf((long)rect.QueryStart + QueryOffset), documents.IndexOf(rect.QueryEnd - 1L + QueryOffset));
            var (firstKey, lastKey) = (documents.IndexOf(rect.KeyStart), documents.IndexOf(rect.KeyEnd - 1L));
            var (from, to) = (Math.Max(Math.Max(first, firstKey), 0), Math.Min(Math.Min(last, lastKey), documents.Count - 1));
            return from > to ? TileClass.Empty
                : first == last && firstKey == lastKey ? TileClass.Full
                : TileClass.Part;
        }

        public override ulong Row64(int batch, int head, int query, int keyStart)
        {
            var document = documents.IndexOf((long)query + QueryOffset);
            return document >= 0 && document < documents.Count ? KeysBetween(keyStart, documents.Starts[document], documents.Starts[document + 1]) : 0;
        }
    }
}
