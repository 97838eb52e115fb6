using Stof.Reference.Cuda.Driver.Api;

namespace Stof.Reference.Cuda.Driver;

/// <summary>
/// Keeps freed device memory by size class. A block that work may still be pending on is only handed to the same stream, whose order makes
/// that safe; for others it must be known to be idle.
/// </summary>
internal sealed class BlockPool(PrimaryContext context)
{
    private const string Call = "cuMemAlloc_v2";

    private readonly Lock _gate = new();
    private readonly Dictionary<long, List<Block>> _free = [];

    private long _returns;
    private long _rented;
    private long _cached;
    private long _allocations;

    public PoolUsage Usage
    {
        get
        {
            lock (_gate)
            {
                return new(_rented, _cached, _allocations);
            }
        }
    }

    /// <summary>Takes a block from the pool or the driver; the context is current.</summary>
    /// <param name="bytes">How many bytes it must hold, at least 1.</param>
    /// <param name="stream">The stream that will use it first, or <see cref="Block.Idle"/> for any.</param>
    /// <exception cref="CudaOutOfMemoryException">Even after the pool gave back all it had.</exception>
    public Block Rent(long bytes, long stream)
    {
        var size = SizeClass.Of(bytes);
        var block = Take(size, stream, out var busy);
        if (block is null && busy && stream == Block.Idle && Volatile.Read(ref context.Captures) == 0)
        {
            Synchronize();
            block = Take(size, stream, out _);
        }

        return block ?? Allocate(size, stream);
    }

    /// <summary>Takes a block back. Safe on the finaliser's thread.</summary>
    public void Return(Block block)
    {
        lock (_gate)
        {
            _rented -= block.Capacity;
            _cached += block.Capacity;
            block.ReturnedAt = ++_returns;
            if (!_free.TryGetValue(block.Capacity, out var bin))
            {
                _free.Add(block.Capacity, bin = []);
            }

            bin.Add(block);
        }
    }

    /// <summary>How many blocks have come back so far: what <see cref="MarkIdle"/> needs from before a wait.</summary>
    public long Snapshot()
    {
        lock (_gate)
        {
            return _returns;
        }
    }

    /// <summary>Notes that a stream (or, for <see cref="Block.Several"/>, all) has finished what was pending at a snapshot.</summary>
    public void MarkIdle(long stream, long snapshot)
    {
        lock (_gate)
        {
            foreach (var block in _free.Values.SelectMany(bin => bin))
            {
                if (block.ReturnedAt <= snapshot && (stream == Block.Several || block.UsedBy == stream))
                {
                    block.MarkIdle();
                }
            }
        }
    }

    /// <summary>Gives all free blocks back to the driver (which waits for work pending on them); the context is current.</summary>
    /// <returns>The bytes given back.</returns>
    public long FreeAll()
    {
        lock (_gate)
        {
            var bytes = _cached;
            foreach (var block in _free.Values.SelectMany(bin => bin))
            {
                context.Api.MemFree(block.Pointer);
            }

            _free.Clear();
            _cached = 0;
            return bytes;
        }
    }

    private Block? Take(long size, long stream, out bool busy)
    {
        busy = false;
        lock (_gate)
        {
            if (!_free.TryGetValue(size, out var bin))
            {
                return null;
            }

            // The last one back is the likeliest to be in the cache.
            for (var index = bin.Count - 1; index >= 0; index--)
            {
                var block = bin[index];
                if (block.UsedBy == Block.Idle || (block.UsedBy == stream && stream != Block.Idle))
                {
                    bin.RemoveAt(index);
                    _cached -= size;
                    _rented += size;
                    return block;
                }

                busy = true;
            }

            return null;
        }
    }

    private Block Allocate(long size, long stream)
    {
        var result = context.Api.MemAlloc(out var pointer, (nuint)size);
        if (result == CudaResult.OutOfMemory && Volatile.Read(ref context.Captures) == 0)
        {
            // Before giving up: wait, so that busy blocks of this size can be used, then give back the rest.
            Synchronize();
            if (Take(size, stream, out _) is { } block)
            {
                return block;
            }

            if (FreeAll() > 0)
            {
                result = context.Api.MemAlloc(out pointer, (nuint)size);
            }
        }

        if (result == CudaResult.OutOfMemory)
        {
            context.Check(context.Api.MemGetInfo(out var free, out var total), "cuMemGetInfo_v2");
            throw new CudaOutOfMemoryException(Call, CudaErrorTable.Find(result, context.Api), size, (long)free, (long)total);
        }

        context.Check(result, Call, $"needed {size:N0} bytes");
        lock (_gate)
        {
            _allocations++;
            _rented += size;
        }

        return new Block(pointer, size);
    }

    private void Synchronize()
    {
        var snapshot = Snapshot();
        context.Check(context.Api.CtxSynchronize(), "cuCtxSynchronize");
        MarkIdle(Block.Several, snapshot);
    }
}
