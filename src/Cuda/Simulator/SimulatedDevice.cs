using System.Runtime.InteropServices;
using Stof.Reference.Cuda.Ptx;

namespace Stof.Reference.Cuda.Simulator;

/// <summary>
/// A device without a GPU: global memory that knows which bytes were written, and launches that run a kernel's instruction list and report
/// what a real device would do silently. Not thread-safe; a launch itself uses several threads.
/// </summary>
public sealed class SimulatedDevice
{
    /// <summary>
    /// Each allocation has a window of its own, far wider than its largest size, so that an index that overflows 32 bits lands in no other.
    /// </summary>
    private const int WindowShift = 36;

    private readonly List<Allocation> _allocations = [];

    /// <summary>Creates a device.</summary>
    /// <param name="target">The newest kernels that it runs.</param>
    public SimulatedDevice(Target target)
    {
        ArgumentNullException.ThrowIfNull(target);
        Target = target;
    }

    /// <summary>The newest kernels that it runs.</summary>
    public Target Target { get; }

    /// <summary>Allocates global memory that nothing has written.</summary>
    /// <param name="bytes">Size, 1 byte to 1 GiB.</param>
    /// <param name="name">Name for findings.</param>
    /// <returns>Its address, a multiple of 256 and of no higher power of two.</returns>
    /// <exception cref="InvalidInputException">The size is off.</exception>
    public ulong Allocate(long bytes, string? name = null)
    {
        if (bytes is < 1 or > 1 << 30)
        {
            throw new InvalidInputException(nameof(bytes), $"{bytes}", "1 to 2^30");
        }

        var window = (ulong)_allocations.Count + 1;
        var address = (window << WindowShift) + (1ul << (WindowShift - 1)) + 256;
        _allocations.Add(new Allocation(address, bytes, name ?? $"allocation {window}"));
        return address;
    }

    /// <summary>Allocates memory that holds values.</summary>
    public ulong Allocate<T>(ReadOnlySpan<T> values, string? name = null)
        where T : unmanaged
    {
        var address = Allocate(Math.Max(1, MemoryMarshal.AsBytes(values).Length), name);
        Write(address, values);
        return address;
    }

    /// <summary>Frees an allocation; kernels that touch it are found.</summary>
    /// <exception cref="InvalidInputException">No allocation starts there.</exception>
    public void Free(ulong address)
    {
        var allocation = Host(address, 0);
        allocation.IsFreed = allocation.Address == address
            ? true
            : throw new InvalidInputException(nameof(address), $"0x{address:x}", $"the start of {allocation}");
    }

    /// <summary>Writes memory from the host.</summary>
    /// <exception cref="InvalidInputException">The range is in no allocation.</exception>
    public void Write<T>(ulong address, ReadOnlySpan<T> values)
        where T : unmanaged
    {
        var bytes = MemoryMarshal.AsBytes(values);
        var allocation = Host(address, bytes.Length);
        var offset = (int)(address - allocation.Address);
        bytes.CopyTo(allocation.Data.AsSpan(offset));
        allocation.Written.AsSpan(offset, bytes.Length).Fill(1);
    }

    /// <summary>Reads memory from the host; bytes that nothing wrote read as 0xff.</summary>
    /// <exception cref="InvalidInputException">The range is in no allocation.</exception>
    public T[] Read<T>(ulong address, int count)
        where T : unmanaged
    {
        var values = new T[count];
        var bytes = MemoryMarshal.AsBytes(values.AsSpan());
        var allocation = Host(address, bytes.Length);
        allocation.Data.AsSpan((int)(address - allocation.Address), bytes.Length).CopyTo(bytes);
        return values;
    }

    /// <summary>Bytes of a range that nothing has written.</summary>
    /// <exception cref="InvalidInputException">The range is in no allocation.</exception>
    public int UnwrittenBytes(ulong address, int bytes)
    {
        var allocation = Host(address, bytes);
        return allocation.Written.AsSpan((int)(address - allocation.Address), bytes).Count((byte)0);
    }

    /// <summary>Runs a kernel over a grid.</summary>
    /// <param name="kernel">Kernel.</param>
    /// <param name="grid">Blocks: up to 2³¹−1 along x, 65535 along y and z, and 2²¹−2 in all.</param>
    /// <param name="parameters">Parameter block (see <see cref="ParameterBlock"/>).</param>
    /// <param name="options">How; null for the default.</param>
    /// <returns>Findings and counters; the results are in memory.</returns>
    /// <exception cref="InvalidInputException">Grid, parameters or target do not fit.</exception>
    public LaunchReport Launch(Kernel kernel, Grid grid, ReadOnlySpan<byte> parameters, LaunchOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(kernel);
        if (grid.X < 1 || grid.Y is < 1 or > 65535 || grid.Z is < 1 or > 65535)
        {
            throw new InvalidInputException(nameof(grid), $"{grid.X} x {grid.Y} x {grid.Z}", "1 to 2^31-1 blocks along x, 1 to 65535 along y and z");
        }

        if (grid.Count > BlockShadow.MaximumBlocks)
        {
            throw new InvalidInputException(nameof(grid), $"{grid.Count} blocks", $"at most {BlockShadow.MaximumBlocks} in a simulation");
        }

        if (grid.X % kernel.ClusterBlocks != 0)
        {
            throw new InvalidInputException(nameof(grid), $"{grid.X} blocks along x", $"a multiple of the cluster's {kernel.ClusterBlocks}");
        }

        if (parameters.Length != kernel.ParameterBytes)
        {
            throw new InvalidInputException(nameof(parameters), $"{parameters.Length} bytes", $"{kernel.ParameterBytes}");
        }

        if (kernel.Target.ComputeCapability > Target.ComputeCapability
            || (kernel.Target.ArchitectureSpecific && kernel.Target.ComputeCapability != Target.ComputeCapability))
        {
            throw new InvalidInputException("target", $"a kernel for {kernel.Target.Name}", $"one that {Target.Name} runs");
        }

        if (kernel.SharedBytes > Target.SharedBytes)
        {
            throw new InvalidInputException("shared memory", $"{kernel.SharedBytes} bytes", $"at most {Target.SharedBytes} on {Target.Name}");
        }

        return LaunchRunner.Run(new LaunchContext(this, kernel, grid, parameters.ToArray(), options ?? LaunchOptions.Default));
    }

    /// <summary>The allocation whose window an address is in (the address may still be outside it); null for none.</summary>
    internal Allocation? WindowOf(ulong address)
    {
        var window = address >> WindowShift;
        return window - 1 < (ulong)_allocations.Count ? _allocations[(int)window - 1] : null;
    }

    /// <summary>The allocation's number.</summary>
    internal static int NumberOf(ulong address) => (int)(address >> WindowShift) - 1;

    /// <summary>Allocations so far.</summary>
    internal int AllocationCount => _allocations.Count;

    /// <summary>An allocation by number.</summary>
    internal Allocation AllocationAt(int number) => _allocations[number];

    private Allocation Host(ulong address, int bytes)
    {
        var allocation = WindowOf(address);
        return allocation is { IsFreed: false } && address >= allocation.Address
            && address - allocation.Address <= (ulong)(allocation.Bytes - bytes) && bytes <= allocation.Bytes
            ? allocation
            : throw new InvalidInputException(nameof(address), $"0x{address:x} and {bytes} bytes", "a range in an allocation that is not freed");
    }
}
