namespace Stof.Reference.Cuda.Driver;

/// <summary>
/// The driver refused or failed. The message is one line: the call, the code and its name, what it means, what to do. (Input that is
/// wrong before the driver sees it is an <see cref="InvalidInputException"/> instead.)
/// </summary>
public class CudaException : Exception
{
    /// <summary>Creates the exception.</summary>
    /// <param name="call">The driver's entry point, such as <c>cuMemAlloc_v2</c>.</param>
    /// <param name="error">What it returned.</param>
    /// <param name="detail">Numbers or names of this very call, or empty.</param>
    public CudaException(string call, CudaError error, string detail = "")
        : this(call, error, Describe(call, error, detail), null)
    {
    }

    /// <summary>Creates the exception with a message of its own.</summary>
    protected CudaException(string call, CudaError error, string message, Exception? innerException)
        : base(message, innerException)
    {
        Call = call;
        Error = error;
    }

    /// <summary>The driver's entry point.</summary>
    public string Call { get; }

    /// <summary>What it returned.</summary>
    public CudaError Error { get; }

    /// <summary>Call, code, meaning, this call's facts and the remedy in one line.</summary>
    protected static string Describe(string call, CudaError error, string detail) =>
        $"{call}: {error.Name} ({error.Code}): {error.Meaning}{(detail.Length > 0 ? $"; {detail}" : "")}; to do: {error.Remedy}";
}
