namespace Stof.Reference;

/// <summary>
/// Input from outside was wrong: an argument, a file, a shape, a mask. The message is one line that names the argument,
/// what was found and what would be right; tools print it as it is and exit with code 2.
/// </summary>
public sealed class InvalidInputException : Exception
{
    /// <summary>Creates the exception from the three things a user needs to know.</summary>
    /// <param name="argument">The argument, option, file or field that was wrong.</param>
    /// <param name="found">What was found there.</param>
    /// <param name="expected">What would be right.</param>
    public InvalidInputException(string argument, string found, string expected)
        : base($"{argument}: {found}; expected {expected}")
    {
        Argument = argument;
    }

    /// <summary>As <see cref="InvalidInputException(string, string, string)"/>, keeping the cause.</summary>
    public InvalidInputException(string argument, string found, string expected, Exception innerException)
        : base($"{argument}: {found}; expected {expected}", innerException)
    {
        Argument = argument;
    }

    /// <summary>The argument, option, file or field that was wrong.</summary>
    public string Argument { get; }
}
