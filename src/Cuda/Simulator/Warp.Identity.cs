namespace Stof.Reference.Cuda.Simulator;

/// <content>What the special registers say. Blocks have one dimension, so that a thread's y and z are 0.</content>
internal sealed partial class Warp
{
    /// <summary>Number of the warp within its block.</summary>
    public int Index { get; init; }

    /// <summary>Threads of a block.</summary>
    public int BlockThreads { get; init; } = Lanes;

    /// <summary>The block's place in the grid.</summary>
    public (int X, int Y, int Z) Block { get; private set; }

    /// <summary>Blocks of the grid.</summary>
    public (int X, int Y, int Z) Grid { get; init; } = (1, 1, 1);

    /// <summary>Instructions that the warp has run: its clock.</summary>
    public long Clock { get; private set; }
}
