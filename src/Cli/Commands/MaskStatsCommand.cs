using System.CommandLine;
using Stof.Reference.Formats;

namespace Stof.Reference.Cli.Commands;

/// <summary><c>mask stats</c>: pairs, tiles, rows, and what the published kernel rule says.</summary>
internal static class MaskStatsCommand
{
    /// <summary>Creates the sub-command.</summary>
    public static Command Create()
    {
        var command = new Command("stats", "Count allowed pairs and tiles, and apply the published kernel rule.");
        var rectangle = new MaskRectangleOptions(command);
        var slices = new MaskSliceOptions(command);
        var json = new Option<bool>("--json") { Description = "print as JSON" };
        command.Options.Add(json);
        command.SetAction(result =>
        {
            var (batch, head) = slices.Read(result);
            var (pattern, bound) = rectangle.Bind(result, batch + 1, head + 1);
            var statistics = MaskStatistics.Of(bound, rectangle.TileOf(result), batch, head);
            if (result.GetValue(json))
            {
                Console.WriteLine(MaskReport.StatisticsJson(pattern, statistics));
            }
            else
            {
                Print(statistics);
            }

            return 0;
        });
        return command;
    }

    private static void Print(MaskStatistics statistics)
    {
        var tiles = statistics.Tiles;
        (string Name, string Value)[] rows =
        [
            ("queries x keys", $"{statistics.Extent.QueryLength} x {statistics.Extent.KeyLength}"),
            ("allowed pairs", $"{tiles.Allowed} of {tiles.Pairs} ({100 * tiles.Density:0.###} %)"),
            ("keys a query", $"{tiles.MinRowKeys} to {tiles.MaxRowKeys}"),
            ("queries without a key", $"{tiles.EmptyRows}"),
            ($"tiles of {statistics.Tile}", $"{tiles.Full} full, {tiles.Part} part, {tiles.Empty} empty"),
            ("tiles loaded", $"{100 * tiles.LoadShare:0.#} %"),
            ("tiles loaded a tile row", $"{tiles.MinRowTiles} to {tiles.MaxRowTiles}"),
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
}
