using System.Runtime.CompilerServices;
using Stof.Reference.Cuda.Driver.Api;

namespace Stof.Reference.Cuda.Driver;

/// <summary>A kernel of a loaded module. It keeps the module's code in use only during a call: dispose the module last.</summary>
public sealed class CudaFunction
{
    private const int PortableClusterBlocks = 8;
    private const int LargestCluster = 16;

    private readonly CudaModule _module;
    private readonly nint _raw;

    private int _largestCluster = PortableClusterBlocks;

    internal CudaFunction(CudaModule module, string name, nint raw)
    {
        _module = module;
        _raw = raw;
        Name = name;
        Registers = Attribute(FunctionAttribute.NumRegs);
        LocalBytes = Attribute(FunctionAttribute.LocalSizeBytes);
        StaticSharedBytes = Attribute(FunctionAttribute.SharedSizeBytes);
        MaxDynamicSharedBytes = Attribute(FunctionAttribute.MaxDynamicSharedSizeBytes);
        MaxThreadsPerBlock = Attribute(FunctionAttribute.MaxThreadsPerBlock);
        BinaryVersion = Attribute(FunctionAttribute.BinaryVersion);
        PtxVersion = Attribute(FunctionAttribute.PtxVersion);
        Parameters = ReadParameters();
    }

    /// <summary>Name of the <c>.entry</c>.</summary>
    public string Name { get; }

    /// <summary>Registers of a thread.</summary>
    public int Registers { get; }

    /// <summary>Local memory of a thread in bytes; more than 0 means that registers were spilled or an array is indexed at run time.</summary>
    public int LocalBytes { get; }

    /// <summary>Shared memory that the code declares, in bytes.</summary>
    public int StaticSharedBytes { get; }

    /// <summary>Dynamic shared memory that a launch may ask for now, in bytes.</summary>
    public int MaxDynamicSharedBytes { get; private set; }

    /// <summary>Threads of a block at most, as the registers and <c>.maxntid</c> allow.</summary>
    public int MaxThreadsPerBlock { get; }

    /// <summary>The machine code's target: 10·major + minor of the compute capability.</summary>
    public int BinaryVersion { get; }

    /// <summary>The PTX target that it was compiled from: 10·major + minor.</summary>
    public int PtxVersion { get; }

    /// <summary>The parameters' places as the driver knows them; null before CUDA 12.4.</summary>
    public IReadOnlyList<ParameterSlot>? Parameters { get; }

    private PrimaryContext Context => _module.Handle.Context;

    /// <summary>Opts in to more dynamic shared memory than 48 KiB (227 KiB with the static part on an H100).</summary>
    /// <param name="bytes">What launches may ask for.</param>
    /// <exception cref="InvalidInputException">With the static part it is more than a block can have.</exception>
    public void AllowDynamicShared(int bytes)
    {
        var limit = Context.Device.SharedBytesPerBlockOptIn - StaticSharedBytes;
        if (bytes < 0 || bytes > limit)
        {
            throw new InvalidInputException(
                $"dynamic shared memory of '{Name}'",
                $"{bytes:N0} bytes",
                $"0 to {limit:N0} on {Context.Device} (beside {StaticSharedBytes:N0} static bytes)");
        }

        SetAttribute(FunctionAttribute.MaxDynamicSharedSizeBytes, bytes);
        MaxDynamicSharedBytes = bytes;
    }

    /// <summary>
    /// Asks for as much of the first-level cache as possible to be shared memory, so that it does not limit how many blocks run at once. A hint;
    /// without it the driver may keep a cache that a kernel of asynchronous copies has no use for.
    /// </summary>
    public void PreferSharedMemory() => SetAttribute(FunctionAttribute.PreferredSharedMemoryCarveout, 100);

    /// <summary>Opts in to clusters of more than 8 blocks, which not every device of the same capability has.</summary>
    public void AllowLargeClusters()
    {
        SetAttribute(FunctionAttribute.NonPortableClusterSizeAllowed, 1);
        _largestCluster = LargestCluster;
    }

    /// <summary>Blocks that fit on a multiprocessor at once.</summary>
    /// <param name="threads">Threads of a block.</param>
    /// <param name="dynamicSharedBytes">Dynamic shared memory of a block.</param>
    public int BlocksPerMultiprocessor(int threads, int dynamicSharedBytes)
    {
        if (threads <= 0 || threads > MaxThreadsPerBlock || dynamicSharedBytes < 0)
        {
            throw new InvalidInputException(
                $"occupancy of '{Name}'",
                $"{threads} threads and {dynamicSharedBytes} bytes",
                $"1 to {MaxThreadsPerBlock} threads and no negative size");
        }

        const string Call = "cuOccupancyMaxActiveBlocksPerMultiprocessor";
        using var code = Begin(Call);
        Context.Check(Context.Api.OccupancyMaxActiveBlocks(out var blocks, _raw, threads, (nuint)dynamicSharedBytes), Call);
        return blocks;
    }

