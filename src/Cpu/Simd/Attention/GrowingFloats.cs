using System.Runtime.InteropServices;

namespace Stof.Reference.Cpu.Simd.Attention;

/// <summary>Scratch of floats on a cache-line boundary that only ever grows; pinned and owned by the garbage collector.</summary>
internal sealed unsafe class GrowingFloats
{
    private const int LineFloats = 16; // 64 bytes: one cache line, one 512-bit register

    private float[] _storage = [];
    private int _start;

    /// <summary>Makes room and returns the first element. Growing loses what was there; new memory is zeroed.</summary>
    /// <exception cref="InvalidInputException">More than 2³¹ − 1 elements.</exception>
    public float* Reserve(long count)
    {
        if (count > Array.MaxLength - LineFloats)
        {
            throw new InvalidInputException(
                "attention scratch", $"{count} floats", "less than 2^31: a smaller problem or smaller tiles");
        }

        if (_storage.Length < count + LineFloats)
        {
            _storage = GC.AllocateArray<float>((int)count + LineFloats, pinned: true);
            var address = (long)Marshal.UnsafeAddrOfPinnedArrayElement(_storage, 0);
            _start = (int)(-address & 63) / sizeof(float);
        }

        return Pointer;
    }

    /// <summary>The first element.</summary>
    public float* Pointer => (float*)Marshal.UnsafeAddrOfPinnedArrayElement(_storage, _start);
}
