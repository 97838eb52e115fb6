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
    /// <param name="hasMatrixUnits">False leaves matrix units alone where there are some.</param>
    public KernelDevice(OpenClDevice device, Mapping? mapping, ProgramCache? cache, bool hasMatrixUnits)
    {
        Context = new OpenClContext(device);
        Programs = new ProgramLibrary(Context, cache);
        Mapping = mapping ?? (device.IsCpu ? Mapping.Lanes : Mapping.Groups);
        Lanes = Mapping == Mapping.Groups ? 1 : Math.Clamp(device.VectorWidth, LeastLanes, MostLanes);
        UsesMatrixUnits = hasMatrixUnits && Mapping == Mapping.Groups;
    }

    /// <summary>Context and queue.</summary>
    public OpenClContext Context { get; }

    /// <summary>Programs.</summary>
    public ProgramLibrary Programs { get; }

    /// <summary>How kernels are laid out.</summary>
    public Mapping Mapping { get; }

    /// <summary>Floats of a vector; 1 on a GPU.</summary>
    public int Lanes { get; }

    /// <summary>True if 16-bit products go through matrix units.</summary>
    public bool UsesMatrixUnits { get; }

    /// <summary>True where the device's own power of two is known to be good to two units in the last place (NVIDIA).</summary>
    public bool HasFastExp2 => Context.Device.ComputeCapability > 0;

    /// <summary>The device.</summary>
    public OpenClDevice Device => Context.Device;

    /// <inheritdoc/>
    public void Dispose()
    {
        Context.Finish();
        Programs.Dispose();
        Context.Dispose();
    }
}
