using Stof.Reference.Masks;
using Stof.Reference.Numerics;
using Stof.Reference.Tensors;

namespace Stof.Reference.Formats;

/// <summary>Reads the named arrays of one format and refuses what is missing, unknown, or of another dtype or shape.</summary>
internal sealed class ArrayReader
{
    /// <summary>Array [5], I32: Sq, Skv, batch, heads, and 0 bottom-right or 1 top-left.</summary>
    public const string Extent = "extent";

    /// <summary>Array [2], I32: batch items or 1, heads or 1.</summary>
    public const string SliceCounts = "slices";

    private readonly string _format;
    private readonly IReadOnlyDictionary<string, HostTensor> _arrays;
    private readonly IReadOnlyList<string> _names;

    /// <summary>Starts reading.</summary>
    /// <param name="format">What messages call the whole.</param>
    /// <param name="arrays">The arrays.</param>
    /// <param name="names">The names that the format has, all of them required.</param>
    /// <exception cref="InvalidInputException">An array has another name.</exception>
    public ArrayReader(string format, IReadOnlyDictionary<string, HostTensor> arrays, IReadOnlyList<string> names)
    {
        ArgumentNullException.ThrowIfNull(arrays);
        (_format, _arrays, _names) = (format, arrays, names);
        foreach (var name in arrays.Keys)
        {
            FormatRules.Require(names.Contains(name), format, $"unknown array '{name}'", string.Join(", ", names));
        }
    }

    /// <summary>The rectangle and its slices, from the arrays <see cref="Extent"/> and <see cref="SliceCounts"/>.</summary>
    public MaskSlices Slices()
    {
        var extent = Vector<int>(Extent, 5);
        var slices = Vector<int>(SliceCounts, 2);
        FormatRules.Require(extent[4] is 0 or 1, $"{Extent}[4]", extent[4], "0 for bottom-right or 1 for top-left");
        FormatRules.Require(slices[0] >= 1 && slices[1] >= 1, SliceCounts, $"{slices[0]}, {slices[1]}", "1 or more");
        return new MaskSlices(
            new MaskExtent(extent[0], extent[1], extent[2], extent[3], (PositionAlignment)extent[4]), slices[0], slices[1]).Validated();
    }

    /// <summary>The tile size, from an I32 array of two.</summary>
    public TileShape Tile(string name)
    {
        var sides = Vector<int>(name, 2);
        return new TileShape(sides[0], sides[1]).Validated(name);
    }

    /// <summary>One number in an I32 array of one, from 0 to <paramref name="largest"/>.</summary>
    public int Choice(string name, int largest, string meaning)
    {
        var value = Vector<int>(name, 1)[0];
        FormatRules.Require(value >= 0 && value <= largest, $"{name}[0]", value, meaning);
        return value;
    }

    /// <summary>A copy of an array of one dimension, of a given length if there is one.</summary>
    public T[] Vector<T>(string name, int? length = null)
        where T : unmanaged => Values<T>(name, length ?? -1);

    /// <summary>A copy of an array's elements, row-major.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="shape">The extents it must have; −1 where any will do.</param>
    public T[] Values<T>(string name, params ReadOnlySpan<int> shape)
        where T : unmanaged => Tensor<T>(name, shape).Span<T>().ToArray();

    /// <summary>As <see cref="Values{T}"/>, without the copy.</summary>
    public HostTensor Tensor<T>(string name, params ReadOnlySpan<int> shape)
        where T : unmanaged
    {
        if (!_arrays.TryGetValue(name, out var tensor))
        {
            throw FormatRules.Wrong(_format, $"no array '{name}'", string.Join(", ", _names));
        }

        var fits = tensor.Type == DTypes.Of<T>() && tensor.Rank == shape.Length;
        for (var axis = 0; fits && axis < shape.Length; axis++)
        {
            fits = shape[axis] < 0 || shape[axis] == tensor.Shape[axis];
        }

        return fits ? tensor : throw FormatRules.Wrong(
            name, tensor, $"{DTypes.Of<T>()}[{string.Join(", ", shape.ToArray().Select(e => e < 0 ? "n" : $"{e}"))}]");
    }
}

/// <summary>Makes the arrays that <see cref="ArrayReader"/> reads.</summary>
internal static class ArrayWriter
{
    /// <summary>The arrays that every format carries.</summary>
    public static Dictionary<string, HostTensor> Start(MaskSlices slices)
    {
        var extent = slices.Extent;
        return new Dictionary<string, HostTensor>
        {
            [ArrayReader.Extent] = Vector([extent.QueryLength, extent.KeyLength, extent.Batch, extent.Heads, (int)extent.Alignment]),
            [ArrayReader.SliceCounts] = Vector([slices.Batch, slices.Heads]),
        };
    }

    /// <summary>An array of one dimension.</summary>
    public static HostTensor Vector<T>(T[] values)
        where T : unmanaged => HostTensor.From(values, values.Length);
}
