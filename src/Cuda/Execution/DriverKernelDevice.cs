using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Stof.Reference.Cuda.Driver;
using Stof.Reference.Cuda.Ptx;
using Stof.Reference.Cuda.Simulator;
using DriverParameters = Stof.Reference.Cuda.Driver.ParameterBlock;

namespace Stof.Reference.Cuda.Execution;

/// <summary>A GPU through the driver: kernels are compiled by it once, and launched on one stream.</summary>
public sealed class DriverKernelDevice : IKernelDevice
{
    private const int ReservedSharedBytes = 1024; // of a block, by the driver
    private const int SharedGranule = 128;

    private readonly CudaContext _context;
    private readonly CudaStream _stream;
    private readonly ConditionalWeakTable<Kernel, Loaded> _loaded = [];
    private readonly List<CudaModule> _modules = [];
    private readonly CubinCache? _cache;
    private readonly Action<string> _warn;

    /// <summary>Opens a device.</summary>
    /// <param name="device">From <see cref="CudaDriver.Probe()"/>.</param>
    /// <param name="cacheFolder">Where machine code is kept between processes; null for nowhere.</param>
    /// <param name="warn">Told about files of the cache that cannot be used, and kernels that others replace; null for nobody.</param>
    /// <exception cref="CudaException">The driver gives no context.</exception>
    public DriverKernelDevice(CudaDevice device, string? cacheFolder = null, Action<string>? warn = null)
        : this(CudaContext.Open(device), cacheFolder, warn)
    {
    }

    internal DriverKernelDevice(CudaContext context, string? cacheFolder, Action<string>? warn)
    {
        _context = context;
        _warn = warn ?? (_ => { });
        var device = context.Device;
        Target = Target.For((10 * device.Capability.Major) + device.Capability.Minor);
        _stream = _context.CreateStream();
        _cache = cacheFolder is null ? null : new CubinCache(cacheFolder, device.Name, device.Capability, context.DriverVersion, _warn);
    }

    /// <inheritdoc/>
    public string Name => _context.Device.Name;

    /// <inheritdoc/>
    public Target Target { get; }

    /// <inheritdoc/>
    public int Multiprocessors => _context.Device.Multiprocessors;

    /// <inheritdoc/>
    public long CacheBytes => _context.Device.L2Bytes;

    /// <inheritdoc/>
    public bool IsAsynchronous => true;

    /// <summary>The stream that launches go to, for events and graphs.</summary>
    public CudaStream Stream => _stream;

    /// <summary>The context, for events and graphs.</summary>
    public CudaContext Context => _context;

    /// <inheritdoc/>
    public IDeviceBuffer Allocate(long bytes) => new Buffer(_stream.Allocate(bytes));

    /// <inheritdoc/>
    public void Write(IDeviceBuffer buffer, ReadOnlySpan<byte> bytes) => _stream.Upload(bytes, Memory(buffer).Slice(0, bytes.Length));

    /// <inheritdoc/>
    public void Read(IDeviceBuffer buffer, Span<byte> bytes) => _stream.Download(Memory(buffer).Slice(0, bytes.Length), bytes);

    /// <inheritdoc/>
    /// <exception cref="CudaBuildException">The driver's compiler refuses the kernel.</exception>
    /// <exception cref="RegisterSpillException">The compiled kernel spills registers.</exception>
    public void Launch(LaunchParameters parameters, Grid grid)
    {
        ArgumentNullException.ThrowIfNull(parameters);
        var kernel = parameters.Kernel;
        var block = new DriverParameters(kernel.Parameters.Select(parameter => new ParameterSlot(parameter.Name, parameter.Offset, parameter.Bytes)));
        var bytes = parameters.Block.Bytes;
        foreach (var parameter in kernel.Parameters)
        {
            if (parameters.Buffers.TryGetValue(parameter.Name, out var buffer))
            {
                block.Set(parameter.Name, Memory(buffer), alignment: 1); // kernels know how their rows are aligned
            }
            else if (parameter.Bytes == sizeof(ulong))
            {
                block.Set(parameter.Name, MemoryMarshal.Read<ulong>(bytes[parameter.Offset..]));
            }
            else
            {
                block.Set(parameter.Name, MemoryMarshal.Read<uint>(bytes[parameter.Offset..]));
            }
        }

        var loaded = Compiled(kernel);
        loaded.Function.Launch(
            _stream,
            new LaunchShape(new Dim3(grid.X, grid.Y, grid.Z), new Dim3(kernel.Threads, 1, 1))
            {
                DynamicSharedBytes = loaded.OverlapsPrevious ? EvenSharedBytes(loaded, kernel, (long)grid.X * grid.Y * grid.Z) : kernel.SharedBytes,
                Cluster = kernel.ClusterBlocks > 1 ? new Dim3(kernel.ClusterBlocks) : null,
                OverlapsPrevious = loaded.OverlapsPrevious,
            },
            block);
    }

