using Stof.Reference.Numerics;
using Stof.Reference.Tensors;

namespace Stof.Reference.Unit.Tests.Numerics;

public class HostTensorTests
{
    [Fact]
    public unsafe void Storage_is_aligned_to_a_cache_line_and_zeroed()
    {
        for (var count = 0; count < 200; count++)
        {
            var tensor = HostTensor.Zeros(DType.F32, count);
            Assert.Equal(0, (long)tensor.Address % 64);
            Assert.Equal(count, tensor.Span<float>().Length);
            Assert.Equal(-1, tensor.Bytes.IndexOfAnyExcept((byte)0));
        }
    }

    [Fact]
    public void Views_alias_the_storage_and_reshapes_do_not()
    {
        var tensor = HostTensor.From([1f, 2f, 3f, 4f, 5f, 6f], 2, 3);
        tensor.TensorSpan<float>()[1, 2] = 9;
        Assert.Equal(9f, tensor.Span<float>()[5]);
        var reshaped = tensor.Reshaped(3, 2);
        reshaped.Span<float>()[0] = 7;
        Assert.Equal(1f, tensor.Span<float>()[0]);
        Assert.True(reshaped.HasShape(3, 2));
        Assert.Equal("F32[3, 2]", reshaped.ToString());
    }

    [Fact]
    public void A_scalar_has_one_element_and_no_axis()
    {
        var scalar = HostTensor.From([5L]);
        Assert.Equal((0, 1), (scalar.Rank, scalar.Count));
        Assert.Equal("I64[]", scalar.ToString());
    }

    [Theory]
    [InlineData(DType.U8, int.MaxValue, 1)]
    [InlineData(DType.F32, 1 << 29, 1)]
    [InlineData(DType.F64, 65536, 65536)]
    [InlineData(DType.F16, int.MaxValue, int.MaxValue)]
    public void Two_GiB_and_more_are_refused(DType type, int rows, int columns)
    {
        var refusal = Assert.Throws<InvalidInputException>(() => HostTensor.Zeros(type, rows, columns));
        Assert.Contains("2 GiB", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Products_that_overflow_every_integer_are_refused()
    {
        Assert.Throws<InvalidInputException>(() => HostTensor.Uninitialized(DType.U8, 1 << 30, 1 << 30, 1 << 30, 16));
        Assert.Throws<InvalidInputException>(() => HostTensor.Uninitialized(DType.F64, 1 << 16, 1 << 16, 1 << 16, 1 << 16));
    }

    [Fact]
    public void Wrong_extents_counts_and_types_are_refused()
    {
        Assert.Throws<InvalidInputException>(() => HostTensor.Zeros(DType.F32, 2, -1));
        Assert.Throws<InvalidInputException>(() => HostTensor.From([1f, 2f], 3));
        Assert.Throws<InvalidInputException>(() => HostTensor.Zeros(DType.F32, 2).Reshaped(3));
        Assert.Throws<InvalidOperationException>(() => HostTensor.Zeros(DType.F32, 2).Span<double>().Length);
    }

    [Fact]
    public void Dtypes_know_their_size_name_and_roundoff()
    {
        foreach (var type in Enum.GetValues<DType>())
        {
            Assert.Equal(type, DTypes.Parse(type.ToString().ToLowerInvariant()));
            Assert.Equal(type.Size() * 3, HostTensor.Zeros(type, 3).Bytes.Length);
        }

        Assert.Equal(Math.ScaleB(1, -24), DType.F32.UnitRoundoff());
        Assert.Equal(Math.ScaleB(1, -150), DType.F32.HalfSubnormal());
        Assert.Equal(Math.ScaleB(1, -25), DType.F16.HalfSubnormal());
        Assert.Equal(Math.ScaleB(1, -134), DType.BF16.HalfSubnormal());
        Assert.Throws<InvalidInputException>(() => DTypes.Parse("3"));
        Assert.Throws<InvalidInputException>(() => DTypes.Parse("f8"));
        Assert.Throws<InvalidInputException>(() => DTypes.Parse(""));
    }
}
