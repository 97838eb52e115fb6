using Stof.Reference.Masks;

namespace Stof.Reference.Formats;

/// <summary>
/// Questions to a list of runs [s₀, e₀), [s₁, e₁), … that is sorted, disjoint and without neighbours that touch: the bounds s₀, e₀, s₁,
/// e₁, … ascend strictly, and an index is inside a run exactly if the number of bounds up to it is odd.
/// </summary>
internal static class Runs
{
    /// <summary>Number of bounds at or below <paramref name="index"/>.</summary>
    public static int BoundsUpTo(ReadOnlySpan<int> bounds, int index)
    {
        var found = bounds.BinarySearch(index);
        return found < 0 ? ~found : found + 1;
    }

    /// <summary>Is the index inside a run?</summary>
    public static bool Contain(ReadOnlySpan<int> bounds, int index) => (BoundsUpTo(bounds, index) & 1) != 0;

    /// <summary>Are all, none or some of [start, end) inside runs? Exact; the range is not empty.</summary>
    public static TileClass Classify(ReadOnlySpan<int> bounds, int start, int end)
    {
        var before = BoundsUpTo(bounds, start);
        return before < bounds.Length && bounds[before] < end ? TileClass.Part
            : (before & 1) != 0 ? TileClass.Full
            : TileClass.Empty;
    }

    /// <summary>Checks the runs of every row.</summary>
    /// <param name="name">The array of runs.</param>
    /// <param name="bounds">Starts and ends in turn.</param>
    /// <param name="pointers">Checked running counts of runs.</param>
    /// <param name="limit">The largest end.</param>
    /// <param name="row">What a row is called.</param>
    /// <exception cref="InvalidInputException">A run is empty, out of range, or not past the end of the one before.</exception>
    public static void Check(string name, ReadOnlySpan<int> bounds, ReadOnlySpan<int> pointers, int limit, string row)
    {
        for (var i = 0; i + 1 < pointers.Length; i++)
        {
            var least = 0;
            for (var run = pointers[i]; run < pointers[i + 1]; run++)
            {
                var (start, end) = (bounds[2 * run], bounds[(2 * run) + 1]);
                if (start < least)
                {
                    throw FormatRules.Wrong($"{name}[{run}, 0]", start, least == 0 ? "0 or more" : $"{least} or more, past the run before in {row} {i}");
                }

                if (end <= start || end > limit)
                {
                    throw FormatRules.Wrong($"{name}[{run}, 1]", end, $"more than the start {start} and at most {limit}");
                }

                // A run that touches the one before would be one run with it.
                least = end == int.MaxValue ? end : end + 1;
            }
        }
    }
}
