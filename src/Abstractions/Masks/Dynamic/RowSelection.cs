using System.Runtime.InteropServices;
using Stof.Reference.Numerics;
using Stof.Reference.Tensors;

namespace Stof.Reference.Masks;

/// <summary>
/// What every query row selected: indices below a limit, [B or 1, H or 1, Sq, top]. A row ascends without repetition; −1 fills its end
/// where fewer were selected. Read as unsigned numbers, −1 is the largest, so that a whole row ascends and is searched as it is.
/// </summary>
internal sealed class RowSelection : IEquatable<RowSelection>
{
    private readonly int[] _indices;

    /// <summary>Checks and keeps the indices; the array is not copied.</summary>
    /// <param name="mask">The pattern's name, for messages.</param>
    /// <param name="shape">[B or 1, H or 1, Sq, Skv].</param>
    /// <param name="top">Places of a row.</param>
    /// <param name="limit">One past the largest index.</param>
    /// <param name="indices">The rows one after the other.</param>
    /// <exception cref="InvalidInputException">
    /// No batch item or head, another number of indices, or one that is out of range or does not ascend; the message gives its place.
    /// </exception>
    public RowSelection(string mask, ReadOnlySpan<int> shape, int top, int limit, int[] indices)
    {
        (Batch, Heads, Queries, Keys, Top) = (shape[0], shape[1], shape[2], shape[3], top);
        if (Batch < 1 || Heads < 1)
        {
            throw new InvalidInputException($"{mask} shape", HostTensor.Describe(shape), "1 or more batch items and heads");
        }

        var count = CountOf(mask, Batch, Heads, Queries, top);
        if (indices.Length != count)
        {
            throw new InvalidInputException(
                $"{mask} selected", $"{indices.Length} indices", $"{count}: {top} for each of {Batch}x{Heads}x{Queries} rows");
        }

        for (var i = 0; i < indices.Length; i++)
        {
            var index = indices[i];
            if (index < -1 || index >= limit)
            {
                throw new InvalidInputException(Place(mask, i), $"{index}", $"-1 to {limit - 1L}");
            }

            if (i % top > 0 && index >= 0 && (uint)index <= (uint)indices[i - 1])
            {
                throw new InvalidInputException(
                    Place(mask, i), $"{index} after {indices[i - 1]}", "indices that ascend without repetition, then -1 where there are fewer");
            }
        }

        _indices = indices;
    }

    /// <summary>Batch items, 1 where they share.</summary>
    public int Batch { get; }

    /// <summary>Heads, 1 where they share.</summary>
    public int Heads { get; }

    /// <summary>Sq.</summary>
    public int Queries { get; }

    /// <summary>Skv.</summary>
    public int Keys { get; }

    /// <summary>Places of a row.</summary>
    public int Top { get; }

    /// <summary>The lengths of the selection, and its batch items and heads where these differ.</summary>
    public MaskDemand Demand => new(Queries, Keys, Batch == 1 ? null : Batch, Heads == 1 ? null : Heads);

    /// <summary>All rows one after the other.</summary>
    public ReadOnlySpan<int> Indices => _indices;

    /// <summary>The shape as texts write it: SqxSkv, or BxHxSqxSkv where batch items or heads differ.</summary>
    public string ShapeText => Batch == 1 && Heads == 1 ? $"{Queries}x{Keys}" : $"{Batch}x{Heads}x{Queries}x{Keys}";

    /// <summary>What one query selected, ascending, unused places last.</summary>
    public ReadOnlySpan<uint> Row(int batch, int head, int query)
    {
        var row = ((((Batch == 1 ? 0 : batch) * Heads) + (Heads == 1 ? 0 : head)) * Queries) + query;
        return MemoryMarshal.Cast<int, uint>(_indices.AsSpan(row * Top, Top));
    }