    /// <summary>Enqueues the kernel.</summary>
    /// <exception cref="InvalidInputException">
    /// Shape, shared memory, parameters, or a pointer among them do not fit this kernel, device or context; the driver was not asked.
    /// </exception>
    /// <exception cref="CudaException">The driver refuses. Faults of the running kernel show at the next synchronisation.</exception>
    public unsafe void Launch(CudaStream stream, LaunchShape shape, ParameterBlock parameters)
    {
        ArgumentNullException.ThrowIfNull(stream);
        ArgumentNullException.ThrowIfNull(shape);
        ArgumentNullException.ThrowIfNull(parameters);
        if (!stream.Handle.LivesIn(Context))
        {
            throw new InvalidInputException("stream", "a stream of another context, or disposed", $"a stream of {Context.Device}'s context");
        }

        RequireShape(shape);
        var isBlock = HasSamePlaces(parameters);
        var extended = shape.Cluster is not null || shape.OverlapsPrevious;
        var call = extended ? "cuLaunchKernelEx" : "cuLaunchKernel";
        parameters.Require(Context);
        using var code = Begin(call);
        using var queue = stream.Begin(call);
        parameters.MarkUsed(stream);

        fixed (byte* block = parameters.Bytes)
        {
            // CU_LAUNCH_PARAM_BUFFER_POINTER, CU_LAUNCH_PARAM_BUFFER_SIZE, CU_LAUNCH_PARAM_END: the block is copied by the call. Where the
            // driver keeps parameters elsewhere, it is told each by its own pointer, and places them itself.
            var bytes = (nuint)parameters.Bytes.Length;
            var extra = stackalloc void*[] { (void*)1, block, (void*)2, &bytes, (void*)0 };
            var each = stackalloc void*[parameters.Slots.Count];
            for (var index = 0; index < parameters.Slots.Count; index++)
            {
                each[index] = block + parameters.Slots[index].Offset;
            }

            var result = extended
                ? LaunchExtended(shape, queue.Value, isBlock ? null : each, isBlock && bytes > 0 ? extra : null)
                : LaunchPlain(shape, queue.Value, isBlock ? null : each, isBlock && bytes > 0 ? extra : null);
            if (result != CudaResult.Success)
            {
                throw Context.Fault(result, call, $"'{Name}' of '{_module.Name}', grid {shape.Grid}, block {shape.Block}");
            }
        }

        GC.KeepAlive(parameters);
    }

    private unsafe CudaResult LaunchPlain(LaunchShape shape, nint stream, void** parameters, void** extra) => Context.Api.LaunchKernel(
        _raw,
        (uint)shape.Grid.X,
        (uint)shape.Grid.Y,
        (uint)shape.Grid.Z,
        (uint)shape.Block.X,
        (uint)shape.Block.Y,
        (uint)shape.Block.Z,
        (uint)shape.DynamicSharedBytes,
        stream,
        parameters,
        extra);

    private unsafe CudaResult LaunchExtended(LaunchShape shape, nint stream, void** parameters, void** extra)
    {
        var attributes = stackalloc LaunchAttribute[2];
        Unsafe.InitBlock(attributes, 0, (uint)(2 * sizeof(LaunchAttribute)));
        var count = 0u;
        if (shape.Cluster is { } cluster)
        {
            attributes[count].Id = LaunchAttribute.ClusterDimension;
            attributes[count].ClusterX = (uint)cluster.X;
            attributes[count].ClusterY = (uint)cluster.Y;
            attributes[count].ClusterZ = (uint)cluster.Z;
            count++;
        }

        if (shape.OverlapsPrevious)
        {
            attributes[count].Id = LaunchAttribute.ProgrammaticStreamSerialization;
            attributes[count].Programmatic = 1;
            count++;
        }

        var config = new LaunchConfig
        {
            GridX = (uint)shape.Grid.X,
            GridY = (uint)shape.Grid.Y,
            GridZ = (uint)shape.Grid.Z,
            BlockX = (uint)shape.Block.X,
            BlockY = (uint)shape.Block.Y,
            BlockZ = (uint)shape.Block.Z,
            SharedBytes = (uint)shape.DynamicSharedBytes,
            Stream = stream,
            Attributes = attributes,
            AttributeCount = count,
        };
        return Context.Api.LaunchKernelEx(&config, _raw, parameters, extra);
    }

