using System.Buffers.Text;
using System.Runtime.InteropServices;
using Stof.Reference.Numerics;
using Stof.Reference.Tensors;

namespace Stof.Reference.Masks;

/// <summary>
/// A mask given bit by bit for one size, [Sq, Skv] or [B or 1, H or 1, Sq, Skv]; extents of 1 in the first two places are shared
/// by all items or heads. The importer for masks that no formula describes: it costs Sq·Skv bits.
/// <para>
/// Text form: <c>dense(shape=4x4,bits=AQMHDw)</c>, the bits in base64url without padding, rows of ⌈Skv/8⌉ bytes, bit k mod 8 of
/// byte k/8 for key k; a mask that varies by batch item or head has a shape of four extents.
/// </para>
/// </summary>
public sealed record DenseMask : NamedMask
{
    /// <summary>The catalogue's entry.</summary>
    public static MaskEntry Entry { get; } = new()
    {
        Name = "dense",
        Formula = "bit k of row q",
        Summary = "A mask given bit by bit, for one size: `SqxSkv`, or `BxHxSqxSkv` with 1 where batch items or heads share. The bits are base64url without "
            + "padding: rows of whole bytes, bit k mod 8 of byte k/8 for key k. Usually it comes from a file: wherever a mask is expected the tool takes "
            + "`m.npy` (bool or uint8), `m.npz:key` or `m.json`.",
        Parameters =
        [
            MaskParameter.Word("shape", "SqxSkv or BxHxSqxSkv"),
            MaskParameter.Word("bits", "base64url of rows of whole bytes, least significant bit first; left out if there are none", optional: true),
        ],
        Create = From,
        Examples = ["dense(shape=4x4,bits=AQMHDw)", "dense(shape=2x1x3x9,bits=AQEDAQcAAAAAAP8B)", "dense(0x5)"],
        Sample = new("dense(shape=8x8,bits=ABhmgYFmGAA)"),
    };

    private readonly int[] _shape;
    private readonly ulong[] _words;

    private DenseMask(int[] shape, ulong[] words)
    {
        _shape = shape;
        _words = words;
    }

    /// <summary>[B or 1, H or 1, Sq, Skv].</summary>
    public ReadOnlySpan<int> Shape => _shape;

    /// <inheritdoc/>
    public override string Name => "dense";

    /// <inheritdoc/>
    public override IReadOnlyList<MaskParameterValue> Arguments
    {
        get
        {
            var shape = new MaskParameterValue("shape", string.Join('x', _shape[0] == 1 && _shape[1] == 1 ? _shape[2..] : _shape));
            return _words.Length == 0 ? [shape] : [shape, new("bits", Base64Url.EncodeToString(ToBytes()))];
        }
    }

    /// <inheritdoc/>
    public override MaskDemand Demand =>
        new(_shape[2], _shape[3], _shape[0] == 1 ? null : _shape[0], _shape[1] == 1 ? null : _shape[1]);

    private int WordsPerRow => WordsFor(_shape[3]);

    /// <summary>Imports a tensor; what is not 0 is allowed.</summary>
    /// <param name="tensor">Bool or U8, [Sq, Skv], [B, Sq, Skv] (shared by the heads) or [B or 1, H or 1, Sq, Skv].</param>
    /// <exception cref="InvalidInputException">Another dtype or rank.</exception>
    public static DenseMask From(HostTensor tensor)
    {
        ArgumentNullException.ThrowIfNull(tensor);
        if (tensor.Type is not (DType.Bool or DType.U8) || tensor.Rank is < 2 or > 4)
        {
            throw new InvalidInputException("dense mask", tensor.ToString(), "Bool or U8 of [Sq, Skv], [B, Sq, Skv] or [B, H, Sq, Skv]");
        }

        int[] shape = tensor.Rank switch
        {
            2 => [1, 1, .. tensor.Shape],
            3 => [tensor.Shape[0], 1, .. tensor.Shape[1..]],
            _ => tensor.Shape.ToArray(),
        };
        var words = Allocate(shape);
        var perRow = WordsFor(shape[3]);
        ReadOnlySpan<byte> bytes = tensor.Bytes;
        for (var word = 0; word < words.Length; word++)
        {
            var (row, inRow) = Math.DivRem(word, perRow);
            var start = inRow * BoundMask.RowBits;
            words[word] = PackedBits.Pack(
                bytes.Slice((row * shape[3]) + start, Math.Min(BoundMask.RowBits, shape[3] - start)));
        }

        return new DenseMask(shape, words);
    }

