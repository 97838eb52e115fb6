using Stof.Reference.Masks;

namespace Stof.Reference.Tests;

/// <summary>The examples of the catalogue, which tests walk so that a new pattern is covered by being listed.</summary>
internal static class MaskExamples
{
    /// <summary>All texts.</summary>
    public static IReadOnlyList<string> All { get; } = [.. MaskCatalog.Entries.SelectMany(entry => entry.Examples)];

    /// <summary>The texts of patterns that fit any extent.</summary>
    public static IReadOnlyList<string> Anywhere { get; } = [.. All.Where(text => MaskText.Parse(text).Demand == default)];

    /// <summary>The texts of patterns that demand something of their extent.</summary>
    public static IReadOnlyList<string> Demanding { get; } = [.. All.Except(Anywhere)];
}
