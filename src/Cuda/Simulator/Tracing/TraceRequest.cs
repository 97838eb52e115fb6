namespace Stof.Reference.Cuda.Simulator.Tracing;

/// <summary>The warp whose steps are recorded.</summary>
/// <param name="Block">Block.</param>
/// <param name="Warp">Warp of the block.</param>
/// <param name="MaximumSteps">Steps that are kept, from the first on.</param>
public sealed record TraceRequest(BlockIndex Block = default, int Warp = 0, int MaximumSteps = 2000);
