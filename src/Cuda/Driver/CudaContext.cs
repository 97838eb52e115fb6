using System.Text;
using Stof.Reference.Cuda.Driver.Api;

namespace Stof.Reference.Cuda.Driver;

/// <summary>
/// Work on one device: its primary context (the one that other CUDA libraries of the process share), a memory pool, and everything made in
/// it. Methods may be called from any thread. Objects made here stay usable until they are disposed themselves.
/// </summary>
public sealed class CudaContext : IDisposable
{
    private readonly PrimaryContext _core;

    private bool _disposed;

    private CudaContext(PrimaryContext core) => _core = core;

    /// <summary>The device.</summary>
    public CudaDevice Device => _core.Device;

    /// <summary>True after a fault on the device; from then on every call throws <see cref="CudaContextLostException"/>.</summary>
    public bool IsLost => _core.IsLost;

    /// <summary>What the memory pool holds.</summary>
    public PoolUsage Usage => _core.Pool.Usage;

    /// <summary>CUDA version of the driver.</summary>
    public CudaVersion DriverVersion
    {
        get
        {
            _core.Check(_core.Api.DriverGetVersion(out var number), "cuDriverGetVersion");
            return CudaVersion.FromDriver(number);
        }
    }

    /// <summary>Opens the primary context of a device.</summary>
    /// <exception cref="InvalidInputException">The device is too old for the kernels.</exception>
    /// <exception cref="CudaException">The driver refuses.</exception>
    public static CudaContext Open(CudaDevice device) => Open(device, LibCuda.Instance);

    internal static CudaContext Open(CudaDevice device, ICudaApi api)
    {
        ArgumentNullException.ThrowIfNull(device);
        return device.Refusal is { } refusal
            ? throw new InvalidInputException("device", $"{device}: {refusal}", $"compute capability {CudaDevice.OldestCapability} or newer")
            : new CudaContext(PrimaryContext.Open(api, device));
    }

    /// <summary>Takes device memory whose first use may be on any stream.</summary>
    /// <param name="bytes">Size, at least 1.</param>
    /// <exception cref="InvalidInputException">The size is not positive.</exception>
    /// <exception cref="CudaOutOfMemoryException">There is not enough; the message names needed and free bytes.</exception>
    public CudaMemory Allocate(long bytes) => Allocate(Core(), bytes, Block.Idle);

    /// <summary>Takes host memory for copies that run beside the host.</summary>
    /// <param name="bytes">Size, at least 1.</param>
    public CudaPinned AllocatePinned(long bytes) => CudaPinned.Allocate(Core(), bytes);

    /// <summary>Gives the memory that the pool keeps back to the device.</summary>
    /// <returns>The bytes given back.</returns>
    public long Trim()
    {
        Core().Enter("cuMemFree_v2");
        return _core.Pool.FreeAll();
    }

    /// <summary>Free and total bytes of the device, as the driver sees them now.</summary>
    public (long Free, long Total) MemoryInfo()
    {
        Core().Enter("cuMemGetInfo_v2");
        _core.Check(_core.Api.MemGetInfo(out var free, out var total), "cuMemGetInfo_v2");
        return ((long)free, (long)total);
    }

    /// <summary>Makes a stream that is ordered by nothing but itself and the events it waits for.</summary>
    public CudaStream CreateStream() => CudaStream.Create(Core());

    /// <summary>Makes an event that takes the time.</summary>
    public CudaEvent CreateEvent() => CudaEvent.Create(Core());

    /// <summary>Compiles PTX for this device and loads it.</summary>
    /// <param name="ptx">The text.</param>
    /// <param name="name">A name for messages and for the file that keeps PTX which does not compile.</param>
    /// <exception cref="CudaBuildException">It does not compile; the message holds the log.</exception>
    public CudaModule LoadPtx(string ptx, string name)
    {
        ArgumentNullException.ThrowIfNull(ptx);
        return CudaModule.Load(Core(), Encoding.UTF8.GetBytes(ptx), name, isPtx: true);
    }

    /// <summary>Loads a cubin, as <see cref="CudaLinker"/> makes it.</summary>
    /// <exception cref="CudaBuildException">It is not for this device.</exception>
    public CudaModule LoadCubin(ReadOnlySpan<byte> cubin, string name) => CudaModule.Load(Core(), cubin, name, isPtx: false);

    /// <summary>Begins to link PTX and cubins into one cubin for this device.</summary>
    public CudaLinker CreateLinker() => CudaLinker.Create(Core());

    /// <summary>Encodes a tensor map over device memory.</summary>
    /// <exception cref="InvalidInputException">The description breaks a rule of tensor maps, or the device has none.</exception>
    public TensorMap EncodeTensorMap(TensorMapSpec spec) => TensorMap.Encode(Core(), spec);

    /// <summary>Waits for all work of the context.</summary>
    public void Synchronize()
    {
        Core().Enter("cuCtxSynchronize");
        var snapshot = _core.Pool.Snapshot();
        _core.Check(_core.Api.CtxSynchronize(), "cuCtxSynchronize");
        _core.Pool.MarkIdle(Block.Several, snapshot);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _disposed = true;
        _core.Dispose();
    }

    internal static CudaMemory Allocate(PrimaryContext core, long bytes, long stream)
    {
        if (bytes is <= 0 or > 1L << 62)
        {
            throw new InvalidInputException("bytes of device memory", $"{bytes:N0}", "at least 1");
        }

        Block? block = null;
        var handle = CudaHandle.Create(
            core,
            "cuMemAlloc_v2",
            (_, out raw) =>
            {
                block = core.Pool.Rent(bytes, stream);
                raw = (nint)block.Pointer;
                return CudaResult.Success;
            },
            (_, _) => core.Pool.Return(block!));
        return new CudaMemory(handle, block!, bytes);
    }

    private PrimaryContext Core()
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        return _core;
    }
}
