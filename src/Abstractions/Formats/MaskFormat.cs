using Stof.Reference.Masks;
using Stof.Reference.Tensors;

namespace Stof.Reference.Formats;

/// <summary>What a format can be told when a mask is written in it; a format ignores what it has no use for.</summary>
public sealed record MaskFormatOptions
{
    /// <summary>All defaults.</summary>
    public static MaskFormatOptions Default { get; } = new();

    /// <summary>Tile size of formats with tiles.</summary>
    public TileShape Tile { get; init; } = TileShape.Default;

    /// <summary>Bit order of formats that pack bits.</summary>
    public BitOrder BitOrder { get; init; } = BitOrder.Little;

    /// <summary>True or false for the forms with or without a causal flag only, where a format has both; null for the smallest that fits.</summary>
    public bool? Causal { get; init; }
}

/// <summary>One way to store a mask as named arrays.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Summary">What is stored, in a line.</param>
/// <param name="CannotHold">The masks that are refused; empty if there are none.</param>
/// <param name="Key">The array by which files of this format are known: no other format has one of this name.</param>
/// <param name="Arrays">All its arrays.</param>
/// <param name="Write">Writes a mask; throws <see cref="InvalidInputException"/> for one that the format cannot hold.</param>
/// <param name="Read">Reads and checks arrays; throws <see cref="InvalidInputException"/> where they break a rule.</param>
public sealed record MaskFormat(
    string Name,
    string Summary,
    string CannotHold,
    string Key,
    IReadOnlyList<string> Arrays,
    Func<BoundMask, MaskFormatOptions, Dictionary<string, HostTensor>> Write,
    Func<IReadOnlyDictionary<string, HostTensor>, BoundMask> Read);
