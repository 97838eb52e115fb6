namespace Stof.Reference.Cuda.Driver;

/// <summary>One warning of the PTX compiler.</summary>
/// <param name="Code">
/// Its code, or empty. C7508: a <c>setmaxnreg</c> is ignored. C7510 and its neighbours: wgmma instructions run one after the other.
/// </param>
/// <param name="Text">The whole line.</param>
/// <param name="CostsPerformance">True if the compiler says that the kernel is right, but slower than it was written to be.</param>
public sealed record JitWarning(string Code, string Text, bool CostsPerformance);
