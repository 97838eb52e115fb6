using System.CommandLine;

namespace Stof.Reference.Cli.Running;

/// <summary>The command line as a user may paste it.</summary>
internal static class CommandLineText
{
    /// <summary>The parsed tokens, quoted for a POSIX shell where they need it.</summary>
    public static string Of(ParseResult result)
    {
        ArgumentNullException.ThrowIfNull(result);
        return "stof " + string.Join(' ', result.Tokens.Select(token => Quote(token.Value)));
    }

    private static string Quote(string token) =>
        token.Length > 0 && token.All(c => char.IsAsciiLetterOrDigit(c) || "-_./:=,+@%".Contains(c, StringComparison.Ordinal))
            ? token
            : "'" + token.Replace("'", "'\\''", StringComparison.Ordinal) + "'";
}
