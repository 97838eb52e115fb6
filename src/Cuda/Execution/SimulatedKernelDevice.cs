using Stof.Reference.Cuda.Ptx;
using Stof.Reference.Cuda.Simulator;

namespace Stof.Reference.Cuda.Execution;

/// <summary>The simulator as a device. A launch with a finding fails: nothing that a real device would hide passes here.</summary>
public sealed class SimulatedKernelDevice : IKernelDevice
{
    private const int SimulatedMultiprocessors = 4; // few, so that small cases already cut heavy rows
    private const long SimulatedCacheBytes = 1 << 14; // small, so that small cases have several groups of heads

    private readonly SimulatedDevice _device;
    private readonly LaunchOptions _options;

    /// <summary>Creates a device without memory.</summary>
    /// <param name="target">The newest kernels that it runs.</param>
    /// <param name="options">How launches are simulated; null for the default.</param>
    public SimulatedKernelDevice(Target target, LaunchOptions? options = null)
    {
        _device = new SimulatedDevice(target);
        _options = options ?? LaunchOptions.Default;
    }

    /// <inheritdoc/>
    public string Name => $"simulator ({Target.Name})";

    /// <inheritdoc/>
    public Target Target => _device.Target;

    /// <inheritdoc/>
    public int Multiprocessors => SimulatedMultiprocessors;

    /// <inheritdoc/>
    public long CacheBytes => SimulatedCacheBytes;

    /// <inheritdoc/>
    public bool IsAsynchronous => false;

    /// <summary>What the last launch did; null before the first.</summary>
    public LaunchReport? LastReport { get; private set; }

    /// <inheritdoc/>
    public IDeviceBuffer Allocate(long bytes) => new Buffer(_device, bytes);

    /// <inheritdoc/>
    public void Write(IDeviceBuffer buffer, ReadOnlySpan<byte> bytes)
    {
        ArgumentNullException.ThrowIfNull(buffer);
        _device.Write(buffer.Address, bytes);
    }

    /// <inheritdoc/>
    /// <exception cref="InvalidOperationException">A kernel left bytes unwritten that are read here.</exception>
    public void Read(IDeviceBuffer buffer, Span<byte> bytes)
    {
        ArgumentNullException.ThrowIfNull(buffer);
        var unwritten = _device.UnwrittenBytes(buffer.Address, bytes.Length);
        if (unwritten > 0)
        {
            throw new InvalidOperationException($"{unwritten} of {bytes.Length} bytes of a result were never written");
        }

        _device.Read<byte>(buffer.Address, bytes.Length).CopyTo(bytes);
    }

    /// <inheritdoc/>
    /// <exception cref="InvalidOperationException">The simulator found something.</exception>
    public void Launch(LaunchParameters parameters, Grid grid)
    {
        ArgumentNullException.ThrowIfNull(parameters);
        LastReport = _device.Launch(parameters.Kernel, grid, parameters.Block.Bytes, _options);
        LastReport.ThrowIfFound();
    }

    /// <inheritdoc/>
    public bool Takes(Kernel kernel) => true;

    /// <inheritdoc/>
    public IDeviceProgram Record(IReadOnlyList<KernelStep> steps) => new StepwiseProgram(this, steps);

    /// <inheritdoc/>
    public void Dispose()
    {
    }

    private sealed class Buffer(SimulatedDevice device, long bytes) : IDeviceBuffer
    {
        private bool _isFreed;

        public ulong Address { get; } = device.Allocate(bytes);

        public long Bytes => bytes;

        public void Dispose()
        {
            if (!_isFreed)
            {
                _isFreed = true;
                device.Free(Address);
            }
        }
    }
}
