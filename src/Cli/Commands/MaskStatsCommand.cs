using System.CommandLine;
using System.Globalization;
using Stof.Reference.Formats;
using Stof.Reference.Numerics;

namespace Stof.Reference.Cli.Commands;

/// <summary><c>mask stats</c>: pairs, tiles at several sizes, balance, the work ahead, and what the published kernel rule says.</summary>
internal static class MaskStatsCommand
{
    /// <summary>Creates the sub-command.</summary>
    public static Command Create()
    {
        var command = new Command("stats", "Count pairs and tiles, predict the work of attention, and apply the published kernel rule.");
        var rectangle = new MaskRectangleOptions(command);
        var slices = new MaskSliceOptions(command);
        var headSize = new Option<int>("--head-size") { Description = "head size of the predicted attention", DefaultValueFactory = _ => 64 };
        var type = new Option<string>("--dtype") { Description = "its dtype", DefaultValueFactory = _ => "f16" };
        type.AcceptOnlyFromAmong("f32", "f16", "bf16");
        var json = new Option<bool>("--json") { Description = "print as JSON" };
        command.Options.Add(headSize);
        command.Options.Add(type);
        command.Options.Add(json);
        command.SetAction(result =>
        {
            var (batch, head) = slices.Read(result);
            var (pattern, bound) = rectangle.Bind(result, batch + 1, head + 1);
            var statistics = MaskStatistics.Of(bound, rectangle.TileOf(result), batch, head);
            var size = result.GetValue(headSize);
            var forecast = AttentionForecast.Of(
                statistics.Tiles, statistics.Extent.QueryLength, statistics.Extent.KeyLength, size, size, DTypes.Parse(result.GetValue(type)!));
            if (result.GetValue(json))
            {
                Console.WriteLine(MaskReport.StatisticsJson(pattern, statistics, forecast));
            }
            else
            {
                Print(statistics, forecast, $"head size {size}, {result.GetValue(type)}");
            }

            return 0;
        });
        return command;
    }

    private static void Print(MaskStatistics statistics, AttentionForecast forecast, string problem)
    {
        var tiles = statistics.Tiles;
        List<(string Name, string Value)> rows =
        [
            ("queries x keys", $"{statistics.Extent.QueryLength} x {statistics.Extent.KeyLength}"),
            ("allowed pairs", $"{tiles.Allowed} of {tiles.Pairs} ({100 * tiles.Density:0.###} %)"),
            ("keys a query", $"{tiles.MinRowKeys} to {tiles.MaxRowKeys}"),
            ("queries without a key", $"{tiles.EmptyRows}"),
            ($"tiles of {tiles.Tile}", $"{tiles.Full} full, {tiles.Part} part, {tiles.Empty} empty ({100 * tiles.LoadShare:0.#} % loaded)"),
            ("tiles loaded a tile row", $"{tiles.MinRowTiles} to {tiles.MaxRowTiles}, longest {tiles.RowImbalance:0.##} x the mean"),
            .. statistics.Sizes.Where(s => s.Tile != tiles.Tile).Select(s => (
                $"  of {s.Tile}", $"{s.Full} full, {s.Part} part, {s.Empty} empty ({100 * s.LoadShare:0.#} % loaded), longest row {s.RowImbalance:0.##} x")),
            ($"attention, {problem}", $"{Scaled(forecast.UsefulFlops)}flop useful of {Scaled(forecast.TileFlops)}flop in tiles ({100 * forecast.TileEfficiency:0.#} %)"),
            ("  bytes moved", $"{Scaled(forecast.LeastBytes)}B at least, {Scaled(forecast.TileBytes)}B by tiles without a cache ({forecast.Intensity:0.#} flop a byte)"),
            ("rho: 16x16 tiles loaded", $"{statistics.LoadShare16:0.0000}"),
            ("tau: 1.2 / log2(S/16)^2", $"{statistics.PaperThreshold:0.0000}"),
            ("the paper's rule picks", statistics.PaperChoice == KernelKind.RowWise ? "row-wise (rho < tau)" : "block-wise (rho >= tau)"),
        ];
        var width = rows.Max(r => r.Name.Length);
        foreach (var (name, value) in rows)
        {
            Console.WriteLine($"{name.PadRight(width)}  {value}");
        }
    }

    /// <summary>A number with a decimal prefix: <c>1.23 G</c>.</summary>
    private static string Scaled(double value)
    {
        var prefixes = " kMGTP";
        var index = 0;
        for (; value >= 1000 && index < prefixes.Length - 1; index++)
        {
            value /= 1000;
        }

        return string.Create(CultureInfo.InvariantCulture, $"{value:0.##} {prefixes[index].ToString().Trim()}");
    }
}
