using Stof.Reference.Cpu.Oracle;
using Stof.Reference.Tests;

namespace Stof.Reference.Golden.Tests.Oracle;

/// <summary>
/// The naive operators against the compensated ones. Each bound is the number of double roundings on the naive side (u = 2^-53)
/// times the magnitude that they act on; library functions count two.
/// </summary>
public sealed class OperatorAgreementTests
{
    private const double U = 1.1102230246251565e-16;
    private const int Seed = 3300;

    [Fact]
    public void Products_agree_to_the_depth_times_the_sum_of_magnitudes()
    {
        var random = new Random(Seed);
        foreach (var (rows, width, depth) in new[] { (1, 1, 1), (7, 13, 96), (3, 40, 1000) })
        {
            var (x, w) = (Seeded.Values(random, rows * depth, InputFamily.Outliers), Seeded.Values(random, width * depth));
            var bounds = NaiveOperators.Gemm([.. x.Select(Math.Abs)], [.. w.Select(Math.Abs)], rows, width, depth);
            RequireNear(
                NaiveOperators.Gemm(x, w, rows, width, depth),
                CompensatedGemm.Run(x, w, WeightOrder.OutputsByInputs, width, depth),
                i => (depth + 1) * bounds[i]);
        }
    }

    [Fact]
    public void Activations_agree_far_into_the_tails()
    {
        var random = new Random(Seed);
        double[] x =
        [
            0, -0.0, 1e-300, -1e-300, 700, -700, .. Seeded.Values(random, 2000), .. Seeded.Values(random, 2000, InputFamily.Outliers),
        ];

        // 1 + erf and 1 + tanh cancel for negative x: the error is relative to x, not to the result.
        RequireNear(NaiveOperators.Map(x, NaiveOperators.GeluErf), CompensatedActivation.GeluErf(x), i => 8 * Math.Abs(x[i]));
        RequireNear(NaiveOperators.Map(x, NaiveOperators.GeluTanh), CompensatedActivation.GeluTanh(x), i => 8 * Math.Abs(x[i]));
        RequireNear(NaiveOperators.Map(x, NaiveOperators.Relu), CompensatedActivation.Relu(x), _ => 0);
        var silu = CompensatedActivation.Silu(x);
        RequireNear(NaiveOperators.Map(x, NaiveOperators.Silu), silu, i => 6 * Math.Abs(silu[i]));
        var gated = Seeded.Values(random, 9 * 2 * 14, InputFamily.Wide);
        var swiGlu = CompensatedActivation.SwiGlu(gated, 14);
        RequireNear(NaiveOperators.SwiGlu(gated, 14), swiGlu, i => 7 * Math.Abs(swiGlu[i]));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(7)]
    [InlineData(768)]
    public void Norms_agree_to_the_width_times_the_condition_of_the_row(int width)
    {
        var random = new Random(Seed);
        var x = Seeded.Values(random, 5 * width);
        var (gamma, beta) = (Seeded.Values(random, width), Seeded.Values(random, width));
        double Condition(int i)
        {
            var row = x.AsSpan(i / width * width, width).ToArray();
            var mean = row.Average();
            var deviation = Math.Sqrt(row.Average(value => (value - mean) * (value - mean)) + 1e-5);
            return Math.Abs(gamma[i % width]) * (row.Max(Math.Abs) + Math.Abs(mean)) / deviation;
        }

        RequireNear(
            NaiveOperators.LayerNorm(x, gamma, beta, 1e-5),
            CompensatedNorm.LayerNorm(x, gamma, beta, 1e-5),
            i => ((2 * width) + 12) * (Condition(i) + Math.Abs(beta[i % width])));
        var rms = CompensatedNorm.RmsNorm(x, gamma, 1e-6);
        RequireNear(NaiveOperators.RmsNorm(x, gamma, 1e-6), rms, i => (width + 8) * Math.Abs(rms[i]));
    }

    [Fact]
    public void Rotary_embedding_agrees_to_the_angle_times_the_pair_and_leaves_the_rest_of_the_row()
    {
        const int Length = 50;
        const int Size = 12;
        const int Heads = 2;
        const int Width = (Heads * Size) + 5;
        var x = Seeded.Values(new Random(Seed), 2 * Length * Width);
        var turned = NaiveOperators.Rope(x, Width, Heads, Size, Length, 10000);
        for (var row = 0; row < 2 * Length; row++)
        {
            for (var h = 0; h < Heads; h++)
            {
                var at = (row * Width) + (h * Size);
                var (head, position) = (x.AsSpan(at, Size).ToArray(), row % Length);
                RequireNear(
                    turned.AsSpan(at, Size).ToArray(),
                    CompensatedPosition.Rope(head, [position], Size),
                    i => (4 * position + 6) * (Math.Abs(head[i]) + Math.Abs(head[(i + (Size / 2)) % Size])));
            }

            Assert.Equal(x.AsSpan((row * Width) + (Heads * Size), 5), turned.AsSpan((row * Width) + (Heads * Size), 5));
        }
    }

    [Fact]
    public void Lookups_and_sums_are_equal_bit_for_bit()
    {
        var random = new Random(Seed);
        var (table, x, y) = (Seeded.Values(random, 9 * 5), Seeded.Values(random, 35), Seeded.Values(random, 35));
        Assert.Equal(CompensatedPosition.Embedding(table, [8, 0, 3, 3], 5), NaiveOperators.Embedding(table, [8, 0, 3, 3], 5));
        Assert.Equal(CompensatedGemm.Residual(x, y), NaiveOperators.Residual(x, y));
        Assert.Equal(CompensatedGemm.AddBias(x, y.AsSpan(0, 7)), NaiveOperators.Bias(x, y[..7]));
    }

    /// <summary>Each element within <paramref name="roundings"/> times u.</summary>
    private static void RequireNear(double[] naive, double[] compensated, Func<int, double> roundings)
    {
        Assert.Equal(compensated.Length, naive.Length);
        for (var i = 0; i < naive.Length; i++)
        {
            var (error, bound) = (Math.Abs(naive[i] - compensated[i]), U * roundings(i));
            Assert.True(error <= bound + double.Epsilon, $"seed {Seed}: element {i} is {naive[i]:r} and {compensated[i]:r}, bound {bound:g3}");
        }
    }
}
