using Stof.Reference.Numerics;

namespace Stof.Reference.OpenCL.Execution;

/// <summary>A device in use: its context, its programs, and how kernels are laid out on it.</summary>
internal sealed class KernelDevice : IDisposable
{
    private const int LeastLanes = 8;
    private const int MostLanes = 16;

    /// <summary>Opens a device.</summary>
    /// <param name="device">The device.</param>
    /// <param name="options">How it is used.</param>
    public KernelDevice(OpenClDevice device, OpenClOptions options)
    {
        Context = new OpenClContext(device);
        Programs = new ProgramLibrary(Context, options.Cache);
        Mapping = options.Mapping ?? (device.IsCpu ? Mapping.Lanes : Mapping.Groups);
        Lanes = Mapping == Mapping.Groups ? 1 : options.Lanes ?? (device.VectorWidth >= MostLanes ? MostLanes : LeastLanes);
        MatrixUnits = options.MatrixUnits ?? (device.HasMatrixUnits ? MatrixUnits.Native : MatrixUnits.None);
        SubGroups = Mapping == Mapping.Lanes ? SubGroups.None : options.SubGroups ?? (device.HasSubGroups ? SubGroups.Native : SubGroups.None);
        HasFp16 = options.HasFp16 ?? device.HasHalf;
    }

    /// <summary>Context and queue.</summary>
    public OpenClContext Context { get; }

    /// <summary>Programs.</summary>
    public ProgramLibrary Programs { get; }

    /// <summary>How kernels are laid out.</summary>
    public Mapping Mapping { get; }

    /// <summary>Floats of a vector; 1 on a GPU.</summary>
    public int Lanes { get; }

    /// <summary>How products of 16-bit numbers are computed in the GPU's layout.</summary>
    public MatrixUnits MatrixUnits { get; }

    /// <summary>How the work-items of a group add up.</summary>
    public SubGroups SubGroups { get; }

    /// <summary>True if the device widens and narrows 16-bit floats itself.</summary>
    public bool HasFp16 { get; }

    /// <summary>True where the device's own power of two is known to be good to two units in the last place (NVIDIA).</summary>
    public bool HasFastExp2 => Context.Device.ComputeCapability > 0;

    /// <summary>
    /// Second-level cache in bytes, which heads should share; null if unknown. OpenCL does not tell it (NVIDIA's answer is the sum of the first-level
    /// caches), so it follows from NVIDIA's published chips: 40 MiB for 108 multiprocessors (A100), 6 for 84 (GA102), 72 for 144 (AD102), 50 for 132 (H100).
    /// </summary>
    public long? CacheBytes => Device.ComputeCapability switch
    {
        < 80 => null,
        80 or >= 90 => KibibytesOf(384),
        89 => KibibytesOf(512),
        _ => KibibytesOf(72),
    };

    /// <summary>What every kernel for tensors of a type is specialised for.</summary>
    public NumberParameters Numbers(DType type) => new() { Type = type, Lanes = Lanes, FastExp2 = HasFastExp2, HasFp16 = HasFp16 && type == DType.F16 };

    /// <summary>The device.</summary>
    public OpenClDevice Device => Context.Device;

    private long KibibytesOf(long perUnit) => perUnit * 1024 * Device.ComputeUnits;

    /// <inheritdoc/>
    public void Dispose()
    {
        Context.Finish();
        Programs.Dispose();
        Context.Dispose();
    }
}
