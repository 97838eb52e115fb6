using Stof.Reference.Cli.Running;
using Stof.Reference.Formats;
using Stof.Reference.Interchange;
using Stof.Reference.Masks;

namespace Stof.Reference.Cli.Commands;

/// <summary>
/// Resolves what a user gives where a mask is expected: <c>m.npy</c> (Bool or U8), <c>m.npz</c> with the arrays of any of
/// <see cref="MaskFormats"/> or an array <c>mask</c>, <c>m.npz:key</c> (Bool or U8), <c>m.json</c>, or a mask text such as
/// <c>causal &amp; sliding(64)</c>.
/// </summary>
internal static class MaskSource
{
    /// <summary>Help text of an argument that is resolved here.</summary>
    public const string Help = "a mask text such as \"causal & sliding(64)\", or a file: .npy, .npz, .npz:key, .json";

    /// <summary>Resolves the argument.</summary>
    /// <exception cref="InvalidInputException">The file or the text is no mask.</exception>
    public static MaskPattern Load(string textOrPath)
    {
        ArgumentNullException.ThrowIfNull(textOrPath);
        if (textOrPath.EndsWith(".npy", StringComparison.OrdinalIgnoreCase))
        {
            return DenseMask.From(NpyFile.Read(textOrPath));
        }

        if (textOrPath.EndsWith(".json", StringComparison.OrdinalIgnoreCase))
        {
            return MaskJson.Parse(TextFile.Read(textOrPath));
        }

        var suffix = textOrPath.LastIndexOf(".npz", StringComparison.OrdinalIgnoreCase);
        if (suffix < 0)
        {
            return MaskText.Parse(textOrPath);
        }

        var (path, rest) = (textOrPath[..(suffix + 4)], textOrPath[(suffix + 4)..]);
        return rest.Length == 0 ? FromArchive(path)
            : rest[0] == ':' ? DenseMask.From(NpzArchive.Read(path, rest[1..]))
            : MaskText.Parse(textOrPath);
    }

    /// <summary>A mask's text, short enough for a line: a dense mask is named by its shape.</summary>
    public static string Title(MaskPattern pattern)
    {
        const int Longest = 120;
        var text = pattern is DenseMask dense ? $"dense({string.Join('x', dense.Shape.ToArray())})" : pattern.ToString();
        return text.Length <= Longest ? text : text[..(Longest - 3)] + "...";
    }

    /// <summary>
    /// The rectangle a mask is shown on: given lengths, or those that the mask demands; a stored mask also keeps its batch, heads and
    /// alignment. The batch and the heads reach as far as the item and the head that are asked for.
    /// </summary>
    /// <param name="pattern">The mask.</param>
    /// <param name="queries">Sq, or null for what the mask demands, or else Skv.</param>
    /// <param name="keys">Skv, or null for what the mask demands, or else Sq.</param>
    /// <param name="batch">Number of batch items that are needed.</param>
    /// <param name="heads">Number of heads that are needed.</param>
    /// <param name="alignment">How positions line up; null for a stored mask's own, else bottom-right.</param>
    /// <exception cref="InvalidInputException">No length is given, or the mask has fewer batch items or heads.</exception>
    public static MaskExtent Extent(
        MaskPattern pattern, int? queries, int? keys, int batch, int heads, PositionAlignment? alignment)
    {
        ArgumentNullException.ThrowIfNull(pattern);
        var demand = pattern.Demand;
        var stored = (pattern as StoredPattern)?.Mask.Extent;
        var (sq, skv) = (queries ?? demand.Queries, keys ?? demand.Keys);
        if ((sq ?? skv) is not { } either)
        {
            throw new InvalidInputException("--seq", "not given", "a number of queries");
        }

        RequireInside("--batch", batch, demand.Batch);
        RequireInside("--head", heads, demand.Heads);
        return new MaskExtent(
            sq ?? either,
            skv ?? either,
            demand.Batch ?? Math.Max(batch, stored?.Batch ?? 1),
            demand.Heads ?? Math.Max(heads, stored?.Heads ?? 1),
            alignment ?? stored?.Alignment ?? PositionAlignment.BottomRight).Validated();
    }

    private static void RequireInside(string option, int count, int? available)
    {
        if (count > available)
        {
            throw new InvalidInputException(option, $"{count} asked for", $"at most the {available} that the mask holds");
        }
    }

    private static MaskPattern FromArchive(string path)
    {
        var arrays = NpzArchive.Read(path);
        var format = MaskFormats.Detect(arrays) ?? throw new InvalidInputException(
            path, $"arrays {string.Join(", ", arrays.Keys.Take(20))}", $"'{DenseArrays.Mask}', the arrays of a format that 'mask formats' lists, or {path}:key");

        // A mask of bools among other arrays needs no rectangle: it has its shape.
        return format.Key == DenseArrays.Mask && !format.Arrays.All(arrays.ContainsKey)
            ? DenseMask.From(arrays[DenseArrays.Mask])
            : new StoredPattern(format.Read(arrays), format.Name);
    }
}
