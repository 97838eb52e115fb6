namespace Stof.Reference.Cuda.Execution;

/// <summary>A part of a buffer, as an operand; it is freed with the whole.</summary>
/// <param name="Whole">The buffer.</param>
/// <param name="Offset">First byte.</param>
internal sealed record BufferSlice(IDeviceBuffer Whole, long Offset) : IDeviceBuffer
{
    /// <inheritdoc/>
    public ulong Address => Whole.Address + (ulong)Offset;

    /// <inheritdoc/>
    public long Bytes => Whole.Bytes - Offset;

    /// <summary>Frees nothing.</summary>
    public void Dispose()
    {
    }
}
