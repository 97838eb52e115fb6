using System.Text.Json.Nodes;

namespace Stof.Reference.DeviceChecks;

/// <summary>How a check ended.</summary>
/// <param name="Name">The check.</param>
/// <param name="Verdict"><c>pass</c>, <c>FAIL</c> or <c>left out</c>.</param>
/// <param name="Cases">Things that were compared.</param>
/// <param name="Seconds">How long it took.</param>
/// <param name="Note">What it has to say, or why it failed or was left out.</param>
internal sealed record CheckResult(string Name, string Verdict, long Cases, double Seconds, string Note)
{
    /// <summary>What was measured, a row each; every row has the same names.</summary>
    public IReadOnlyList<JsonObject> Measurements { get; init; } = [];

    public const string Pass = "pass";
    public const string Fail = "FAIL";
    public const string LeftOut = "left out";

    /// <summary>The row for programs.</summary>
    public JsonObject Json() => new()
    {
        ["check"] = Name,
        ["result"] = Verdict,
        ["cases"] = Cases,
        ["seconds"] = Math.Round(Seconds, 6),
        ["note"] = Note,
        ["measurements"] = new JsonArray([.. Measurements.Select(row => row.DeepClone())]),
    };
}
