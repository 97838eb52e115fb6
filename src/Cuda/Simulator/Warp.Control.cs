using Stof.Reference.Cuda.Ptx;

namespace Stof.Reference.Cuda.Simulator;

/// <content>Where the lanes are.</content>
internal sealed partial class Warp
{
    /// <summary>Moves lanes to a label.</summary>
    public void Branch(Label label, uint lanes) => throw new NotImplementedException();

    /// <summary>Ends lanes.</summary>
    public void Exit(uint lanes) => throw new NotImplementedException();
}
