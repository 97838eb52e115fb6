namespace Stof.Reference.OpenCL;

/// <summary>
/// OpenCL refused or failed. The message is one line: the call, the code and its name, what it means, what to do. (Input that is wrong before
/// OpenCL sees it is an <see cref="InvalidInputException"/> instead.)
/// </summary>
public class OpenClException : Exception
{
    /// <summary>Creates the exception.</summary>
    /// <param name="call">The entry point, such as <c>clCreateBuffer</c>.</param>
    /// <param name="error">What it returned.</param>
    /// <param name="detail">Numbers or names of this very call, or empty.</param>
    public OpenClException(string call, OpenClError error, string detail = "")
        : this(call, error, detail, "")
    {
    }

    /// <summary>As above, with lines that follow the message.</summary>
    protected OpenClException(string call, OpenClError error, string detail, string more)
        : base(Describe(call, error, detail) + more)
    {
        Call = call;
        Error = error;
    }

    /// <summary>The entry point.</summary>
    public string Call { get; }

    /// <summary>What it returned.</summary>
    public OpenClError Error { get; }

    private static string Describe(string call, OpenClError error, string detail) =>
        $"{call}: {error.Name} ({error.Code}): {error.Meaning}{(detail.Length > 0 ? $"; {detail}" : "")}; to do: {error.Remedy}";
}