    /// <inheritdoc/>
    public IDeviceProgram Record(IReadOnlyList<KernelStep> steps)
    {
        ArgumentNullException.ThrowIfNull(steps);
        foreach (var step in steps)
        {
            Load(step.Parameters.Kernel); // a capture may not load code
        }

        return new GraphProgram(_context, _stream, () =>
        {
            foreach (var step in steps)
            {
                step.Launch(this);
            }
        });
    }

    /// <summary>The compiled kernel. Threads may compile at the same time.</summary>
    /// <inheritdoc cref="Launch"/>
    public CudaFunction Load(Kernel kernel)
    {
        ArgumentNullException.ThrowIfNull(kernel);
        return Compiled(kernel).Function;
    }

    /// <inheritdoc/>
    public bool Takes(Kernel kernel)
    {
        try
        {
            Load(kernel);
            return true;
        }
        catch (RegisterSpillException exception)
        {
            _warn($"{exception.Message}; the next best tile takes its place");
            return false;
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var module in _modules)
        {
            module.Dispose();
        }

        _stream.Dispose();
        _context.Dispose();
    }

    // The compiler stops within a granule of eight below what a thread may have.
    private static int RegistersAtLimit(Kernel kernel) =>
        Math.Min(255, 65_536 / (kernel.Threads * Math.Max(kernel.MinimumBlocks, 1))) - 8;

    private static CudaMemoryView Memory(IDeviceBuffer buffer) => buffer switch
    {
        Buffer { Memory: var memory } => memory,
        BufferSlice slice => Memory(slice.Whole).Slice(slice.Offset, slice.Bytes),
        _ => throw new InvalidInputException(nameof(buffer), "a buffer of another device", "one that this device allocated"),
    };

    // The kernel behind starts where this one leaves room. If that is room for a part of its blocks, they lie unevenly on the multiprocessors when
    // their turn comes; so a block then asks for as much shared memory as leaves room for its like on its own multiprocessor only, one by one.
    private int EvenSharedBytes(Loaded loaded, Kernel kernel, long blocks)
    {
        var each = (blocks + Multiprocessors - 1) / Multiprocessors;
        if (kernel.ClusterBlocks > 1 // they start together, and could not where each wants a multiprocessor of its own
            || each > loaded.BlocksPerMultiprocessor || (long)loaded.BlocksPerMultiprocessor * Multiprocessors >= 2 * blocks)
        {
            return kernel.SharedBytes;
        }

        var bytes = (int)(_context.Device.SharedBytesPerMultiprocessor / each) - ReservedSharedBytes;
        bytes = Math.Max(kernel.SharedBytes, Math.Min(bytes, _context.Device.SharedBytesPerBlockOptIn) & -SharedGranule);
        if (bytes > loaded.Function.MaxDynamicSharedBytes)
        {
            loaded.Function.AllowDynamicShared(bytes);
        }

        return bytes;
    }

    private Loaded Compiled(Kernel kernel) => _loaded.GetValue(kernel, Compile);

    private Loaded Compile(Kernel kernel)
    {
        var module = LoadModule(kernel.ToPtx(), kernel.Name);
        lock (_modules)
        {
            _modules.Add(module);
        }

        var function = module.GetFunction(kernel.Name);

        // A spill is local memory although no register is left. With registers to spare it is the compiler's own, for a few barriers of nested
        // branches.
        if (function.LocalBytes > kernel.LocalBytes && function.Registers >= RegistersAtLimit(kernel))
        {
            throw new RegisterSpillException(kernel.Name, function.LocalBytes, function.Registers);
        }

        if (kernel.SharedBytes > function.MaxDynamicSharedBytes)
        {
            function.AllowDynamicShared(kernel.SharedBytes);
        }

        if (kernel.SharedBytes > 0)
        {
            function.PreferSharedMemory();
        }

        return new Loaded(function, kernel.OverlapsPrevious, function.BlocksPerMultiprocessor(kernel.Threads, kernel.SharedBytes));
    }

    private CudaModule LoadModule(string ptx, string name)
    {
        if (_cache is null)
        {
            return _context.LoadPtx(ptx, name);
        }

        if (_cache.Load(ptx) is { } kept)
        {
            try
            {
                return _context.LoadCubin(kept, name);
            }
            catch (CudaBuildException exception)
            {
                _cache.Reject(ptx, exception.Message.Split('\n')[0]);
            }
        }

        using var linker = _context.CreateLinker();
        linker.AddPtx(ptx, name);
        var cubin = linker.Complete();
        var module = _context.LoadCubin(cubin, name);
        _cache.Store(ptx, cubin);
        return module;
    }

    private sealed record Loaded(CudaFunction Function, bool OverlapsPrevious, int BlocksPerMultiprocessor);

    private sealed class Buffer(CudaMemory memory) : IDeviceBuffer
    {
        public CudaMemory Memory => memory;

        public ulong Address => memory.Address;

        public long Bytes => memory.Bytes;

        public void Dispose() => memory.Dispose();
    }
}
