using Stof.Reference.Cpu.Oracle;
using Stof.Reference.Tests;

namespace Stof.Reference.Unit.Tests.Oracle;

public class CompensatedOperatorTests
{
    [Fact]
    public void Products_of_integers_are_exact_in_both_weight_orders()
    {
        double[] a = [1, 2, 3, 4, 5, 6];
        double[] weight = [1, 0, -1, 2, 2, 2]; // [N=2, K=3]
        double[] transposed = [1, 2, 0, 2, -1, 2];
        double[] expected = [-2 + 10, 12 + 20, -2 + 10, 30 + 20];
        Assert.Equal(expected, CompensatedGemm.Run(a, weight, WeightOrder.OutputsByInputs, 2, 3, [10, 20]));
        Assert.Equal(expected, CompensatedGemm.Run(a, transposed, WeightOrder.InputsByOutputs, 2, 3, [10, 20]));
        Assert.Equal([-2.0, 12.0, -2.0, 30.0], CompensatedGemm.Run(a, weight, WeightOrder.OutputsByInputs, 2, 3));
    }

    [Fact]
    public void Cancellation_does_not_hurt_a_product()
    {
        // 1e16 + 1 − 1e16 loses the 1 in plain double arithmetic.
        Assert.Equal(1.0, CompensatedGemm.Run([1e16, 1, -1e16], [1, 1, 1], WeightOrder.OutputsByInputs, 1, 3)[0]);
        Assert.NotEqual(1.0, (1e16 + 1) - 1e16);
        var third = 1 / 3.0;
        Assert.Equal(Math.FusedMultiplyAdd(third, third, -(third * third)), CompensatedGemm.Run([third, third * third], [third, -1], WeightOrder.OutputsByInputs, 1, 2)[0]);
    }

    [Fact]
    public void Activations_take_their_published_values()
    {
        // Φ(1) = 0.84134474606854293 and Φ(−3) = 1.3498980316300946e-3 (Abramowitz and Stegun, table 26.1).
        AssertClose([0.8413447460685429, -3 * 1.3498980316300946e-3, 0], CompensatedActivation.GeluErf([1, -3, 0]), 1e-15);
        AssertClose([0.5 * (1 + Math.Tanh(Math.Sqrt(2 / Math.PI) * 1.044715)), 0], CompensatedActivation.GeluTanh([1, 0]), 1e-15);
        AssertClose([1 / (1 + Math.Exp(-1)), -2 / (1 + Math.Exp(2))], CompensatedActivation.Silu([1, -2]), 1e-15);
        Assert.Equal([0.0, 2.0, 0.0], CompensatedActivation.Relu([-1, 2, 0]));
        Assert.Equal(double.NaN, CompensatedActivation.Relu([double.NaN])[0]);
    }

    [Fact]
    public void Activations_obey_their_symmetries_far_into_the_tails()
    {
        const int Seed = 701;
        var random = new Random(Seed);
        for (var i = 0; i < 300; i++)
        {
            var x = Seeded.Normal(random) * 8;
            foreach (var function in (Func<double, double>[])[x => CompensatedActivation.GeluErf([x])[0], x => CompensatedActivation.GeluTanh([x])[0], x => CompensatedActivation.Silu([x])[0]])
            {
                // f(x) − f(−x) = x for x times any function whose values at x and −x add up to 1.
                Assert.True(Math.Abs(function(x) - function(-x) - x) <= 4e-16 * Math.Abs(x), $"seed {Seed}, x = {x:R}");
                Assert.True(Math.Abs(x) > 14 || function(-Math.Abs(x)) < 0, $"seed {Seed}, x = {x:R}: the negative tail vanished");
            }
        }
    }

    [Fact]
    public void SwiGLU_gates_the_second_half_by_the_first()
    {
        double[] expected = [.. CompensatedActivation.Silu([1, 2]).Zip([10.0, 20.0], (s, b) => s * b)];
        AssertClose(expected, CompensatedActivation.SwiGlu([1, 2], [10, 20]), 1e-15);
        Assert.Equal(CompensatedActivation.SwiGlu([1, 2, 3, 4], [10, 20, 30, 40]), CompensatedActivation.SwiGlu([1, 2, 10, 20, 3, 4, 30, 40], 2));
    }

