using Stof.Reference.OpenCL.Api;

namespace Stof.Reference.OpenCL;

/// <summary>Kernels did not compile. The message ends with what the compiler said, at its places in our files.</summary>
public sealed class OpenClBuildException : OpenClException
{
    /// <summary>Creates the exception.</summary>
    /// <param name="error">What the call returned.</param>
    /// <param name="device">Device, for people.</param>
    /// <param name="source">What was compiled.</param>
    /// <param name="options">Options of the compiler.</param>
    /// <param name="log">The compiler's text.</param>
    internal OpenClBuildException(ClResult error, string device, KernelSource source, string options, string log)
        : base("clBuildProgram", OpenClErrorTable.Find(error), $"{source.File} on {device}, options '{options}'", Lines(BuildLog.Parse(log, source)))
    {
        Messages = BuildLog.Parse(log, source);
        Log = log;
    }

    /// <summary>What the compiler said.</summary>
    public IReadOnlyList<BuildMessage> Messages { get; }

    /// <summary>The same as it came.</summary>
    public string Log { get; }

    private static string Lines(IReadOnlyList<BuildMessage> messages) =>
        messages.Count == 0 ? "\n(the compiler gave no log)" : string.Concat(messages.Select(message => $"\n{message}"));
}
