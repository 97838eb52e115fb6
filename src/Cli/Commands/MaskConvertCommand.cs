using System.CommandLine;
using Stof.Reference.Formats;
using Stof.Reference.Interchange;
using Stof.Reference.Masks;
using Stof.Reference.Tensors;

namespace Stof.Reference.Cli.Commands;

/// <summary><c>mask convert</c>: any mask to tile lists, dense bits, row lists, JSON or text.</summary>
internal static class MaskConvertCommand
{
    /// <summary>Creates the sub-command.</summary>
    public static Command Create()
    {
        var command = new Command("convert", "Convert a mask to tile lists, dense bits, row lists, JSON or text.");
        var rectangle = new MaskRectangleOptions(command);
        var target = new Option<string>("--to") { Description = "target form", Required = true };
        target.AcceptOnlyFromAmong("tiles", "dense", "rows", "json", "text");
        var output = new Option<string?>("--out")
        {
            Description = "file to write: .npz for arrays (or .npy for dense); json and text go to the terminal without it",
        };
        var batch = new Option<int>("--batch-size") { Description = "batch items of a mask that varies by item", DefaultValueFactory = _ => 1 };
        var heads = new Option<int>("--heads") { Description = "heads of a mask that varies by head", DefaultValueFactory = _ => 1 };
        command.Options.Add(target);
        command.Options.Add(output);
        command.Options.Add(batch);
        command.Options.Add(heads);
        command.SetAction(result =>
        {
            var (to, path) = (result.GetValue(target)!, result.GetValue(output));
            if (to is "json" or "text")
            {
                var pattern = MaskSource.Load(result.GetValue(rectangle.Mask)!);
                WriteText(to == "json" ? MaskJson.Print(pattern) : MaskText.Print(pattern), path);
                return 0;
            }

            var (_, bound) = rectangle.Bind(result, result.GetValue(batch), result.GetValue(heads));
            WriteArrays(bound, to, rectangle.TileOf(result), path ?? throw new InvalidInputException("--out", "not given", "a file to write"));
            return 0;
        });
        return command;
    }

    private static void WriteText(string text, string? path)
    {
        if (path is null)
        {
            Console.WriteLine(text);
        }
        else
        {
            AtomicFile.WriteText(path, text + "\n");
        }
    }

    private static void WriteArrays(BoundMask bound, string to, TileShape tile, string path)
    {
        if (to == "dense" && path.EndsWith(".npy", StringComparison.OrdinalIgnoreCase))
        {
            NpyFile.Write(path, bound.ToDense());
            return;
        }

        if (!path.EndsWith(".npz", StringComparison.OrdinalIgnoreCase))
        {
            throw new InvalidInputException("--out", path, to == "dense" ? "a name in .npz or .npy" : "a name in .npz");
        }

        NpzArchive.Write(path, to switch
        {
            "tiles" => BlockMaskBuilder.Build(bound, tile).ToArrays(),
            "rows" => RowLists.Build(bound).ToArrays(),
            _ => new Dictionary<string, HostTensor> { ["mask"] = bound.ToDense() },
        });
    }
}