    [Fact]
    public void Norms_of_simple_rows_come_out()
    {
        // Row 1, 3: mean 2, biased variance 1. Row 5, 5: variance 0, so eps alone keeps it finite.
        AssertClose([-1 / Math.Sqrt(1.01), 1 / Math.Sqrt(1.01), 0, 0], CompensatedNorm.LayerNorm([1, 3, 5, 5], [1, 1], default, 0.01), 1e-15);
        AssertClose([10 - (2 / Math.Sqrt(1.01)), 20 + (3 / Math.Sqrt(1.01))], CompensatedNorm.LayerNorm([1, 3], [2, 3], [10, 20], 0.01), 1e-15);
        AssertClose([3 / Math.Sqrt(12.51), 8 / Math.Sqrt(12.51)], CompensatedNorm.RmsNorm([3, 4], [1, 2], 0.01), 1e-15);
    }

    [Fact]
    public void LayerNorm_survives_a_large_mean()
    {
        const double Mean = 1L << 50;
        AssertClose(CompensatedNorm.LayerNorm([1, 3, 2, 6], [1, 1, 1, 1], default), CompensatedNorm.LayerNorm([Mean + 1, Mean + 3, Mean + 2, Mean + 6], [1, 1, 1, 1], default), 1e-15);
    }

    [Fact]
    public void Rotary_embedding_turns_pairs_half_a_head_apart()
    {
        var (sin, cos) = Math.SinCos(7);
        var (slowSin, slowCos) = Math.SinCos(7 / Math.Sqrt(10000));
        double[] expected = [cos - (3 * sin), (2 * slowCos) - (4 * slowSin), (3 * cos) + sin, (4 * slowCos) + (2 * slowSin)];
        AssertClose(expected, CompensatedPosition.Rope([1, 2, 3, 4], [7], 4), 1e-14);
        Assert.Equal([1.0, 2.0, 3.0, 4.0], CompensatedPosition.Rope([1, 2, 3, 4], [0], 4));
    }

    [Fact]
    public void Rotary_scores_depend_only_on_the_distance()
    {
        const int Seed = 702;
        var random = new Random(Seed);
        var (q, k) = (Seeded.Values(random, 16), Seeded.Values(random, 16));
        var near = Dot(CompensatedPosition.Rope(q, [5], 16), CompensatedPosition.Rope(k, [3], 16));
        var far = Dot(CompensatedPosition.Rope(q, [4005], 16), CompensatedPosition.Rope(k, [4003], 16));
        Assert.True(Math.Abs(near - far) < 1e-13, $"seed {Seed}: {near:R} and {far:R}");
        static double Dot(double[] a, double[] b) => a.Zip(b, (x, y) => x * y).Sum();
    }

    [Fact]
    public void Embeddings_sums_and_biases_pick_the_right_elements()
    {
        Assert.Equal([5.0, 6.0, 1.0, 2.0], CompensatedPosition.Embedding([1, 2, 3, 4, 5, 6], [2, 0], 2));
        Assert.Equal([11.0, 22.0, 13.0, 24.0], CompensatedGemm.AddBias([1, 2, 3, 4], [10, 20]));
        Assert.Equal([4.0, 6.0], CompensatedGemm.Residual([1, 2], [3, 4]));
    }

    [Fact]
    public void Lengths_that_do_not_fit_are_refused()
    {
        foreach (var call in (Action[])
        [
            () => CompensatedGemm.Run([1, 2, 3], [1, 2], WeightOrder.OutputsByInputs, 1, 2), () => CompensatedGemm.Run([1, 2], [1, 2, 3], WeightOrder.OutputsByInputs, 1, 2),
            () => CompensatedGemm.Run([1, 2], [1, 2], WeightOrder.OutputsByInputs, 1, 2, [1, 2]), () => CompensatedGemm.AddBias([1, 2, 3], [1, 2]),
            () => CompensatedGemm.Residual([1], [1, 2]), () => CompensatedActivation.SwiGlu([1], [1, 2]), () => CompensatedActivation.SwiGlu([1, 2, 3], 1),
            () => CompensatedNorm.LayerNorm([1, 2, 3], [1, 2], default), () => CompensatedNorm.LayerNorm([1, 2], [1, 2], [1]), () => CompensatedNorm.RmsNorm([1], []),
            () => CompensatedPosition.Rope([1, 2, 3], [0], 3), () => CompensatedPosition.Rope([1, 2], [0, 1], 2), () => CompensatedPosition.Embedding([1, 2], [2], 1),
            () => CompensatedPosition.Embedding([1, 2], [-1], 1),
        ])
        {
            Assert.Throws<InvalidInputException>(call);
        }
    }

    private static void AssertClose(double[] expected, double[] actual, double tolerance)
    {
        Assert.Equal(expected.Length, actual.Length);
        for (var i = 0; i < expected.Length; i++)
        {
            Assert.True(Math.Abs(expected[i] - actual[i]) <= tolerance * Math.Max(1, Math.Abs(expected[i])), $"place {i}: {actual[i]:R}, expected {expected[i]:R}");
        }
    }
}
