using System.Text;
using System.Text.RegularExpressions;

namespace Stof.Reference.OpenCL;

/// <summary>Where a line of a specialised source came from.</summary>
/// <param name="File">One of our files, or <c>parameters</c> for the generated header.</param>
/// <param name="Line">Its line, from 1.</param>
public readonly record struct SourceLine(string File, int Line);

/// <summary>
/// A source as the device's compiler gets it: the parameters as definitions, then a kernel file with what it includes written out, each file
/// once. Compilers know lines of the whole; <see cref="Lines"/> tells whose they are.
/// </summary>
public sealed partial class KernelSource
{
    /// <summary>Name of the generated header in <see cref="Lines"/>.</summary>
    public const string ParametersFile = "parameters";

    private KernelSource(string file, string text, SourceLine[] lines) => (File, Text, Lines) = (file, text, lines);

    /// <summary>The kernel file.</summary>
    public string File { get; }

    /// <summary>What is compiled.</summary>
    public string Text { get; }

    /// <summary>Origin of every line of <see cref="Text"/>.</summary>
    public IReadOnlyList<SourceLine> Lines { get; }

    /// <summary>Writes a kernel file out.</summary>
    /// <param name="file">Name of an embedded file, such as <c>attention_merge.cl</c>.</param>
    /// <param name="header">Definitions that stand first (<see cref="ParameterHeader"/>).</param>
    /// <exception cref="InvalidInputException">The file, or one that it includes, does not exist.</exception>
    public static KernelSource Expand(string file, string header) => Expand(file, header, KernelFiles.Read);

    /// <summary>As above, with files from anywhere.</summary>
    internal static KernelSource Expand(string file, string header, Func<string, string> read)
    {
        ArgumentNullException.ThrowIfNull(header);
        var text = new StringBuilder();
        var lines = new List<SourceLine>();
        Append(text, lines, ParametersFile, header);
        Include(text, lines, file, [], read);
        return new KernelSource(file, text.ToString(), [.. lines]);
    }

    private static void Include(StringBuilder text, List<SourceLine> lines, string file, HashSet<string> seen, Func<string, string> read)
    {
        if (!seen.Add(file))
        {
            return;
        }

        var number = 0;
        foreach (var line in Split(read(file)))
        {
            number++;
            if (IncludeLine().Match(line) is { Success: true } match)
            {
                Include(text, lines, match.Groups["file"].Value, seen, read);
                continue;
            }

            text.Append(line).Append('\n');
            lines.Add(new SourceLine(file, number));
        }
    }

    private static void Append(StringBuilder text, List<SourceLine> lines, string file, string content)
    {
        var number = 0;
        foreach (var line in Split(content))
        {
            text.Append(line).Append('\n');
            lines.Add(new SourceLine(file, ++number));
        }
    }

    private static string[] Split(string content) => content.ReplaceLineEndings("\n").TrimEnd('\n').Split('\n');

    [GeneratedRegex("""^\s*#include\s+"(?<file>[^"]+)"\s*$""")]
    private static partial Regex IncludeLine();
}
