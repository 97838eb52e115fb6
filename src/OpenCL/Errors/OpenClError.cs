namespace Stof.Reference.OpenCL;

/// <summary>One error code of OpenCL.</summary>
/// <param name="Code">The number.</param>
/// <param name="Name">The name in cl.h.</param>
/// <param name="Meaning">What happened, in one clause.</param>
/// <param name="Remedy">What to do about it, in one clause.</param>
public sealed record OpenClError(int Code, string Name, string Meaning, string Remedy);
