namespace Stof.Reference.Cuda.Simulator;

/// <summary>A piece of global memory.</summary>
internal sealed class Allocation(ulong address, long bytes, string name)
{
    /// <summary>First address.</summary>
    public ulong Address { get; } = address;

    /// <summary>Size.</summary>
    public int Bytes { get; } = (int)bytes;

    /// <summary>Name for findings.</summary>
    public string Name { get; } = name;

    /// <summary>Contents.</summary>
    public byte[] Data { get; } = NewData((int)bytes);

    /// <summary>1 for each byte that was written.</summary>
    public byte[] Written { get; } = new byte[bytes];

    /// <summary>True after it was freed.</summary>
    public bool IsFreed { get; set; }

    /// <inheritdoc/>
    public override string ToString() => $"{Name} ({Bytes} bytes from 0x{Address:x})";

    private static byte[] NewData(int bytes)
    {
        // What nothing wrote reads as NaN in every float type, so that it cannot pass for a result.
        var data = new byte[bytes];
        data.AsSpan().Fill(0xff);
        return data;
    }
}
