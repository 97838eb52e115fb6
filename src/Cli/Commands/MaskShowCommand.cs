using System.CommandLine;
using System.Globalization;
using Spectre.Console;
using Stof.Reference.Cli.Rendering;
using Stof.Reference.Formats;
using Stof.Reference.Interchange;
using Stof.Reference.Masks;

namespace Stof.Reference.Cli.Commands;

/// <summary><c>mask show</c>: the tiles in characters, or every pair as a picture.</summary>
internal static class MaskShowCommand
{
    private const int MostPanels = 64;

    /// <summary>Creates the sub-command.</summary>
    public static Command Create()
    {
        var command = new Command("show", "Draw a mask's tiles in the terminal, or its pairs as a PNG or SVG picture.");
        var rectangle = new MaskRectangleOptions(command);
        var slices = new MaskSliceOptions(command);
        var png = new Option<string?>("--png") { Description = "write a picture of every pair to this file" };
        var svg = new Option<string?>("--svg") { Description = "write the same picture as scalable graphics" };
        var queries = new Option<string?>("--zoom-queries") { Description = "show these queries only in pictures, such as 0..64" };
        var keys = new Option<string?>("--zoom-keys") { Description = "show these keys only in pictures, such as 100..200" };
        var grid = new Option<bool>("--grid") { Description = "one panel a batch item and head in pictures, as far as --batch and --head say" };
        var json = new Option<bool>("--json") { Description = "print the tiles as JSON" };
        foreach (var option in new Option[] { png, svg, queries, keys, grid, json })
        {
            command.Options.Add(option);
        }

        command.SetAction(result =>
        {
            var (batch, head) = slices.Read(result);
            var (pattern, bound) = rectangle.Bind(result, batch + 1, head + 1);
            var mask = BlockMaskBuilder.Build(bound, rectangle.TileOf(result));
            var slice = mask.Slice(batch, head);
            var picture = MaskPicture.Of(mask, slice, MaskSource.Title(pattern));
            picture = picture with
            {
                Slices = result.GetValue(grid) ? Panels(mask) : picture.Slices,
                Window = Window(picture.Window, result.GetValue(queries), result.GetValue(keys)),
            };
            if (result.GetValue(json))
            {
                Console.WriteLine(MaskReport.TilesJson(pattern, mask, slice));
            }
            else
            {
                Print(pattern, mask, slice);
            }

            if (result.GetValue(png) is { } path)
            {
                PngWriter.Write(path, MaskImage.Draw(picture));
            }

            if (result.GetValue(svg) is { } vector)
            {
                AtomicFile.WriteText(vector, MaskSvg.Draw(picture));
            }

            return 0;
        });
        return command;
    }

    private static int[] Panels(BlockMask mask) => mask.Slices <= MostPanels
        ? [.. Enumerable.Range(0, mask.Slices)]
        : throw new InvalidInputException("--grid", $"{mask.Slices} batch items and heads", $"at most {MostPanels} panels");

    private static MaskRect Window(MaskRect whole, string? queries, string? keys)
    {
        var (queryStart, queryEnd) = Interval("--zoom-queries", queries, whole.QueryEnd);
        var (keyStart, keyEnd) = Interval("--zoom-keys", keys, whole.KeyEnd);
        return new MaskRect(queryStart, queryEnd, keyStart, keyEnd);
    }

    private static (int Start, int End) Interval(string option, string? text, int length)
    {
        if (text is null)
        {
            return (0, length);
        }

        var ends = text.Split("..");
        return ends.Length == 2
            && int.TryParse(ends[0], NumberStyles.None, CultureInfo.InvariantCulture, out var start)
            && int.TryParse(ends[1], NumberStyles.None, CultureInfo.InvariantCulture, out var end)
            && start < end && end <= length
            ? (start, end)
            : throw new InvalidInputException(option, text, $"first..end, such as 0..64, with an end of at most {length}");
    }

    private static void Print(MaskPattern pattern, BlockMask mask, int slice)
    {
        var counts = TileCounts.Of(mask, slice);
        Console.WriteLine(MaskSource.Title(pattern));
        Console.WriteLine(
            $"{mask.Extent.QueryLength} x {mask.Extent.KeyLength}, tile {mask.Tile}: {100 * counts.Density:0.##} % allowed, tiles {counts.Full} full, {counts.Part} part, {counts.Empty} empty");
        var picture = BlockMaskPicture.Draw(mask, slice);
        if (Console.IsOutputRedirected)
        {
            Console.Write(picture);
            return;
        }

        // The colours of the PNG; without colours the characters alone tell the classes apart.
        AnsiConsole.Markup(picture.Replace("██", "[steelblue]██[/]").Replace("░░", "[darkorange]░░[/]"));
        AnsiConsole.MarkupLine("[steelblue]██[/] full  [darkorange]░░[/] part");
    }
}
