using Stof.Reference.Cuda.Ptx;

namespace Stof.Reference.Cuda.Simulator;

/// <summary>
/// The own memory of a warp's threads. Each array has a window of its own, so that an index that leaves it hits no other.
/// </summary>
internal sealed class LocalMemory(Kernel kernel)
{
    private const int WindowShift = 24;

    private readonly byte[] _data = new byte[kernel.LocalBytes * Warp.Lanes];
    private readonly bool[] _written = new bool[kernel.LocalBytes * Warp.Lanes];

    /// <summary>Forgets all.</summary>
    public void Begin()
    {
        _data.AsSpan().Fill(0xff);
        Array.Clear(_written);
    }

    /// <summary>The address of an array.</summary>
    public ulong AddressOf(LocalArray array) => (ulong)(kernel.LocalArrays.IndexOf(array) + 1) << WindowShift;

    /// <summary>The array in whose window an address is, or null.</summary>
    public LocalArray? WindowOf(ulong address)
    {
        var window = (long)(address >> WindowShift) - 1;
        return window >= 0 && window < kernel.LocalArrays.Length ? kernel.LocalArrays[(int)window] : null;
    }

    /// <summary>Bytes of a lane; the range must be in the array.</summary>
    public (Memory<byte> Data, Memory<bool> Written) At(LocalArray array, ulong address, int lane, int bytes)
    {
        var offset = (lane * kernel.LocalBytes) + array.Offset + (int)(address - AddressOf(array));
        return (_data.AsMemory(offset, bytes), _written.AsMemory(offset, bytes));
    }
}
