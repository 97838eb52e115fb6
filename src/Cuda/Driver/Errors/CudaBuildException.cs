namespace Stof.Reference.Cuda.Driver;

/// <summary>PTX or a cubin did not become a module. The message holds the compiler's log and names the file that keeps the PTX.</summary>
public sealed class CudaBuildException : CudaException
{
    /// <summary>Creates the exception.</summary>
    /// <param name="call">The driver's entry point.</param>
    /// <param name="error">What it returned.</param>
    /// <param name="name">The module, for people.</param>
    /// <param name="log">What compiler and loader said.</param>
    /// <param name="keptFile">Where the image was kept, or null with <paramref name="keepFailure"/> saying why not.</param>
    /// <param name="keepFailure">Why the image could not be kept, or empty.</param>
    /// <param name="detail">More facts, or empty.</param>
    public CudaBuildException(string call, CudaError error, string name, JitLog log, string? keptFile, string keepFailure, string detail)
        : base(call, error, Describe(call, error, Facts(name, keptFile, keepFailure, detail)) + Logs(log), null)
    {
        Log = log;
        KeptFile = keptFile;
    }

    /// <summary>What compiler and loader said.</summary>
    public JitLog Log { get; }

    /// <summary>The file that keeps the image, or null if it could not be written.</summary>
    public string? KeptFile { get; }

    private static string Facts(string name, string? keptFile, string keepFailure, string detail)
    {
        var kept = keptFile is null ? $"'{name}' could not be kept ({keepFailure})" : $"'{name}' is kept in {keptFile}";
        return detail.Length > 0 ? $"{detail}; {kept}" : kept;
    }

    private static string Logs(JitLog log)
    {
        var text = string.Join('\n', new[] { log.Errors, log.Information }.Where(part => part.Length > 0));
        return text.Length > 0 ? $"\n{text}" : "\n(the driver gave no log)";
    }
}
