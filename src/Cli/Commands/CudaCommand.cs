using System.CommandLine;

namespace Stof.Reference.Cli.Commands;

/// <summary><c>cuda</c>: kernels as text, on the simulator and step by step.</summary>
internal static class CudaCommand
{
    /// <summary>Creates the verb.</summary>
    public static Command Create() => new("cuda", "Look at CUDA kernels without a GPU: their PTX, what they do on a simulator, and how.")
    {
        CudaPtxCommand.Create(),
        CudaSimulateCommand.Create(),
        CudaTraceCommand.Create(),
    };
}
