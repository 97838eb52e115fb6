namespace Stof.Reference.Verification.Diagnosis;

/// <summary>Picks the rows on which explanations are compared: wrong ones, and right ones that an explanation must leave right.</summary>
internal static class RowSample
{
    /// <summary>Evenly spaced rows of both kinds, at most <paramref name="count"/> together, wrong ones first in number.</summary>
    /// <param name="isWrong">By row.</param>
    /// <param name="count">Rows wanted.</param>
    /// <param name="wrongShare">Share of wrong rows, where there are enough of both.</param>
    public static int[] Pick(bool[] isWrong, int count, double wrongShare = 0.65)
    {
        var wrong = Indices(isWrong, true);
        var right = Indices(isWrong, false);
        var fromWrong = Math.Min(wrong.Length, Math.Max((int)(count * wrongShare), count - right.Length));
        return [.. Spread(wrong, fromWrong).Concat(Spread(right, count - fromWrong)).Order()];
    }

    private static int[] Indices(bool[] isWrong, bool which) => [.. Enumerable.Range(0, isWrong.Length).Where(row => isWrong[row] == which)];

    // A step that shares no small factor with tile sizes, so that the places inside tiles differ.
    private static IEnumerable<int> Spread(int[] rows, int count)
    {
        if (count >= rows.Length)
        {
            return rows;
        }

        return Enumerable.Range(0, count).Select(i => rows[(int)((((long)i * rows.Length) + (i * 7919L % Math.Max(1, rows.Length / Math.Max(count, 1)))) / count)]).Distinct();
    }
}
