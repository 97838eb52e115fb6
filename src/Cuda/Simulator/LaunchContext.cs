using Stof.Reference.Cuda.Ptx;

namespace Stof.Reference.Cuda.Simulator;

/// <summary>What all blocks of a launch share.</summary>
internal sealed class LaunchContext
{
    public LaunchContext(SimulatedDevice device, Kernel kernel, Grid grid, byte[] parameters, LaunchOptions options)
    {
        Device = device;
        Kernel = kernel;
        Grid = grid;
        Parameters = parameters;
        Options = options;
        Program = ProgramStep.Decode(kernel);
        Constants = new ConstantRows(kernel);
    }

    public SimulatedDevice Device { get; }

    public Kernel Kernel { get; }

    public Grid Grid { get; }

    public byte[] Parameters { get; }

    public LaunchOptions Options { get; }

    public ProgramStep[] Program { get; }

    public ConstantRows Constants { get; }

    /// <summary>Who touched which byte of global memory, over all blocks.</summary>
    public BlockShadow Blocks { get; set; } = new(isSequential: false);

    /// <summary>True once a block met something that a rerun in order has to report.</summary>
    public volatile bool NeedsRerun;

    /// <summary>True once a block gave up: those behind it need not run.</summary>
    public volatile bool GaveUp;

    public BlockIndex BlockAt(int linear) =>
        new(linear % Grid.X, (int)(linear / Grid.X % Grid.Y), (int)((long)linear / Grid.X / Grid.Y));
}