    /// <inheritdoc/>
    public override BoundMask Bind(MaskExtent extent)
    {
        ArgumentNullException.ThrowIfNull(extent);
        var fits = (_shape[0] == 1 || _shape[0] == extent.Batch)
            && (_shape[1] == 1 || _shape[1] == extent.Heads)
            && _shape[2] == extent.QueryLength
            && _shape[3] == extent.KeyLength;
        return fits ? new Bound(extent, this) : throw new InvalidInputException(
            "dense mask",
            $"shape {HostTensor.Describe(_shape)}",
            $"[{extent.Batch} or 1, {extent.Heads} or 1, {extent.QueryLength}, {extent.KeyLength}]");
    }

    /// <summary>Same shape and same bits.</summary>
    public bool Equals(DenseMask? other) =>
        other is not null && _shape.AsSpan().SequenceEqual(other._shape) && _words.AsSpan().SequenceEqual(other._words);

    /// <inheritdoc/>
    public override int GetHashCode()
    {
        var hash = default(HashCode);
        hash.AddBytes(MemoryMarshal.AsBytes(_shape.AsSpan()));
        hash.AddBytes(MemoryMarshal.AsBytes(_words.AsSpan()));
        return hash.ToHashCode();
    }

    /// <summary>Reads the text form's arguments.</summary>
    internal static DenseMask From(MaskArguments arguments)
    {
        var shape = arguments.Shape("shape", 2, 4);
        if (shape.Length == 2)
        {
            shape = [1, 1, .. shape];
        }

        if (shape[0] < 1 || shape[1] < 1)
        {
            throw new InvalidInputException("dense shape", HostTensor.Describe(shape), "1 or more batch items and heads");
        }

        var words = Allocate(shape);
        byte[] bytes = arguments.Has("bits") ? arguments.Bytes("bits") : [];
        var stride = (shape[3] + 7) / 8;
        var rows = (long)shape[0] * shape[1] * shape[2];
        if (bytes.LongLength != rows * stride)
        {
            throw new InvalidInputException("dense bits", $"{bytes.Length} bytes", $"{rows * stride} for shape {HostTensor.Describe(shape)}");
        }

        var target = MemoryMarshal.AsBytes(words.AsSpan());
        for (var row = 0; row < rows; row++)
        {
            bytes.AsSpan(row * stride, stride).CopyTo(target[(row * WordsFor(shape[3]) * sizeof(ulong))..]);
            if (shape[3] % 8 != 0 && bytes[((row + 1) * stride) - 1] >> (shape[3] % 8) != 0)
            {
                throw new InvalidInputException("dense bits", $"a bit past key {shape[3] - 1} in row {row}", "zeros there");
            }
        }

        return new DenseMask(shape, words);
    }

    private static int WordsFor(int keys) => (int)(((long)keys + BoundMask.RowBits - 1) / BoundMask.RowBits);

    private static ulong[] Allocate(int[] shape)
    {
        var words = (Int128)shape[0] * shape[1] * shape[2] * WordsFor(shape[3]);
        return words * sizeof(ulong) <= Array.MaxLength
            ? new ulong[(int)words]
            : throw new InvalidInputException("dense mask", $"shape {HostTensor.Describe(shape)}", "fewer than 2 GiB of bits");
    }

    private byte[] ToBytes()
    {
        var stride = (_shape[3] + 7) / 8;
        var bytes = new byte[_shape[0] * _shape[1] * _shape[2] * stride];
        var words = MemoryMarshal.AsBytes(_words.AsSpan());
        for (var (row, start) = (0, 0); start < bytes.Length; row++, start += stride)
        {
            words.Slice(row * WordsPerRow * sizeof(ulong), stride).CopyTo(bytes.AsSpan(start));
        }

        return bytes;
    }

    private sealed class Bound(MaskExtent extent, DenseMask mask) : BoundMask(extent)
    {
        private readonly ulong[] _words = mask._words;
        private readonly int _wordsPerRow = mask.WordsPerRow;
        private readonly int _batchItems = mask._shape[0];
        private readonly int _heads = mask._shape[1];

        public override bool VariesByBatch => _batchItems > 1;

        public override bool VariesByHead => _heads > 1;

        public override bool Allows(int batch, int head, int query, int key) =>
            ((Row(batch, head, query)[key / RowBits] >> (key % RowBits)) & 1) != 0;

        public override TileClass Classify(int batch, int head, MaskRect rect) => ClassifyByLooking(batch, head, rect);

        public override ulong Row64(int batch, int head, int query, int keyStart)
        {
            var row = Row(batch, head, query);
            var (word, shift) = (keyStart / RowBits, keyStart % RowBits);
            var bits = row[word] >> shift;
            return shift == 0 || word + 1 == row.Length ? bits : bits | (row[word + 1] << (RowBits - shift));
        }

        private ReadOnlySpan<ulong> Row(int batch, int head, int query)
        {
            var row = ((((_batchItems == 1 ? 0 : batch) * _heads) + (_heads == 1 ? 0 : head)) * Extent.QueryLength) + query;
            return _words.AsSpan(row * _wordsPerRow, _wordsPerRow);
        }
    }
}
