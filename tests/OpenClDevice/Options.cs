using System.Globalization;
using Stof.Reference.Formats;
using Stof.Reference.Masks;

namespace Stof.Reference.OpenClDevice;

/// <summary>What the program was asked to do.</summary>
/// <param name="Device">Device as <c>--backend</c> names it; null for all that can be used.</param>
/// <param name="Parts">Parts to run: suite, extensions, agreement, speed, matrix, products.</param>
/// <param name="Stride">Of many random problems of the suite every so many.</param>
/// <param name="JsonFile">Where the results go as JSON, or null.</param>
internal sealed record Options(string? Device, IReadOnlySet<string> Parts, int Stride, string? JsonFile)
{
    public const string Usage =
        "usage: Stof.Reference.OpenClDevice [--device opencl[:P[:D]]] [--only suite,extensions,agreement,speed,matrix,products] [--stride N] [--json FILE]\n"
        + "       of suite: [--kernels \"matrix units\"]\n"
        + "       of matrix: [--shapes 1x1024,16x4096] [--masks sliding,causal] [--tilings all|64x64x2x16,64x32x2x16x2]";

    private static readonly string[] AllParts = ["suite", "extensions", "agreement", "speed", "matrix", "products"];
    private static readonly string[] AllMasks = [.. PaperMasks.At(1).Select(mask => mask.Name)];

    /// <summary>The kind of kernels that the suite runs with; null for all.</summary>
    public string? Kernels { get; init; }

    /// <summary>Batches and lengths of the part on matrix units: the paper's sweep.</summary>
    public IReadOnlyList<(int Batch, int Length)> Shapes { get; init; } =
        [.. from batch in (int[])[1, 8, 16] from length in (int[])[128, 256, 512, 1024, 2048, 4096] select (batch, length)];

    /// <summary>Its masks.</summary>
    public IReadOnlySet<string> Masks { get; init; } = AllMasks.Where(mask => mask != "dense").ToHashSet();

    /// <summary>Tilings that it measures beside the chosen one.</summary>
    public IReadOnlyList<BlockwiseTiling> Tilings { get; init; } = [];

    /// <summary>Reads the arguments; null with the mistake.</summary>
    public static (Options? Options, string Mistake) Parse(string[] arguments)
    {
        var options = new Options(null, AllParts.ToHashSet(), 1, null);
        for (var i = 0; i < arguments.Length; i += 2)
        {
            if (i + 1 >= arguments.Length)
            {
                return (null, $"{arguments[i]} needs a value");
            }

            var value = arguments[i + 1];
            switch (arguments[i])
            {
                case "--device":
                    options = options with { Device = value };
                    break;
                case "--only" when value.Split(',').All(AllParts.Contains):
                    options = options with { Parts = value.Split(',').ToHashSet() };
                    break;
                case "--stride" when int.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out var stride) && stride > 0:
                    options = options with { Stride = stride };
                    break;
                case "--kernels":
                    options = options with { Kernels = value };
                    break;
                case "--shapes" when Numbers(value, 2, 2) is { } shapes:
                    options = options with { Shapes = [.. shapes.Select(shape => (shape[0], shape[1]))] };
                    break;
                case "--masks" when value.Split(',').All(AllMasks.Contains):
                    options = options with { Masks = value.Split(',').ToHashSet() };
                    break;
                case "--tilings" when value == "all":
                    options = options with { Tilings = BlockwiseTiling.Space };
                    break;
                case "--tilings" when Numbers(value, 4, 5) is { } tilings:
                    options = options with { Tilings = [.. tilings.Select(tiling => new BlockwiseTiling(tiling[0], tiling[1], tiling[2], tiling[3], tiling.Length > 4 ? tiling[4] : 1))] };
                    break;
                case "--json":
                    options = options with { JsonFile = value };
                    break;
                default:
                    return (null, $"{arguments[i]} {value}");
            }
        }

        return (options, "");
    }

    // "1x2,3x4"; null if it has another form.
    private static int[][]? Numbers(string text, int least, int most)
    {
        var rows = text.Split(',').Select(row => row.Split('x')).ToArray();
        var isGood = rows.All(row => row.Length >= least && row.Length <= most && row.All(number => int.TryParse(number, NumberStyles.None, CultureInfo.InvariantCulture, out var value) && value > 0));
        return isGood ? [.. rows.Select(row => row.Select(number => int.Parse(number, CultureInfo.InvariantCulture)).ToArray())] : null;
    }
}
