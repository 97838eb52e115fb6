using System.CommandLine;
using Stof.Reference.Formats;
using Stof.Reference.Interchange;
using Stof.Reference.Masks;

namespace Stof.Reference.Cli.Commands;

/// <summary><c>mask convert</c>: any mask to any format of <see cref="MaskFormats"/>, to JSON or to text.</summary>
internal static class MaskConvertCommand
{
    private const string Json = "json";
    private const string Text = "text";

    /// <summary>Creates the sub-command.</summary>
    public static Command Create()
    {
        var command = new Command("convert", "Convert a mask to one of the forms that 'mask formats' lists, to JSON or to text.");
        var rectangle = new MaskRectangleOptions(command);
        var target = new Option<string>("--to") { Description = "target form", Required = true };
        target.AcceptOnlyFromAmong([.. MaskFormats.Entries.Select(f => f.Name), Json, Text]);
        var output = new Option<string?>("--out")
        {
            Description = "file to write: .npz for arrays (or .npy for dense); json and text go to the terminal without it",
        };
        var batch = new Option<int>("--batch-size") { Description = "batch items of a mask that varies by item", DefaultValueFactory = _ => 1 };
        var heads = new Option<int>("--heads") { Description = "heads of a mask that varies by head", DefaultValueFactory = _ => 1 };
        var order = new Option<BitOrder?>("--bit-order") { Description = "first pair of a byte in its lowest bit or its highest; default little" };
        var causal = new Option<bool?>("--causal") { Description = "flashmask, cu_seqlens: forms with (true) or without (false) a causal flag only" };
        foreach (var option in new Option[] { target, output, batch, heads, order, causal })
        {
            command.Options.Add(option);
        }

        command.SetAction(result =>
        {
            var (to, path) = (result.GetValue(target)!, result.GetValue(output));
            if (to is Json or Text)
            {
                var pattern = MaskSource.Load(result.GetValue(rectangle.Mask)!);
                if (pattern is StoredPattern stored)
                {
                    pattern = DenseMask.From(stored.Mask.ToDense()); // the only text of a mask without a formula
                }

                WriteText(to == Json ? MaskJson.Print(pattern) : MaskText.Print(pattern), path);
                return 0;
            }

            var format = MaskFormats.Find(to);
            RefuseUnused(format, "--bit-order", result.GetValue(order) is not null, "bit_order");
            RefuseUnused(format, "--causal", result.GetValue(causal) is not null, "causal");
            var (_, bound) = rectangle.Bind(result, result.GetValue(batch), result.GetValue(heads));
            WriteArrays(bound, format, path ?? throw new InvalidInputException("--out", "not given", "a file to write"), new MaskFormatOptions
            {
                Tile = rectangle.TileOf(result),
                BitOrder = result.GetValue(order) ?? BitOrder.Little,
                Causal = result.GetValue(causal),
            });
            return 0;
        });
        return command;
    }

    private static void RefuseUnused(MaskFormat format, string option, bool given, string array)
    {
        if (given && !format.Arrays.Contains(array))
        {
            var users = MaskFormats.Entries.Where(f => f.Arrays.Contains(array)).Select(f => f.Name);
            throw new InvalidInputException(option, $"given for {format.Name}", $"it with {string.Join(" or ", users)} only");
        }
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

    private static void WriteArrays(BoundMask bound, MaskFormat format, string path, MaskFormatOptions options)
    {
        var dense = format.Key == DenseArrays.Mask;
        if (dense && path.EndsWith(".npy", StringComparison.OrdinalIgnoreCase))
        {
            NpyFile.Write(path, bound.ToDense());
            return;
        }

        if (!path.EndsWith(".npz", StringComparison.OrdinalIgnoreCase))
        {
            throw new InvalidInputException("--out", path, dense ? "a name in .npz or .npy" : "a name in .npz");
        }

        NpzArchive.Write(path, format.Write(bound, options));
    }
}
