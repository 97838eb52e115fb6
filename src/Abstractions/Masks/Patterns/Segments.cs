namespace Stof.Reference.Masks;

/// <summary>Segments of positions one after the other from position 0; a segment may be empty. Two are equal if their lengths are.</summary>
internal sealed class Segments : IEquatable<Segments>
{
    private readonly int[] _starts;

    /// <summary>Checks lengths.</summary>
    /// <param name="name">What a length is called in messages, such as <c>documents length</c>; its plural names the sum.</param>
    /// <param name="lengths">Positions of each segment, each 0 or more.</param>
    /// <exception cref="InvalidInputException">A length is negative, or their sum exceeds 2³¹ − 1.</exception>
    public Segments(string name, ReadOnlySpan<int> lengths)
    {
        _starts = new int[lengths.Length + 1];
        for (var i = 0; i < lengths.Length; i++)
        {
            if (lengths[i] < 0)
            {
                throw new InvalidInputException($"{name} {i}", $"{lengths[i]}", "0 or more");
            }

            var end = (long)_starts[i] + lengths[i];
            _starts[i + 1] = end <= int.MaxValue ? (int)end : throw new InvalidInputException($"{name}s", $"a sum of {end}", "at most 2147483647");
        }
    }

    /// <summary>Number of segments.</summary>
    public int Count => _starts.Length - 1;

    /// <summary>Positions of all segments together.</summary>
    public int Total => _starts[^1];

    /// <summary>Where each segment starts, and where the last one ends.</summary>
    public ReadOnlySpan<int> Starts => _starts;

    /// <summary>Positions of each segment.</summary>
    public IEnumerable<int> Lengths => _starts.Skip(1).Zip(_starts, (end, start) => end - start);

    /// <summary>The segment that holds a position, never an empty one; −1 before the first, <see cref="Count"/> after the last.</summary>
    public int IndexOf(long position)
    {
        if (position < 0 || position > int.MaxValue)
        {
            return position < 0 ? -1 : Count;
        }

        // The last start that is not after the position: empty segments share their start with the next one.
        var index = _starts.AsSpan().BinarySearch((int)position);
        index = index >= 0 ? index : ~index - 1;
        while (index + 1 < _starts.Length && _starts[index + 1] == position)
        {
            index++;
        }

        return index;
    }

    /// <inheritdoc/>
    public bool Equals(Segments? other) => other is not null && _starts.AsSpan().SequenceEqual(other._starts);

    /// <inheritdoc/>
    public override bool Equals(object? obj) => Equals(obj as Segments);

    /// <inheritdoc/>
    public override int GetHashCode() => _starts.Aggregate(0, HashCode.Combine);
}
