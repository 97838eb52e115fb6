using Stof.Reference.Cuda.Execution;
using Stof.Reference.Cuda.Ptx;
using Stof.Reference.Cuda.Simulator;

namespace Stof.Reference.Cuda.Catalog;

/// <summary>
/// A device that runs nothing and remembers its one launch: kernel, grid, parameters and what was uploaded. So what the backend would launch
/// can be written out, simulated and traced like any other kernel.
/// </summary>
internal sealed class RecordedLaunch(Target target) : IKernelDevice
{
    private LaunchParameters? _parameters;
    private ulong _addresses;

    /// <inheritdoc/>
    public string Name => "recorder";

    /// <inheritdoc/>
    public Target Target => target;

    /// <summary>So few that every row is as heavy as the device's share, and none is cut: a cut needs a second launch.</summary>
    public int Multiprocessors => 0;

    /// <inheritdoc/>
    public long CacheBytes => 0;

    /// <inheritdoc/>
    public bool IsAsynchronous => false;

    /// <summary>The kernel that was launched.</summary>
    /// <exception cref="InvalidOperationException">Nothing was.</exception>
    public Kernel Kernel => Parameters.Kernel;

    /// <summary>The grid that it was launched with.</summary>
    public Grid Grid { get; private set; }

    private LaunchParameters Parameters => _parameters ?? throw new InvalidOperationException("nothing was launched");

    /// <inheritdoc/>
    public IDeviceBuffer Allocate(long bytes) => new Buffer(_addresses += 256, bytes);

    /// <inheritdoc/>
    public void Write(IDeviceBuffer buffer, ReadOnlySpan<byte> bytes) => ((Buffer)buffer).Contents = bytes.ToArray();

    /// <summary>Gives nothing: there are no results.</summary>
    public void Read(IDeviceBuffer buffer, Span<byte> bytes)
    {
    }

    /// <inheritdoc/>
    /// <exception cref="InvalidOperationException">It is the second launch.</exception>
    public void Launch(LaunchParameters parameters, Grid grid)
    {
        if (_parameters is not null)
        {
            throw new InvalidOperationException("a second launch, where a trial has one");
        }

        (_parameters, Grid) = (parameters, grid);
    }

    /// <inheritdoc/>
    public bool Takes(Kernel kernel) => true;

    /// <inheritdoc/>
    public IDeviceProgram Record(IReadOnlyList<KernelStep> steps) => new StepwiseProgram(this, steps);

    /// <summary>The launch as a trial.</summary>
    /// <param name="check">Looks at the results.</param>
    public KernelTrial ToTrial(Func<IReadOnlyDictionary<string, byte[]>, string?> check)
    {
        var block = Parameters.Block.Bytes.ToArray();
        return new KernelTrial
        {
            Grid = Grid,
            Buffers = [.. Parameters.Buffers.Select(entry => new TrialBuffer(entry.Key, (int)entry.Value.Bytes, ((Buffer)entry.Value).Contents))],
            SetScalars = parameters =>
            {
                foreach (var parameter in Kernel.Parameters.Where(parameter => !Parameters.Buffers.ContainsKey(parameter.Name)))
                {
                    if (parameter.Type == RegisterType.F32)
                    {
                        parameters.Set(parameter.Name, BitConverter.ToSingle(block, parameter.Offset));
                    }
                    else
                    {
                        parameters.Set(parameter.Name, BitConverter.ToInt32(block, parameter.Offset));
                    }
                }
            },
            Check = check,
        };
    }

    /// <inheritdoc/>
    public void Dispose()
    {
    }

    private sealed class Buffer(ulong address, long bytes) : IDeviceBuffer
    {
        public ulong Address => address;

        public long Bytes => bytes;

        public byte[] Contents { get; set; } = [];

        public void Dispose()
        {
        }
    }
}
