using System.CommandLine;
using Spectre.Console;
using Stof.Reference.Cli.Rendering;
using Stof.Reference.Formats;
using Stof.Reference.Masks;

namespace Stof.Reference.Cli.Commands;

/// <summary><c>mask show</c>: the tiles in characters, or every pair as a picture.</summary>
internal static class MaskShowCommand
{
    /// <summary>Creates the sub-command.</summary>
    public static Command Create()
    {
        var command = new Command("show", "Draw a mask's tiles in the terminal or its pairs as a PNG picture.");
        var rectangle = new MaskRectangleOptions(command);
        var slices = new MaskSliceOptions(command);
        var png = new Option<string?>("--png") { Description = "write a picture of every pair to this file" };
        var json = new Option<bool>("--json") { Description = "print the tiles as JSON" };
        command.Options.Add(png);
        command.Options.Add(json);
        command.SetAction(result =>
        {
            var (batch, head) = slices.Read(result);
            var (pattern, bound) = rectangle.Bind(result, batch + 1, head + 1);
            var mask = BlockMaskBuilder.Build(bound, rectangle.TileOf(result));
            var slice = mask.Slice(batch, head);
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
                PngWriter.Write(path, MaskImage.Draw(mask, slice, MaskSource.Title(pattern)));
            }

            return 0;
        });
        return command;
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
