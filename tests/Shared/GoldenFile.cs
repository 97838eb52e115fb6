using System.Globalization;
using System.Runtime.CompilerServices;
using System.Text;

namespace Stof.Reference.Tests;

/// <summary>
/// Compares text with a committed file beside the test's source, with the naming of the Verify library:
/// <c>{Class}.{Method}[_{parameter}...].verified.{extension}</c>. On a mismatch the actual text is written to <c>.received.</c>
/// (not committed). <c>STOF_ACCEPT=1</c> in the environment accepts what is received. Files are UTF-8 without a byte order mark,
/// lines end with \n.
/// </summary>
internal static class GoldenFile
{
    private static readonly UTF8Encoding Utf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    /// <summary>Fails unless the committed file holds exactly <paramref name="actual"/>.</summary>
    /// <param name="actual">The text; \r\n counts as \n.</param>
    /// <param name="extension">Without the dot.</param>
    /// <param name="parameters">What distinguishes the cases of a theory.</param>
    /// <param name="sourceFile">Filled in by the compiler.</param>
    /// <param name="method">Filled in by the compiler.</param>
    public static void Verify(
        string actual,
        string extension = "txt",
        object?[]? parameters = null,
        [CallerFilePath] string sourceFile = "",
        [CallerMemberName] string method = "")
    {
        var source = TestData.Source(sourceFile);
        var stem = System.IO.Path.GetFileNameWithoutExtension(source) + "." + method + string.Concat(
            (parameters ?? []).Select(p => "_" + Clean(p)));
        Compare(actual, System.IO.Path.Combine(System.IO.Path.GetDirectoryName(source)!, stem), extension, IsAccepting);
    }

    /// <summary>The comparison itself, on a path without its <c>.verified.{extension}</c>.</summary>
    internal static void Compare(string actual, string stem, string extension, bool accept)
    {
        var verified = $"{stem}.verified.{extension}";
        var received = $"{stem}.received.{extension}";
        var text = actual.ReplaceLineEndings("\n");
        var problem = Difference(verified, text);
        if (problem is null || accept)
        {
            if (problem is not null)
            {
                File.WriteAllBytes(verified, Utf8.GetBytes(text));
            }

            File.Delete(received);
            return;
        }

        File.WriteAllBytes(received, Utf8.GetBytes(text));
        Assert.Fail($"{problem}\nreceived: {received}\nSTOF_ACCEPT=1 accepts it.");
    }

    private static bool IsAccepting => Environment.GetEnvironmentVariable("STOF_ACCEPT") == "1";

    private static string? Difference(string verified, string actual)
    {
        if (!File.Exists(verified))
        {
            return $"no file {verified}";
        }

        var bytes = File.ReadAllBytes(verified);
        if (bytes.AsSpan().StartsWith(Encoding.UTF8.Preamble))
        {
            return $"{verified} starts with a byte order mark";
        }

        var expected = Utf8.GetString(bytes);
        if (expected.Contains('\r', StringComparison.Ordinal))
        {
            return $"{verified} holds carriage returns; check .gitattributes";
        }

        return expected == actual ? null : DescribeFirstDifference(verified, expected.Split('\n'), actual.Split('\n'));
    }

    private static string DescribeFirstDifference(string verified, string[] expected, string[] actual)
    {
        var line = 0;
        while (line < expected.Length && line < actual.Length && expected[line] == actual[line])
        {
            line++;
        }

        return $"{verified} differs first in line {line + 1}\nexpected: {Line(expected, line)}\nactual:   {Line(actual, line)}";
    }

    private static string Line(string[] lines, int line) => line < lines.Length ? lines[line] : "(end of text)";

    private static string Clean(object? parameter)
    {
        var text = Convert.ToString(parameter, CultureInfo.InvariantCulture) ?? "null";
        return string.Concat(text.Select(c => char.IsLetterOrDigit(c) || c is '.' or '-' or '=' or ',' or '+' ? c : '-'));
    }
}
