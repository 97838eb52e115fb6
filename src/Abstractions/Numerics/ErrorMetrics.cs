using Stof.Reference.Tensors;

namespace Stof.Reference.Numerics;

/// <summary>Elements where one side is not a finite number, by kind. They take no part in the other metrics.</summary>
/// <param name="UnexpectedNaN">NaN where the reference is finite.</param>
/// <param name="UnexpectedInfinity">Infinite where the reference is finite and does not overflow the dtype.</param>
/// <param name="Hidden">Finite where the reference is NaN or infinite: something was not propagated.</param>
/// <param name="OtherKind">NaN for an infinity, an infinity for NaN, or the other infinity: propagated, but not the same.</param>
public readonly record struct NonFiniteMismatches(long UnexpectedNaN, long UnexpectedInfinity, long Hidden, long OtherKind)
{
    /// <summary>
    /// The three kinds that are wrong under the contract; it asks that non-finite values show, not which of them.
    /// </summary>
    public long Wrong => UnexpectedNaN + UnexpectedInfinity + Hidden;
}

/// <summary>How far a tensor is from its reference.</summary>
public sealed record ErrorMetrics
{
    /// <summary>
    /// ‖actual − reference‖ / ‖reference‖ over elements finite on both sides; 0 for equal tensors, ∞ where only the reference is
    /// 0.
    /// </summary>
    public required double RelativeFrobenius { get; init; }

    /// <summary>Largest |actual − reference|.</summary>
    public required double MaxAbsolute { get; init; }

    /// <summary>Flat index of the largest |actual − reference| in the reference's order, −1 if no element was compared.</summary>
    public required int MaxAbsoluteIndex { get; init; }

    /// <summary>Largest of max |error| / max |reference| over rows.</summary>
    public required double MaxOverRowScale { get; init; }

    /// <summary>Elements by distance in representable numbers; see <see cref="Ulp.Bucket"/>.</summary>
    public required long[] UlpHistogram { get; init; }

    /// <summary>Largest distance in representable numbers.</summary>
    public required UInt128 MaxUlp { get; init; }

    /// <summary>What is not finite on one side only, or differs.</summary>
    public required NonFiniteMismatches NonFinite { get; init; }

    /// <summary>Compares.</summary>
    /// <param name="reference">The right values.</param>
    /// <param name="actual">The values to judge, as many, widened exactly.</param>
    /// <param name="type">The dtype that <paramref name="actual"/> was stored in.</param>
    /// <param name="rowLength">Elements a row; 0 takes everything as one row.</param>
    /// <exception cref="InvalidInputException">The counts differ, or rows do not fit.</exception>
    public static ErrorMetrics Compare(ReadOnlySpan<double> reference, ReadOnlySpan<double> actual, DType type, int rowLength = 0)
    {
        if (reference.Length != actual.Length)
        {
            throw new InvalidInputException(
                nameof(actual), $"{actual.Length} elements", $"{reference.Length} as in the reference");
        }

        var row = rowLength == 0 ? Math.Max(reference.Length, 1) : rowLength;
        if (row < 0 || reference.Length % row != 0)
        {
            throw new InvalidInputException(nameof(rowLength), $"{rowLength}", $"a divisor of {reference.Length}");
        }

        var sums = new Sums(type);
        for (var start = 0; start < reference.Length; start += row)
        {
            sums.AddRow(reference.Slice(start, row), actual.Slice(start, row), start);
        }

        return sums.ToMetrics();
    }

    /// <inheritdoc cref="Compare(ReadOnlySpan{double}, ReadOnlySpan{double}, DType, int)"/>
    public static ErrorMetrics Compare(ReadOnlySpan<double> reference, HostTensor actual, int rowLength = 0)
    {
        ArgumentNullException.ThrowIfNull(actual);
        return Compare(reference, actual.ToDoubles(), actual.Type, rowLength);
    }

    /// <summary>The kind of mismatch of one element, or all zeros where both are finite or equal.</summary>
    internal static NonFiniteMismatches Classify(double reference, double actual, DType type)
    {
        if (double.IsFinite(actual))
        {
            return double.IsFinite(reference) ? default : new(0, 0, 1, 0);
        }

        if (!double.IsFinite(reference))
        {
            return reference.Equals(actual) ? default : new(0, 0, 0, 1);
        }

        if (double.IsNaN(actual))
        {
            return new(1, 0, 0, 0);
        }

        // A finite reference that the dtype cannot hold is rightly rounded to infinity.
        var overflows = Math.Abs(reference) > Ulp.LargestFinite(type) && Math.Sign(reference) == Math.Sign(actual);
        return overflows ? default : new(0, 1, 0, 0);
    }

    private sealed class Sums(DType type)
    {
        private readonly long[] _histogram = new long[Ulp.Buckets];
        private double _errorSquares;
        private double _referenceSquares;
        private double _max;
        private double _maxOverRow;
        private int _maxIndex = -1;
        private UInt128 _maxUlp;
        private NonFiniteMismatches _nonFinite;

        public void AddRow(ReadOnlySpan<double> reference, ReadOnlySpan<double> actual, int start)
        {
            var rowError = 0.0;
            var rowScale = 0.0;
            for (var i = 0; i < reference.Length; i++)
            {
                var (wanted, got) = (reference[i], actual[i]);
                if (!double.IsFinite(wanted) || !double.IsFinite(got))
                {
                    AddNonFinite(Classify(wanted, got, type));
                    continue;
                }

                var error = Math.Abs(got - wanted);
                rowError = Math.Max(rowError, error);
                rowScale = Math.Max(rowScale, Math.Abs(wanted));
                _errorSquares += error * error;
                _referenceSquares += wanted * wanted;
                if (error > _max || _maxIndex < 0)
                {
                    (_max, _maxIndex) = (error, start + i);
                }

                var distance = Ulp.Distance(type, wanted, got);
                _histogram[Ulp.Bucket(distance)]++;
                _maxUlp = UInt128.Max(_maxUlp, distance);
            }

            _maxOverRow = Math.Max(_maxOverRow, Ratio(rowError, rowScale));
        }

        public ErrorMetrics ToMetrics() => new()
        {
            RelativeFrobenius = Math.Sqrt(Ratio(_errorSquares, _referenceSquares)),
            MaxAbsolute = _max,
            MaxAbsoluteIndex = _maxIndex,
            MaxOverRowScale = _maxOverRow,
            UlpHistogram = _histogram,
            MaxUlp = _maxUlp,
            NonFinite = _nonFinite,
        };

        private static double Ratio(double error, double scale) => error == 0 ? 0 : error / scale;

        private void AddNonFinite(NonFiniteMismatches one) => _nonFinite = new(
            _nonFinite.UnexpectedNaN + one.UnexpectedNaN,
            _nonFinite.UnexpectedInfinity + one.UnexpectedInfinity,
            _nonFinite.Hidden + one.Hidden,
            _nonFinite.OtherKind + one.OtherKind);
    }
}
