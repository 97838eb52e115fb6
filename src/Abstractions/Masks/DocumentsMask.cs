namespace Stof.Reference.Masks;

/// <summary>
/// Documents packed one after the other (block diagonal): position p = q + offset and key k lie in the same document. Positions
/// outside all documents attend to nothing and are attended by nothing. Text form, with the lengths from the first document on:
/// <c>documents(100+28+64)</c>; a decoder's is <c>causal &amp; documents(100+28+64)</c>.
/// </summary>
public sealed record DocumentsMask : NamedMask
{
    private readonly int[] _starts;

    /// <summary>Creates the pattern.</summary>
    /// <param name="lengths">Positions of each document, each 1 or more.</param>
    /// <exception cref="InvalidInputException">There is no document, one is empty, or their sum exceeds 2³¹ − 1.</exception>
    public DocumentsMask(params ReadOnlySpan<int> lengths)
    {
        _starts = new int[lengths.Length + 1];
        for (var i = 0; i < lengths.Length; i++)
        {
            var end = (long)_starts[i] + AtLeast($"length {i}", lengths[i], 1);
            _starts[i + 1] = end <= int.MaxValue ? (int)end : throw new InvalidInputException($"{Name} lengths", $"a sum of {end}", "at most 2147483647");
        }

        if (lengths.Length == 0)
        {
            throw new InvalidInputException($"{Name} lengths", "none", "one or more");
        }
    }

    /// <inheritdoc/>
    public override string Name => "documents";

    /// <inheritdoc/>
    public override IReadOnlyList<MaskParameterValue> Arguments =>
        [new("lengths", string.Join('+', _starts.Skip(1).Zip(_starts, (end, start) => end - start)))];

    /// <inheritdoc/>
    public override BoundMask Bind(MaskExtent extent) => new Bound(extent, _starts);

    /// <summary>Same lengths.</summary>
    public bool Equals(DocumentsMask? other) => other is not null && _starts.AsSpan().SequenceEqual(other._starts);

    /// <inheritdoc/>
    public override int GetHashCode() => _starts.Aggregate(0, HashCode.Combine);

    /// <summary>Reads the text form's argument.</summary>
    internal static DocumentsMask From(MaskArguments arguments)
    {
        var text = arguments.Word("lengths");
        var parts = text.Split('+');
        var lengths = new int[parts.Length];
        for (var i = 0; i < parts.Length; i++)
        {
            if (!int.TryParse(parts[i], out lengths[i]))
            {
                throw new InvalidInputException("documents lengths", $"'{(text.Length <= 60 ? text : text[..57] + "...")}'", "whole numbers joined by +, such as 100+28+64");
            }
        }

        return new DocumentsMask(lengths);
    }

    private sealed class Bound(MaskExtent extent, int[] starts) : BoundMask(extent)
    {
        public override bool Allows(int batch, int head, int query, int key)
        {
            var document = DocumentOf((long)query + QueryOffset);
            return document >= 0 && document < starts.Length - 1 && document == DocumentOf(key);
        }

        public override TileClass Classify(int batch, int head, MaskRect rect)
        {
            var (first, last) = (DocumentOf((long)rect.QueryStart + QueryOffset), DocumentOf(rect.QueryEnd - 1L + QueryOffset));
            var (firstKey, lastKey) = (DocumentOf(rect.KeyStart), DocumentOf(rect.KeyEnd - 1L));
            var (from, to) = (Math.Max(Math.Max(first, firstKey), 0), Math.Min(Math.Min(last, lastKey), starts.Length - 2));
            return from > to ? TileClass.Empty
                : first == last && firstKey == lastKey ? TileClass.Full
                : TileClass.Part;
        }

        public override ulong Row64(int batch, int head, int query, int keyStart)
        {
            var document = DocumentOf((long)query + QueryOffset);
            return document >= 0 && document < starts.Length - 1 ? KeysBetween(keyStart, starts[document], starts[document + 1]) : 0;
        }

        /// <summary>Index of the document; −1 before the first, the number of documents after the last.</summary>
        private int DocumentOf(long position)
        {
            if (position < 0 || position > int.MaxValue)
            {
                return position < 0 ? -1 : starts.Length - 1;
            }

            var index = starts.AsSpan().BinarySearch((int)position);
            return index >= 0 ? index : ~index - 1;
        }
    }
}
