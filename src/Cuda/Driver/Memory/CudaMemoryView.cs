namespace Stof.Reference.Cuda.Driver;

/// <summary>A range of a device buffer; it does not keep the buffer from being disposed.</summary>
public readonly record struct CudaMemoryView
{
    internal CudaMemoryView(CudaMemory memory, long offset, long bytes)
    {
        Memory = memory;
        Offset = offset;
        Bytes = bytes;
    }

    /// <summary>The buffer.</summary>
    public CudaMemory Memory { get; }

    /// <summary>First byte within the buffer.</summary>
    public long Offset { get; }

    /// <summary>Length in bytes.</summary>
    public long Bytes { get; }

    /// <summary>Address of the first byte.</summary>
    /// <exception cref="ObjectDisposedException">The buffer was disposed.</exception>
    public ulong Address => Memory.Address + (ulong)Offset;

    /// <summary>A part of this range.</summary>
    /// <param name="offset">First byte within this range.</param>
    /// <param name="bytes">Length in bytes.</param>
    /// <exception cref="InvalidInputException">The part is empty or leaves this range.</exception>
    public CudaMemoryView Slice(long offset, long bytes) =>
        offset < 0 || bytes <= 0 || offset > Bytes - bytes
            ? throw new InvalidInputException(
                "slice",
                $"{bytes:N0} bytes from {offset:N0} on",
                $"at least one byte within the {Bytes:N0} bytes of the buffer")
            : new(Memory, Offset + offset, bytes);

    /// <summary>Checks that the range can be used in a context, and by addresses of an alignment.</summary>
    /// <exception cref="InvalidInputException">It belongs to another context, is disposed, or is not aligned.</exception>
    internal void Require(PrimaryContext context, string argument, int alignment = 1)
    {
        if (Memory is null)
        {
            throw new InvalidInputException(argument, "no buffer", "device memory of this context");
        }

        if (Memory.Handle.IsClosed)
        {
            throw new InvalidInputException(argument, "a buffer that was disposed", "device memory that is in use");
        }

        if (!Memory.Handle.LivesIn(context))
        {
            throw new InvalidInputException(argument, "device memory of another context", $"memory of {context.Device}'s context in use");
        }

        if (Address % (ulong)alignment != 0)
        {
            throw new InvalidInputException(argument, $"address 0x{Address:x}", $"a multiple of {alignment} bytes");
        }
    }
}
