using Stof.Reference.Cuda.Ptx;
using Stof.Reference.Numerics;

namespace Stof.Reference.Cuda.Templates;

/// <summary>
/// How lanes share a row of F32, F16 or BF16: each takes <see cref="Elements"/> neighbours in one access, the widest that the row's length
/// keeps aligned, and comes back <see cref="Lanes"/>·<see cref="Elements"/> further on until the row is done.
/// </summary>
/// <param name="Type">Element type in memory; registers hold floats.</param>
/// <param name="Columns">Elements of a row; rows lie a multiple of this apart.</param>
/// <param name="Lanes">Lanes that share the row.</param>
/// <param name="Elements">Neighbours that a lane takes at once; a divisor of <paramref name="Columns"/>.</param>
internal readonly record struct RowAccess(DType Type, int Columns, int Lanes, int Elements)
{
    private const int WidestAccess = 16; // bytes

    /// <summary>Accesses of a lane.</summary>
    public int Chunks => (Columns + (Lanes * Elements) - 1) / (Lanes * Elements);

    /// <summary>Floats that a lane holds.</summary>
    public int Floats => Chunks * Elements;

    /// <summary>As many neighbours as the widest aligned access holds.</summary>
    public static RowAccess Of(DType type, int columns, int lanes) => new(type, columns, lanes, VectorElements(type, columns));

    /// <summary>Elements of the widest access to rows of a length.</summary>
    public static int VectorElements(DType type, int columns)
    {
        var bytes = columns * type.Size();
        return Math.Min(WidestAccess, bytes & -bytes) / type.Size();
    }

    /// <summary>Where a lane's accesses lie.</summary>
    /// <param name="builder">The kernel.</param>
    /// <param name="lane">The lane among those that share the row.</param>
    /// <returns>For each access whether it lies within the row (null where all lanes' do) and its distance from the row's start in bytes.</returns>
    public RowChunk[] Chart(KernelBuilder builder, B32 lane)
    {
        var chunks = new RowChunk[Chunks];
        var first = builder.MulLo(lane, Elements);
        for (var i = 0; i < chunks.Length; i++)
        {
            var start = i * Lanes * Elements;
            var isWhole = start + (Lanes * Elements) <= Columns;
            Pred? inside = isWhole ? null : builder.CompareU32(Comparison.Less, first, Columns - start);
            var offset = builder.MulLo(first, Type.Size());

            // Lanes beyond the end read the row's first elements and drop them: cheaper than a branch, and never outside.
            chunks[i] = inside is { } within
                ? new RowChunk(inside, builder.ExtendU32(builder.Select(within, builder.Add(offset, start * Type.Size()), 0)), 0)
                : new RowChunk(null, builder.ExtendU32(offset), start * Type.Size());
        }

        return chunks;
    }

    /// <summary>Loads a lane's part of a row as floats; zero beyond its end, and everywhere where a predicate is clear.</summary>
    public F32[] Load(KernelBuilder builder, GlobalPointer row, RowChunk[] chunks, Pred? isWanted = null)
    {
        var values = new F32[Floats];
        for (var i = 0; i < chunks.Length; i++)
        {
            var address = new GlobalPointer(builder.Add(row.Base, chunks[i].Distance), row.Offset + chunks[i].Offset);
            var wanted = (chunks[i].IsInside, isWanted) switch
            {
                ({ } inside, { } other) => builder.And(inside, other),
                var (inside, other) => inside ?? other,
            };
            LoadChunk(builder, address, wanted).CopyTo(values, i * Elements);
        }

        return values;
    }

    /// <summary>Stores a lane's part of a row, rounded to the type once.</summary>
    public void Store(KernelBuilder builder, GlobalPointer row, RowChunk[] chunks, F32[] values)
    {
        for (var i = 0; i < chunks.Length; i++)
        {
            var address = new GlobalPointer(builder.Add(row.Base, chunks[i].Distance), row.Offset + chunks[i].Offset);
            var part = values.AsSpan(i * Elements, Elements).ToArray();
            if (chunks[i].IsInside is { } inside)
            {
                using (builder.When(inside))
                {
                    StoreChunk(builder, address, part);
                }
            }
            else
            {
                StoreChunk(builder, address, part);
            }
        }
    }

    private F32[] LoadChunk(KernelBuilder builder, GlobalPointer address, Pred? wanted)
    {
        B32 Wanted(B32 word) => wanted is { } predicate ? builder.Select(predicate, word, 0) : word;
        var words = Elements * Type.Size() / sizeof(uint);
        if (words == 0)
        {
            // A row of odd length in 16 bits.
            return [Widened(builder, Type, Wanted(builder.Pack(builder.LoadGlobal<B16>(address), B16.Constant(0))))[0]];
        }

        var raw = new List<B32>();
        foreach (var (offset, count) in Pieces(words))
        {
            raw.AddRange(count == 1 ? [builder.LoadGlobal<B32>(address + offset)] : builder.LoadGlobalVector<B32>(address + offset, count));
        }

        var type = Type;
        return [.. raw.SelectMany(word => Widened(builder, type, Wanted(word)))];
    }

    private static F32[] Widened(KernelBuilder builder, DType type, B32 word)
    {
        switch (type)
        {
            case DType.F32:
                return [builder.FloatOf(word)];
            case DType.BF16:
                return [builder.FloatOf(builder.Shl(word, 16)), builder.FloatOf(builder.And(word, unchecked((int)0xffff0000)))];
            default:
                var (low, high) = builder.Unpack(word);
                return [builder.ConvertF16ToF32(low), builder.ConvertF16ToF32(high)];
        }
    }

    private void StoreChunk(KernelBuilder builder, GlobalPointer address, F32[] values)
    {
        if (Type != DType.F32 && values.Length == 1)
        {
            builder.StoreGlobal(address, Type == DType.F16 ? builder.ConvertF32ToF16(values[0]) : builder.ConvertF32ToBF16(values[0]));
            return;
        }

        var type = Type;
        B32[] words = Type == DType.F32
            ? [.. values.Select(value => builder.Bits(value))]
            : [.. values.Chunk(2).Select(pair => builder.PackPair(type, pair[0], pair[1]))];
        foreach (var (offset, count) in Pieces(words.Length))
        {
            var start = offset / sizeof(uint);
            if (count == 1)
            {
                builder.StoreGlobal(address + offset, words[start]);
            }
            else
            {
                builder.StoreGlobalVector<B32>(address + offset, words.AsSpan(start, count));
            }
        }
    }

    // Floats kept in the order of 16-bit rows are twice as wide as one access.
    private static IEnumerable<(int Offset, int Count)> Pieces(int words)
    {
        const int Widest = WidestAccess / sizeof(uint);
        for (var start = 0; start < words; start += Widest)
        {
            yield return (start * sizeof(uint), Math.Min(Widest, words - start));
        }
    }
}

/// <summary>One access of a lane to a row.</summary>
/// <param name="IsInside">Whether it lies within the row; null where it does in all lanes.</param>
/// <param name="Distance">Bytes from the row's start that differ by lane; 0 for lanes outside.</param>
/// <param name="Offset">Bytes that do not.</param>
internal readonly record struct RowChunk(Pred? IsInside, B64 Distance, int Offset);