    private void RequireShape(LaunchShape shape)
    {
        var device = Context.Device;
        if (!shape.Grid.IsPositive || !shape.Grid.FitsIn(device.MaxGrid))
        {
            throw Refusal("grid", $"{shape.Grid}", $"1×1×1 to {device.MaxGrid}");
        }

        if (!shape.Block.IsPositive || !shape.Block.FitsIn(device.MaxBlock))
        {
            throw Refusal("block", $"{shape.Block}", $"1×1×1 to {device.MaxBlock}");
        }

        if (shape.Block.Count > MaxThreadsPerBlock)
        {
            throw Refusal("block", $"{shape.Block.Count:N0} threads", $"at most {MaxThreadsPerBlock:N0} with {Registers} registers each");
        }

        if (shape.DynamicSharedBytes < 0 || shape.DynamicSharedBytes > MaxDynamicSharedBytes)
        {
            throw Refusal(
                "dynamic shared memory",
                $"{shape.DynamicSharedBytes:N0} bytes",
                $"0 to {MaxDynamicSharedBytes:N0}; AllowDynamicShared raises it to {device.SharedBytesPerBlockOptIn - StaticSharedBytes:N0}");
        }

        if (shape.Cluster is { } cluster)
        {
            RequireCluster(cluster, shape.Grid);
        }
    }

    private void RequireCluster(Dim3 cluster, Dim3 grid)
    {
        if (!Context.Device.SupportsClusters)
        {
            throw Refusal("cluster", $"{cluster}", $"none, for {Context.Device} has no clusters");
        }

        if (!cluster.IsPositive || cluster.Count > _largestCluster)
        {
            throw Refusal("cluster", $"{cluster}", $"1 to {_largestCluster} blocks");
        }

        if (grid.X % cluster.X != 0 || grid.Y % cluster.Y != 0 || grid.Z % cluster.Z != 0)
        {
            throw Refusal("cluster", $"{cluster} in a grid of {grid}", "a cluster that divides the grid");
        }
    }

    // True if every parameter lies where its .param says. One aligned to 64 bytes (a tensor map) may not, because the place where a
    // device keeps parameters is not aligned as much.
    private bool HasSamePlaces(ParameterBlock parameters)
    {
        if (Parameters is not { } known)
        {
            return true;
        }

        if (known.Count != parameters.Slots.Count)
        {
            throw Refusal("parameters", $"{parameters.Slots.Count}", $"{known.Count}");
        }

        var isSame = true;
        for (var index = 0; index < known.Count; index++)
        {
            var (found, expected) = (parameters.Slots[index], known[index]);
            if (found.Bytes != expected.Bytes)
            {
                throw Refusal($"parameter {index} '{found.Name}'", $"{found.Bytes} bytes", $"{expected.Bytes} bytes");
            }

            isSame &= found.Offset == expected.Offset;
        }

        return isSame;
    }

    private InvalidInputException Refusal(string what, string found, string expected) => new($"{what} of '{Name}'", found, expected);

    private List<ParameterSlot>? ReadParameters()
    {
        const string Call = "cuFuncGetParamInfo";
        var slots = new List<ParameterSlot>();
        using var code = Begin(Call);
        while (true)
        {
            var result = Context.Api.FuncGetParamInfo(_raw, (nuint)slots.Count, out var offset, out var bytes);
            switch (result)
            {
                case CudaResult.Success:
                    slots.Add(new ParameterSlot("", (int)offset, (int)bytes));
                    break;
                case CudaResult.InvalidValue:
                    return slots; // one past the last
                case CudaResult.NotSupported:
                    return null;
                default:
                    throw Context.Fault(result, Call, $"'{Name}'");
            }
        }
    }

    private int Attribute(FunctionAttribute attribute)
    {
        var call = $"cuFuncGetAttribute({attribute})";
        using var code = Begin(call);
        Context.Check(Context.Api.FuncGetAttribute(out var value, attribute, _raw), call, $"'{Name}'");
        return value;
    }

    private void SetAttribute(FunctionAttribute attribute, int value)
    {
        var call = $"cuFuncSetAttribute({attribute})";
        using var code = Begin(call);
        Context.Check(Context.Api.FuncSetAttribute(_raw, attribute, value), call, $"'{Name}', {value:N0}");
    }

    private HandleUse Begin(string call)
    {
        Context.Enter(call);
        return _module.Handle.Use();
    }
}
