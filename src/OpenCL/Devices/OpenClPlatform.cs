namespace Stof.Reference.OpenCL;

/// <summary>A vendor's implementation.</summary>
/// <param name="Ordinal">Place in the loader's list, from 0.</param>
/// <param name="Name">Its name.</param>
/// <param name="Vendor">Who made it.</param>
/// <param name="Version">Its version text.</param>
/// <param name="Reason">Why it has no devices; empty if it has some.</param>
public sealed record OpenClPlatform(int Ordinal, string Name, string Vendor, string Version, string Reason)
{
    /// <summary>The platform's handle.</summary>
    internal nint Handle { get; init; }
}
