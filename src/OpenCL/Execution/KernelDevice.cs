namespace Stof.Reference.OpenCL.Execution;

/// <summary>A device in use: its context, its programs, and how kernels are laid out on it.</summary>
internal sealed class KernelDevice : IDisposable
{
    private const int LeastLanes = 8;
    private const int MostLanes = 16;

    /// <summary>Opens a device.</summary>
    /// <param name="device">The device.</param>
    /// <param name="mapping">How kernels are laid out; null by the kind of the device.</param>
    /// <param name="cache">Compiled programs on disk; null for none.</param>
    /// <param name="lanes">Floats of a vector in a processor's layout, 8 or 16; null by what the device prefers.</param>
    /// <param name="matrixUnits">How 16-bit products are computed; null by what the device has.</param>
    public KernelDevice(OpenClDevice device, Mapping? mapping, ProgramCache? cache, MatrixUnits? matrixUnits, int? lanes = null)
    {
        Context = new OpenClContext(device);
        Programs = new ProgramLibrary(Context, cache);
        Mapping = mapping ?? (device.IsCpu ? Mapping.Lanes : Mapping.Groups);
        Lanes = Mapping == Mapping.Groups ? 1 : lanes ?? (device.VectorWidth >= MostLanes ? MostLanes : LeastLanes);
        MatrixUnits = matrixUnits ?? (device.HasMatrixUnits ? MatrixUnits.Native : MatrixUnits.None);
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
