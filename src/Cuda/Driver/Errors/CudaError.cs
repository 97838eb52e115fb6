namespace Stof.Reference.Cuda.Driver;

/// <summary>One error code of the driver API.</summary>
/// <param name="Code">The number (<c>CUresult</c>).</param>
/// <param name="Name">The name in cuda.h.</param>
/// <param name="Meaning">What happened, in one clause.</param>
/// <param name="Remedy">What to do about it, in one clause.</param>
/// <param name="LosesContext">
/// True if the driver documents that the context cannot be used any more: every later call in it would return the same code.
/// </param>
public sealed record CudaError(int Code, string Name, string Meaning, string Remedy, bool LosesContext = false);
