namespace Stof.Reference.Cuda.Driver;

/// <summary>Where a kernel parameter lies in the parameter block.</summary>
/// <param name="Name">Its name, or empty.</param>
/// <param name="Offset">First byte.</param>
/// <param name="Bytes">Size in bytes.</param>
public readonly record struct ParameterSlot(string Name, int Offset, int Bytes);
