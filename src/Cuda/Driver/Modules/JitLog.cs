using System.Text.RegularExpressions;

namespace Stof.Reference.Cuda.Driver;

/// <summary>What the driver's PTX compiler and loader said.</summary>
/// <param name="Information">The information log: registers, spills, warnings.</param>
/// <param name="Errors">The error log.</param>
public sealed partial record JitLog(string Information, string Errors)
{
    private const string PerformanceLoss = "Potential Performance Loss";

    /// <summary>Nothing was said.</summary>
    public static JitLog Empty { get; } = new("", "");

    /// <summary>
    /// The warnings in both logs, in their order. The driver keeps compiled PTX in a cache on disk, and a hit gives no warnings: set
    /// <c>CUDA_CACHE_DISABLE=1</c> before the process starts where they matter.
    /// </summary>
    public IReadOnlyList<JitWarning> Warnings =>
    [
        .. $"{Information}\n{Errors}"
            .Split('\n', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries)
            .Where(IsWarning)
            .Select(line => new JitWarning(Code().Match(line).Groups["code"].Value, line, line.Contains(PerformanceLoss, StringComparison.Ordinal))),
    ];

    // "ptxas info : (C7510) Potential Performance Loss: ..." is a warning in all but its label.
    private static bool IsWarning(string line) =>
        line.Contains("warning", StringComparison.OrdinalIgnoreCase) || line.Contains(PerformanceLoss, StringComparison.Ordinal);

    [GeneratedRegex(@"\((?<code>C\d+)\)")]
    private static partial Regex Code();
}
