using Stof.Reference.Backends;

namespace Stof.Reference.Cuda.Driver;

/// <summary>A CUDA device, as its driver describes it.</summary>
public sealed record CudaDevice
{
    /// <summary>The oldest compute capability that kernels are built for.</summary>
    public static CudaVersion OldestCapability { get; } = new(8, 0);

    /// <summary>Number in the driver's list (which <c>CUDA_VISIBLE_DEVICES</c> shortens).</summary>
    public required int Ordinal { get; init; }

    /// <summary>Name for people.</summary>
    public required string Name { get; init; }

    /// <summary>Compute capability, such as 9.0.</summary>
    public required CudaVersion Capability { get; init; }

    /// <summary>Streaming multiprocessors.</summary>
    public required int Multiprocessors { get; init; }

    /// <summary>Global memory in bytes.</summary>
    public required long MemoryBytes { get; init; }

    /// <summary>Shared memory of a block without asking, in bytes.</summary>
    public required int SharedBytesPerBlock { get; init; }

    /// <summary>Shared memory of a block after opting in (<see cref="CudaFunction.AllowDynamicShared"/>), in bytes.</summary>
    public required int SharedBytesPerBlockOptIn { get; init; }

    /// <summary>Shared memory of a multiprocessor in bytes.</summary>
    public required int SharedBytesPerMultiprocessor { get; init; }

    /// <summary>Level-2 cache in bytes.</summary>
    public required int L2Bytes { get; init; }

    /// <summary>Peak clock in kHz.</summary>
    public required int ClockKilohertz { get; init; }

    /// <summary>Lanes of a warp.</summary>
    public required int WarpSize { get; init; }

    /// <summary>Threads of a block at most.</summary>
    public required int MaxThreadsPerBlock { get; init; }

    /// <summary>Threads of a multiprocessor at most.</summary>
    public required int MaxThreadsPerMultiprocessor { get; init; }

    /// <summary>Registers of a block at most.</summary>
    public required int RegistersPerBlock { get; init; }

    /// <summary>A block's extents at most.</summary>
    public required Dim3 MaxBlock { get; init; }

    /// <summary>A grid's extents at most.</summary>
    public required Dim3 MaxGrid { get; init; }

    /// <summary>True if blocks can be launched in clusters.</summary>
    public required bool SupportsClusters { get; init; }

    /// <summary>True if kernels can use tensor maps.</summary>
    public required bool SupportsTensorMaps { get; init; }

    /// <summary>PCI address, such as <c>0000:19:00.0</c>.</summary>
    public required string PciId { get; init; }

    /// <summary>Why kernels cannot run here, or null.</summary>
    public string? Refusal => Capability < OldestCapability
        ? $"compute capability {Capability}; kernels need {OldestCapability}"
        : null;

    /// <summary>What plans and legality rules need to know.</summary>
    public DeviceDescription Describe() => new("cuda", Name, Multiprocessors, SharedBytesPerBlockOptIn, WarpSize * 32)
    {
        // Builds are deterministic: the same sources give the same number.
        Kernels = typeof(CudaDevice).Assembly.ManifestModule.ModuleVersionId.ToString(),
    };

    /// <inheritdoc/>
    public override string ToString() => $"device {Ordinal} ({Name})";
}
