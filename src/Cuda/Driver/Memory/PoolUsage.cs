namespace Stof.Reference.Cuda.Driver;

/// <summary>What a context's pool holds.</summary>
/// <param name="RentedBytes">Bytes in buffers that are in use.</param>
/// <param name="CachedBytes">Bytes kept for the next buffers; <see cref="CudaContext.Trim"/> gives them back.</param>
/// <param name="Allocations">Allocations that the driver was asked for since the context was opened.</param>
public sealed record PoolUsage(long RentedBytes, long CachedBytes, long Allocations);
