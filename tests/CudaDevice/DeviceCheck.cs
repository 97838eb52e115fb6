namespace Stof.Reference.DeviceChecks;

/// <summary>One thing that only a GPU can tell. To add one: a class with a <c>Check</c> in Checks/, and its line in <see cref="Catalogue"/>.</summary>
/// <param name="Name">Name for <c>--only</c> and the table.</param>
/// <param name="Run">Runs it; returns what it did, or throws (best <see cref="CheckFailedException"/>) if something is wrong.</param>
internal sealed record DeviceCheck(string Name, Func<CheckSession, CheckOutcome> Run)
{
    /// <summary>False if it provokes what a sanitizer exists to report, so that <c>--small</c> leaves it out.</summary>
    public bool RunsSmall { get; init; } = true;

    /// <summary>The compute capability it needs; on older devices it is left out, and the table says so.</summary>
    public Version NeedsCapability { get; init; } = new(8, 0);
}
