using System.Text.RegularExpressions;

namespace Stof.Reference.OpenCL;

/// <summary>One message of a compiler, at its place in our files.</summary>
/// <param name="File">One of our files; empty where the compiler named no place.</param>
/// <param name="Line">Line, from 1; 0 without a place.</param>
/// <param name="Column">Column, from 1.</param>
/// <param name="IsError">False for warnings and notes.</param>
/// <param name="Message">What it said.</param>
public sealed record BuildMessage(string File, int Line, int Column, bool IsError, string Message)
{
    /// <inheritdoc/>
    public override string ToString() => Line > 0 ? $"{File}:{Line}:{Column}: {Message}" : Message;
}

/// <summary>What a compiler said: clang's form (<c>FILE:LINE:COLUMN: error: text</c>, of which most are made) with lines of the whole source.</summary>
public static partial class BuildLog
{
    /// <summary>Reads a log.</summary>
    /// <param name="log">The compiler's text.</param>
    /// <param name="source">What was compiled.</param>
    /// <returns>The messages that name a place; the whole text as one message if none does.</returns>
    public static IReadOnlyList<BuildMessage> Parse(string log, KernelSource source)
    {
        ArgumentNullException.ThrowIfNull(log);
        ArgumentNullException.ThrowIfNull(source);
        var messages = new List<BuildMessage>();
        foreach (Match match in Place().Matches(log.ReplaceLineEndings("\n")))
        {
            var line = int.Parse(match.Groups["line"].Value);
            if (line < 1 || line > source.Lines.Count)
            {
                continue;
            }

            var origin = source.Lines[line - 1];
            var message = match.Groups["message"].Value.Trim();
            var kind = match.Groups["before"].Success ? match.Groups["before"].Value : match.Groups["kind"].Value;
            messages.Add(new BuildMessage(
                origin.File, origin.Line, int.Parse(match.Groups["column"].Value), kind.Contains("error", StringComparison.OrdinalIgnoreCase), message));
        }

        return messages.Count > 0 || string.IsNullOrWhiteSpace(log) ? messages : [new BuildMessage("", 0, 0, true, log.Trim())];
    }

    // "<kernel>:12:5: error: text", "/tmp/a.cl:12:5: error: text", "1:12:5: error: text", "error: /tmp/a.cl:12:5: text"
    [GeneratedRegex(
        """^(?:(?<before>fatal error|error|warning|note):\s+)?(?<file>[^\s:]*|[A-Za-z]:[^\s:]*):(?<line>\d{1,7}):(?<column>\d{1,7}):\s*(?:(?<kind>fatal error|error|warning|note):\s*)?(?<message>.+)$""",
        RegexOptions.Multiline)]
    private static partial Regex Place();
}
