using System.Numerics;

namespace Stof.Reference.Formats;

/// <summary>
/// Runs [start, end) while they grow, row after row. Runs of a row come in ascending order; one that begins where the last one of
/// its row ended is joined to it, so that runs are never adjacent.
/// </summary>
internal sealed class RunBuffer
{
    private int[] _bounds = new int[16];
    private int _used;
    private int _rowStart;

    /// <summary>Starts and ends in turn.</summary>
    public ReadOnlySpan<int> Bounds => _bounds.AsSpan(0, _used);

    /// <summary>Number of runs.</summary>
    public int Count => _used / 2;

    /// <summary>Adds a run to the current row.</summary>
    public void Add(int start, int end)
    {
        if (_used > _rowStart && _bounds[_used - 1] == start)
        {
            _bounds[_used - 1] = end;
            return;
        }

        Reserve(2);
        _bounds[_used++] = start;
        _bounds[_used++] = end;
    }

    /// <summary>Adds the runs of set bits; bit i stands for <paramref name="first"/> + i.</summary>
    public void AddBits(int first, ulong bits)
    {
        var position = 0;
        while (bits != 0)
        {
            var gap = BitOperations.TrailingZeroCount(bits);
            var length = BitOperations.TrailingZeroCount(~(bits >> gap));
            Add(first + position + gap, first + position + gap + length);
            position += gap + length;
            if (gap + length == 64)
            {
                return;
            }

            bits >>= gap + length;
        }
    }

    /// <summary>Adds finished rows of another buffer to this one.</summary>
    public void Append(ReadOnlySpan<int> bounds)
    {
        Reserve(bounds.Length);
        bounds.CopyTo(_bounds.AsSpan(_used));
        _used += bounds.Length;
        EndRow();
    }

    /// <summary>What comes next belongs to another row.</summary>
    public void EndRow() => _rowStart = _used;

    /// <summary>Forgets everything and keeps the memory.</summary>
    public void Clear() => (_used, _rowStart) = (0, 0);

    private void Reserve(int more)
    {
        var needed = (long)_used + more;
        if (needed <= _bounds.Length)
        {
            return;
        }

        if (needed > Array.MaxLength)
        {
            throw new InvalidInputException("intervals", $"more than {Count} runs", $"at most {Array.MaxLength / 2}");
        }

        Array.Resize(ref _bounds, (int)Math.Clamp(2L * _bounds.Length, needed, Array.MaxLength));
    }
}
