using System.Collections.Immutable;
using System.Globalization;
using System.Numerics;

namespace Stof.Reference.Fusion;

/// <summary>Operators [Start, Start + Length) of a graph, run by one kernel.</summary>
/// <param name="Start">First operator.</param>
/// <param name="Length">Number of operators, 1 or more.</param>
public readonly record struct Segment(int Start, int Length)
{
    /// <summary>One past the last operator.</summary>
    public int End => Start + Length;

    /// <summary>Renders as <c>[2-6]</c>.</summary>
    public override string ToString() => Length == 1 ? $"[{Start}]" : $"[{Start}-{End - 1}]";
}

/// <summary>
/// Which neighbours are fused, as STOF writes it: one bit an operator, and a maximal run of equal bits is a segment. A scheme
/// and its complement are the same; the first bit is always stored as 0. Bit 0 belongs to operator 0 and is printed first.
/// </summary>
public sealed class FusionScheme : IEquatable<FusionScheme>
{
    /// <summary>Most operators a scheme can have: the bits fit a word.</summary>
    public const int MaxOperators = 64;

    private readonly ulong _bits; // bit i = operator i

    private FusionScheme(ulong bits, int count)
    {
        var all = count == MaxOperators ? ulong.MaxValue : (1UL << count) - 1;
        _bits = (bits & 1) == 0 ? bits & all : ~bits & all;
        Count = count;
        Segments = Decode();
    }

    /// <summary>Number of operators.</summary>
    public int Count { get; }

    /// <summary>The segments in order; together they cover every operator once.</summary>
    public ImmutableArray<Segment> Segments { get; }

    /// <summary>Bits operator by operator, such as <c>010000011100011</c>.</summary>
    public string Bits => string.Concat(Enumerable.Range(0, Count).Select(i => (_bits >> i) & 1));

    /// <summary>Every operator on its own.</summary>
    public static FusionScheme Detached(int count) => FromLengths(Enumerable.Repeat(1, count));

    /// <summary>The scheme with segments of these lengths, in order.</summary>
    /// <exception cref="InvalidInputException">A length is not positive, or they sum to nothing or more than 64.</exception>
    public static FusionScheme FromLengths(IEnumerable<int> lengths)
    {
        var bits = 0UL;
        var count = 0;
        var value = 0UL;
        foreach (var length in lengths)
        {
            if (length < 1 || count + length > MaxOperators)
            {
                throw new InvalidInputException("segment length", $"{length} after {count} operators", $"positive lengths that sum to at most {MaxOperators}");
            }

            for (var i = 0; i < length; i++)
            {
                bits |= value << count++;
            }

            value ^= 1;
        }

        return count > 0 ? new FusionScheme(bits, count) : throw new InvalidInputException("segment lengths", "none", "one or more");
    }

    /// <summary>Parses the bits operator by operator.</summary>
    /// <exception cref="InvalidInputException">Empty, longer than 64, or a character is not 0 or 1.</exception>
    public static FusionScheme FromBits(string bits)
    {
        ArgumentNullException.ThrowIfNull(bits);
        if (bits.Length is 0 or > MaxOperators || bits.AsSpan().ContainsAnyExcept('0', '1'))
        {
            throw new InvalidInputException("scheme", $"'{bits}'", $"1 to {MaxOperators} characters 0 or 1");
        }

        var word = 0UL;
        for (var i = 0; i < bits.Length; i++)
        {
            word |= (ulong)(bits[i] - '0') << i;
        }

        return new FusionScheme(word, bits.Length);
    }

    /// <summary>
    /// Hexadecimal form <c>count:digits</c>, such as <c>15:20e3</c>: the bits read as one binary number, operator 0 the most
    /// significant.
    /// </summary>
    public string ToHex() => string.Create(CultureInfo.InvariantCulture, $"{Count}:{Reversed(_bits, Count):x}");

    /// <summary>Parses <see cref="ToHex"/>.</summary>
    /// <exception cref="InvalidInputException">The text has another form, or more bits than its count.</exception>
    public static FusionScheme FromHex(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        var parts = text.Split(':');
        if (parts.Length == 2
            && int.TryParse(parts[0], NumberStyles.None, CultureInfo.InvariantCulture, out var count)
            && count is >= 1 and <= MaxOperators
            && ulong.TryParse(parts[1], NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var word)
            && BitOperations.Log2(word | 1) < count)
        {
            return new FusionScheme(Reversed(word, count), count);
        }

        throw new InvalidInputException("scheme", $"'{text}'", $"count:hexadecimal with count 1 to {MaxOperators}, such as 15:20e3");
    }

    /// <inheritdoc/>
    public bool Equals(FusionScheme? other) => other is not null && other.Count == Count && other._bits == _bits;

    /// <inheritdoc/>
    public override bool Equals(object? obj) => Equals(obj as FusionScheme);

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(_bits, Count);

    /// <summary>The hexadecimal form.</summary>
    public override string ToString() => ToHex();

    private static ulong Reversed(ulong bits, int count)
    {
        var result = 0UL;
        for (var i = 0; i < count; i++)
        {
            result |= ((bits >> i) & 1) << (count - 1 - i);
        }

        return result;
    }

    private ImmutableArray<Segment> Decode()
    {
        var segments = ImmutableArray.CreateBuilder<Segment>();
        for (var start = 0; start < Count;)
        {
            var end = start + 1;
            while (end < Count && ((_bits >> end) & 1) == ((_bits >> start) & 1))
            {
                end++;
            }

            segments.Add(new Segment(start, end - start));
            start = end;
        }

        return segments.ToImmutable();
    }
}
