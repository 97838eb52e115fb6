namespace Stof.Reference.Masks;

/// <summary>Least and greatest value of any range of an array in O(log n): a binary tree whose node i covers nodes 2i and 2i + 1.</summary>
internal sealed class RangeExtremes
{
    private readonly int _length;
    private readonly int[] _least;
    private readonly int[] _greatest;

    /// <summary>Builds the tree; its leaves are nodes n to 2n − 1.</summary>
    public RangeExtremes(ReadOnlySpan<int> values)
    {
        _length = values.Length;
        _least = new int[2 * _length];
        _greatest = new int[2 * _length];
        values.CopyTo(_least.AsSpan(_length));
        values.CopyTo(_greatest.AsSpan(_length));
        for (var node = _length - 1; node > 0; node--)
        {
            _least[node] = Math.Min(_least[2 * node], _least[(2 * node) + 1]);
            _greatest[node] = Math.Max(_greatest[2 * node], _greatest[(2 * node) + 1]);
        }
    }

    /// <summary>The values themselves.</summary>
    public ReadOnlySpan<int> Values => _least.AsSpan(_length);

    /// <summary>Least and greatest of [start, end), not empty.</summary>
    public (int Least, int Greatest) Of(int start, int end)
    {
        var (least, greatest) = (int.MaxValue, int.MinValue);
        for (var (left, right) = (start + _length, end + _length); left < right; left >>= 1, right >>= 1)
        {
            if ((left & 1) != 0)
            {
                (least, greatest) = (Math.Min(least, _least[left]), Math.Max(greatest, _greatest[left]));
                left++;
            }

            if ((right & 1) != 0)
            {
                right--;
                (least, greatest) = (Math.Min(least, _least[right]), Math.Max(greatest, _greatest[right]));
            }
        }

        return (least, greatest);
    }
}
