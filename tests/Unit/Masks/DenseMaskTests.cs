using Stof.Reference.Masks;
using Stof.Reference.Numerics;
using Stof.Reference.Tensors;

namespace Stof.Reference.Unit.Tests.Masks;

public sealed class DenseMaskTests
{
    [Theory]
    [InlineData(1, 1)]
    [InlineData(3, 63)]
    [InlineData(3, 64)]
    [InlineData(5, 65)]
    [InlineData(7, 200)]
    public void Every_byte_becomes_its_bit(int queries, int keys)
    {
        const int Seed = 5;
        var random = new Random(Seed);
        var tensor = HostTensor.Zeros(DType.U8, 2, 3, queries, keys);
        foreach (ref var value in tensor.Span<byte>())
        {
            value = (byte)(random.Next(3) == 0 ? random.Next(256) : 0);
        }

        var mask = DenseMask.From(tensor).Bind(new MaskExtent(queries, keys, 2, 3));
        Assert.True(mask.VariesByBatch && mask.VariesByHead);
        for (var i = 0; i < tensor.Count; i++)
        {
            var (rest, key) = Math.DivRem(i, keys);
            var (slice, query) = Math.DivRem(rest, queries);
            Assert.True((tensor.Span<byte>()[i] != 0) == mask.Allows(slice / 3, slice % 3, query, key), $"element {i}, seed {Seed}");
        }
    }

    [Fact]
    public void A_matrix_is_shared_and_a_stack_of_matrices_goes_by_batch_item()
    {
        var matrix = DenseMask.From(HostTensor.From([true, false, true, true], 2, 2));
        var bound = matrix.Bind(new MaskExtent(2, 2, 4, 5));
        Assert.False(bound.VariesByBatch || bound.VariesByHead);
        Assert.True(bound.Allows(3, 4, 1, 0));
        var stack = DenseMask.From(HostTensor.From([true, false, true, true, false, true, false, false], 2, 2, 2)).Bind(new MaskExtent(2, 2, 2, 5));
        Assert.True(stack.VariesByBatch);
        Assert.False(stack.VariesByHead);
        Assert.True(stack.Allows(1, 4, 0, 1));
        Assert.False(stack.Allows(1, 4, 0, 0));
    }

    [Fact]
    public void Equality_is_that_of_shape_and_bits()
    {
        var a = DenseMask.From(HostTensor.From([true, false, true, true], 2, 2));
        var b = DenseMask.From(HostTensor.From<byte>([9, 0, 1, 255], 2, 2));
        var c = DenseMask.From(HostTensor.From([true, false, true, true], 1, 4));
        Assert.Equal(a, b);
        Assert.NotEqual(a, c);
        Assert.NotEqual(a, DenseMask.From(HostTensor.From([true, true, true, true], 2, 2)));
    }

    [Fact]
    public void Other_sizes_dtypes_and_ranks_are_refused()
    {
        var mask = DenseMask.From(HostTensor.Zeros(DType.Bool, 2, 1, 3, 4));
        Assert.Contains("[2, 1, 3, 4]", Assert.Throws<InvalidInputException>(() => mask.Bind(new MaskExtent(3, 5, 2))).Message);
        Assert.Throws<InvalidInputException>(() => mask.Bind(new MaskExtent(4, 4, 2)));
        Assert.Throws<InvalidInputException>(() => mask.Bind(new MaskExtent(3, 4, 3)));
        Assert.Throws<InvalidInputException>(() => DenseMask.From(HostTensor.Zeros(DType.F32, 3, 4)));
        Assert.Throws<InvalidInputException>(() => DenseMask.From(HostTensor.Zeros(DType.Bool, 12)));
        Assert.Throws<InvalidInputException>(() => DenseMask.From(HostTensor.Zeros(DType.Bool, 1, 1, 1, 3, 4)));
    }

    [Fact]
    public void Packing_and_unpacking_are_inverse_at_every_length()
    {
        const int Seed = 6;
        var random = new Random(Seed);
        Span<byte> bytes = stackalloc byte[64];
        for (var length = 0; length <= 64; length++)
        {
            var bits = (ulong)random.NextInt64(long.MinValue, long.MaxValue) & (length == 64 ? ulong.MaxValue : (1UL << length) - 1);
            bytes.Fill(0xEE);
            PackedBits.Unpack(bits, bytes[..length]);
            Assert.Equal(bits, PackedBits.Pack(bytes[..length]));
            for (var i = 0; i < 64; i++)
            {
                Assert.Equal(i < length ? (byte)((bits >> i) & 1) : (byte)0xEE, bytes[i]);
            }
        }
    }
}
