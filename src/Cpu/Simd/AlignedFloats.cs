using System.Runtime.InteropServices;

namespace Stof.Reference.Cpu.Simd;

/// <summary>A pinned, cache-line-aligned run of floats owned by the garbage collector.</summary>
internal sealed unsafe class AlignedFloats
{
    private const int LineFloats = 16;

    private readonly float[] _storage;

    /// <summary>Allocates zeros; the last line is whole, so that a vector may overlap the end.</summary>
    /// <exception cref="InvalidInputException">More floats than one array can hold.</exception>
    public AlignedFloats(long count)
    {
        const int Largest = int.MaxValue / 2;
        if (count > Largest)
        {
            throw new InvalidInputException(nameof(count), $"{count} floats", $"at most {Largest}");
        }

        Count = (count + LineFloats - 1) / LineFloats * LineFloats;
        _storage = GC.AllocateArray<float>((int)Count + LineFloats, pinned: true);
        var address = (nint)Marshal.UnsafeAddrOfPinnedArrayElement(_storage, 0);
        Address = (float*)((address + 63) & ~(nint)63);
    }

    public long Count { get; }

    /// <summary>First float; valid while this object is reachable.</summary>
    public float* Address { get; }
}
