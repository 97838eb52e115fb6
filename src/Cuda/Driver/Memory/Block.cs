namespace Stof.Reference.Cuda.Driver;

/// <summary>One allocation of the driver, in use or in the pool.</summary>
/// <param name="pointer">Its address; the driver aligns it to at least 256 bytes.</param>
/// <param name="capacity">Its size in bytes.</param>
internal sealed class Block(ulong pointer, long capacity)
{
    /// <summary>No stream has work pending on the block.</summary>
    public const long Idle = 0;

    /// <summary>More than one stream may have work pending on it.</summary>
    public const long Several = -1;

    private long _usedBy = Idle;

    public ulong Pointer { get; } = pointer;

    public long Capacity { get; } = capacity;

    /// <summary>The stream (<see cref="CudaStream.Id"/>) that may have work pending on the block.</summary>
    public long UsedBy => Interlocked.Read(ref _usedBy);

    /// <summary>When the block came back to the pool, in the pool's count of returns.</summary>
    public long ReturnedAt { get; set; }

    /// <summary>Notes that work on a stream uses the block.</summary>
    public void MarkUsed(long stream)
    {
        var before = Interlocked.CompareExchange(ref _usedBy, stream, Idle);
        if (before != Idle && before != stream)
        {
            Interlocked.Exchange(ref _usedBy, Several);
        }
    }

    /// <summary>Notes that all work on the block is done.</summary>
    public void MarkIdle() => Interlocked.Exchange(ref _usedBy, Idle);
}
