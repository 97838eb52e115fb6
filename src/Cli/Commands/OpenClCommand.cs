using System.CommandLine;

namespace Stof.Reference.Cli.Commands;

/// <summary><c>opencl</c>: kernels as the device's compiler gets them.</summary>
internal static class OpenClCommand
{
    /// <summary>Creates the verb.</summary>
    public static Command Create() => new("opencl", "Look at OpenCL kernels: their specialised source, and whether a device compiles them.")
    {
        OpenClSourceCommand.Create(),
    };
}