    /// <summary>Place of the first entry that is not below <paramref name="index"/>, 0 or more.</summary>
    public static int FirstFrom(ReadOnlySpan<uint> row, long index)
    {
        var place = row.BinarySearch((uint)index);
        return place < 0 ? ~place : place;
    }

    /// <summary>Number of entries in [first, last], both 0 or more.</summary>
    public static int CountBetween(ReadOnlySpan<uint> row, long first, long last) =>
        first <= last ? FirstFrom(row, last + 1) - FirstFrom(row, first) : 0;

    /// <summary>Reads the parameters shape, top and selected; a selection of no entries at all leaves the last one out.</summary>
    /// <param name="arguments">The arguments.</param>
    /// <param name="mask">The pattern's name.</param>
    /// <param name="limitOf">One past the largest index, from the number of keys.</param>
    public static RowSelection From(MaskArguments arguments, string mask, Func<int, int> limitOf)
    {
        var shape = arguments.Shape("shape", 2, 4);
        shape = shape.Length == 2 ? [1, 1, .. shape] : shape;
        var top = arguments.Whole("top");
        var count = CountOf(mask, shape[0], shape[1], shape[2], top);
        int[] indices = arguments.Has("selected") ? arguments.PackedWholes("selected", count) : [];
        return new RowSelection(mask, shape, top, limitOf(shape[3]), indices);
    }

    /// <summary>Takes over indices that a kernel wrote, rows in any order.</summary>
    /// <param name="mask">The pattern's name.</param>
    /// <param name="selected">I32 [B or 1, H or 1, Sq, top].</param>
    /// <param name="keys">Skv.</param>
    /// <param name="limit">One past the largest index.</param>
    public static RowSelection From(string mask, HostTensor selected, int keys, int limit)
    {
        ArgumentNullException.ThrowIfNull(selected);
        if (selected.Type != DType.I32 || selected.Rank != 4)
        {
            throw new InvalidInputException($"{mask} selected", selected.ToString(), "I32 of [B or 1, H or 1, Sq, top]");
        }

        var indices = selected.Span<int>().ToArray();
        var top = selected.Shape[3];
        for (var start = 0; start < indices.Length; start += top)
        {
            MemoryMarshal.Cast<int, uint>(indices.AsSpan(start, top)).Sort();
        }

        return new RowSelection(mask, [.. selected.Shape[..3], keys], top, limit, indices);
    }

    /// <summary>Same shape and same indices.</summary>
    public bool Equals(RowSelection? other) =>
        other is not null && (Batch, Heads, Queries, Keys, Top) == (other.Batch, other.Heads, other.Queries, other.Keys, other.Top)
        && _indices.AsSpan().SequenceEqual(other._indices);

    /// <inheritdoc/>
    public override bool Equals(object? obj) => Equals(obj as RowSelection);

    /// <inheritdoc/>
    public override int GetHashCode()
    {
        var hash = default(HashCode);
        hash.Add((Batch, Heads, Queries, Keys, Top));
        hash.AddBytes(MemoryMarshal.AsBytes(_indices.AsSpan()));
        return hash.ToHashCode();
    }

    /// <summary>Entries of a selection.</summary>
    /// <exception cref="InvalidInputException">A row has a negative number of places, or the entries exceed 2 GiB.</exception>
    public static int CountOf(string mask, int batch, int heads, int queries, int top)
    {
        if (top < 0)
        {
            throw new InvalidInputException($"{mask} top", $"{top}", "0 or more");
        }

        var count = (Int128)batch * heads * queries * top;
        return count * sizeof(int) <= Array.MaxLength
            ? (int)count
            : throw new InvalidInputException($"{mask} selected", $"{top} for each of {batch}x{heads}x{queries} rows", "fewer than 2 GiB of indices");
    }

    private string Place(string mask, int i)
    {
        var (row, place) = Math.DivRem(i, Top);
        return $"{mask} selected[{row / Queries / Heads}, {row / Queries % Heads}, {row % Queries}, {place}]";
    }
}
