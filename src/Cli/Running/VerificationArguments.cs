using System.CommandLine;
using Stof.Reference.Formats;
using Stof.Reference.Verification.Reports;

namespace Stof.Reference.Cli.Running;

/// <summary>The options of a verification.</summary>
internal sealed class VerificationArguments
{
    private readonly Option<int?> _rows = new("--rows") { Description = "check only this many queries a head, evenly spaced; the report states the share" };
    private readonly Option<string> _profile = new("--profile") { Description = "strict: scores in F32; lowp: scores in the dtype of the inputs, the 2x rule decides", DefaultValueFactory = _ => "strict" };
    private readonly Option<bool> _unit = new("--unit-normal") { Description = "inputs are N(0,1): also hold the limit on the relative Frobenius error" };
    private readonly Option<double> _lse = new("--lse-limit") { Description = "allowed LSE error as a part of max(1, |LSE|)", DefaultValueFactory = _ => 1e-4 };
    private readonly Option<bool> _parts = new("--expect-part-tiles") { Description = "mistrust the case if its mask cuts through no tile" };

    /// <summary>Adds them to a command.</summary>
    public VerificationArguments(Command command)
    {
        foreach (var option in new Option[] { _rows, _profile, _unit, _lse, _parts })
        {
            command.Options.Add(option);
        }
    }

    /// <summary>Reads them.</summary>
    public VerificationOptions Read(ParseResult result, TileShape tile) => new()
    {
        Tile = tile,
        Queries = result.GetValue(_rows),
        Profile = result.GetRequiredValue(_profile) switch
        {
            "strict" => PrecisionProfile.Strict,
            "lowp" => PrecisionProfile.LowPrecision,
            var other => throw new InvalidInputException("--profile", $"'{other}'", "strict or lowp"),
        },
        UnitNormal = result.GetValue(_unit),
        LogSumExpLimit = result.GetValue(_lse) is > 0 and var limit ? limit : throw new InvalidInputException("--lse-limit", "0 or less", "above 0"),
        ExpectsPartTiles = result.GetValue(_parts),
    };
}
