using Stof.Reference.Numerics;
using Stof.Reference.Tensors;

namespace Stof.Reference.Unit.Tests.Numerics;

public class ErrorMetricsTests
{
    [Fact]
    public void Equal_tensors_have_no_error()
    {
        var metrics = ErrorMetrics.Compare([1.0, -2.0, 0.0], HostTensor.From([1f, -2f, -0f], 3));
        Assert.Equal((0.0, 0.0, (UInt128)0), (metrics.RelativeFrobenius, metrics.MaxAbsolute, metrics.MaxUlp));
        Assert.Equal(3, metrics.UlpHistogram[0]);
        Assert.Equal(default, metrics.NonFinite);
    }

    [Fact]
    public void The_Frobenius_error_is_a_ratio_of_norms()
    {
        var metrics = ErrorMetrics.Compare([3.0, 4.0, 0.0, 0.0], HostTensor.From([3.0, 4.0, 0.3, 0.4], 4), rowLength: 2);
        Assert.Equal(0.1, metrics.RelativeFrobenius, 15);
        Assert.Equal(0.4, metrics.MaxAbsolute);
        Assert.Equal(3, metrics.MaxAbsoluteIndex);
        Assert.Equal(double.PositiveInfinity, metrics.MaxOverRowScale);
        Assert.Equal(0.125, ErrorMetrics.Compare([4.0, 8.0], HostTensor.From([4.0, 9.0], 2)).MaxOverRowScale);
        Assert.Equal(double.PositiveInfinity, ErrorMetrics.Compare([0.0], HostTensor.From([1.0], 1)).RelativeFrobenius);
    }

    [Theory]
    [InlineData(DType.F32, 1.0, 1.0000001192092896, 1)]
    [InlineData(DType.F32, 1.0, 0.99999994039535522, 1)]
    [InlineData(DType.F16, 1.0, 1.001, 1)]
    [InlineData(DType.BF16, 1.0, 1.03, 4)]
    [InlineData(DType.F16, 0.0, -0.0, 0)]
    [InlineData(DType.F16, 5.9604644775390625e-08, -5.9604644775390625e-08, 2)]
    [InlineData(DType.F16, 65504, 1e9, 1)]
    [InlineData(DType.F64, 1.0, 1.0000000000000004, 2)]
    public void Ulp_distances_count_representable_numbers(DType type, double left, double right, int expected)
    {
        Assert.Equal((UInt128)expected, Ulp.Distance(type, left, right));
        Assert.Equal((UInt128)expected, Ulp.Distance(type, right, left));
    }

    [Fact]
    public void The_distance_of_the_farthest_doubles_does_not_overflow() =>
        Assert.Equal((UInt128)0x7FF0000000000000 * 2, Ulp.Distance(DType.F64, double.NegativeInfinity, double.PositiveInfinity));

    [Fact]
    public void Histogram_buckets_double()
    {
        (int Distance, int Bucket)[] cases = [(0, 0), (1, 1), (2, 2), (3, 3), (4, 3), (5, 4), (8, 4), (9, 5), (16384, 15), (16385, 16), (int.MaxValue, 16)];
        foreach (var (distance, bucket) in cases)
        {
            Assert.Equal(bucket, Ulp.Bucket((UInt128)distance));
        }
    }

    [Fact]
    public void Kinds_of_non_finite_mismatches_are_listed_apart()
    {
        double[] reference = [1, 1, double.NaN, double.PositiveInfinity, double.PositiveInfinity, double.NaN, double.PositiveInfinity, 1e6];
        float[] actual = [float.NaN, float.PositiveInfinity, 1, 1, float.NaN, float.NaN, float.PositiveInfinity, 1e6f];
        var metrics = ErrorMetrics.Compare(reference, HostTensor.From(actual, actual.Length));
        Assert.Equal(new NonFiniteMismatches(1, 1, 2, 1), metrics.NonFinite);
        Assert.Equal(4, metrics.NonFinite.Wrong);
        Assert.Equal(0, metrics.RelativeFrobenius);
    }

    [Fact]
    public void Overflow_of_the_dtype_is_no_mismatch()
    {
        var halves = HostTensor.From([Half.PositiveInfinity, Half.NegativeInfinity, Half.PositiveInfinity], 3);
        Assert.Equal(new NonFiniteMismatches(0, 1, 0, 0), ErrorMetrics.Compare([70000.0, 70000.0, 65504.0 + 20], halves).NonFinite);
    }

    [Fact]
    public void Wrong_counts_are_refused()
    {
        Assert.Throws<InvalidInputException>(() => ErrorMetrics.Compare([1.0], HostTensor.From([1f, 2f], 2)));
        Assert.Throws<InvalidInputException>(() => ErrorMetrics.Compare([1.0, 2.0], HostTensor.From([1f, 2f], 2), rowLength: 3));
    }
}
