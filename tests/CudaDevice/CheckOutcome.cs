using System.Text.Json.Nodes;

namespace Stof.Reference.DeviceChecks;

/// <summary>What a check that passed did.</summary>
/// <param name="Cases">How many things were compared.</param>
/// <param name="Note">What else is worth a line: a time, a number, a name.</param>
internal sealed record CheckOutcome(long Cases, string Note = "")
{
    /// <summary>What was measured, a row each, for tables and programs; every row has the same names.</summary>
    public IReadOnlyList<JsonObject> Measurements { get; init; } = [];
}
