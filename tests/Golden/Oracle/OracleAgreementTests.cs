using Stof.Reference.Cpu.Oracle;
using Stof.Reference.Masks;
using Stof.Reference.Numerics;
using Stof.Reference.Operators;
using Stof.Reference.Tests;

namespace Stof.Reference.Golden.Tests.Oracle;

/// <summary>
/// The two oracles, which share no arithmetic, against each other. The bounds are those of plain summation in double (Higham,
/// "Accuracy and Stability of Numerical Algorithms", 3.1): with u = 2^-53 a sum of n terms is off by n·u times the sum of
/// magnitudes. A score is then off by (D + 8)·u·σ (products, scale, bias, cap, subtraction of the maximum), a weight relatively
/// by that and 2u of exp, numerator and denominator add up: |Δo| ≤ u·A·(2(D + 8)σ + 2n + 8), and
/// |ΔLSE| ≤ u·((D + 8)σ + n + 4 + 2|LSE|). The compensated oracle rounds once and adds nothing that counts.
/// </summary>
public sealed class OracleAgreementTests(ITestOutputHelper output)
{
    private const double U = 1.1102230246251565e-16;
    private const int Seed = 3100;

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    public void Random_attention_problems_over_all_options_agree(int family)
    {
        var worst = 0.0;
        for (var trial = 0; trial < 100; trial++)
        {
            var seed = Seed + (1000 * family) + trial;
            var problem = RandomProblems.Next(seed, edges: trial < 50);

            // The oracles take double inputs too; those use all the bits that a product can lose.
            problem = trial % 2 == 0 ? problem with { Type = DType.F64 } : problem;
            var item = AttentionTrial.Of(problem, Seeded.Families[family], new Random(seed));
            worst = Math.Max(worst, Compare(item, CompensatedAttention.Run(item.Problem, item.Q, item.K, item.V), $"seed {seed}: {item}"));
            Compare(item, BlockedAttention.Run(item.Problem, item.Q, item.K, item.V), $"blocked, seed {seed}: {item}");
        }

        output.WriteLine($"seed {Seed}: at most {worst:g3} of the bound");

        // Plain summation must differ somewhere: two identical columns of numbers would mean that one oracle runs twice.
        Assert.InRange(worst, 1e-4, 1);
    }

    [Theory]
    [InlineData(double.NaN)]
    [InlineData(double.PositiveInfinity)]
    [InlineData(double.NegativeInfinity)]
    public void What_is_not_finite_shows_in_the_same_elements(double poison)
    {
        for (var trial = 0; trial < 30; trial++)
        {
            var seed = Seed + trial;
            var problem = RandomProblems.Next(seed, edges: true) with { Type = DType.F32 };
            var item = AttentionTrial.Of(problem, InputFamily.UnitNormal, new Random(seed));
            item.V.Span<float>()[item.V.Count / 2] = (float)poison;
            if (double.IsNaN(poison))
            {
                item.K.Span<float>()[item.K.Count / 2] = float.NaN;
            }

            var naive = NaiveAttention.Run(problem, item.Q, item.K, item.V);
            var compensated = CompensatedAttention.Run(problem, item.Q, item.K, item.V);
            var blocked = BlockedAttention.Run(problem, item.Q, item.K, item.V);
            for (var i = 0; i < naive.Output.Length; i++)
            {
                Assert.True(
                    double.IsFinite(naive.Output[i]) == double.IsFinite(compensated.Output[i]),
                    $"seed {seed}: {item}: element {i} is {naive.Output[i]} and {compensated.Output[i]}");
                Assert.True(
                    double.IsFinite(naive.Output[i]) == double.IsFinite(blocked.Output[i]),
                    $"seed {seed}: {item}: element {i} is {naive.Output[i]} and, blocked, {blocked.Output[i]}");
            }

            for (var row = 0; row < naive.Rows; row++)
            {
                Assert.True(
                    double.IsNaN(naive.LogSumExp[row]) == double.IsNaN(compensated.LogSumExp[row]), $"seed {seed}: {item}: LSE of row {row}");
            }
        }
    }

    /// <summary>Several tiles of keys and blocks of queries, and some queries only.</summary>
    [Theory]
    [InlineData("causal & sliding(70)", 150, 333, 64)]
    [InlineData("bigbird(band=8,global=8,fill=0.1,seed=1)", 257, 257, 33)]
    [InlineData("full", 70, 520, 128)]
    public void The_blocked_oracle_agrees_over_many_tiles(string mask, int queries, int keys, int size)
    {
        var problem = new AttentionProblem
        {
            Batch = 2,
            QueryHeads = 4,
            KvHeads = 2,
            QueryLength = queries,
            KvLength = keys,
            HeadSize = size,
            Type = DType.F32,
            Mask = MaskText.Parse(mask),
        };
        var item = AttentionTrial.Of(problem, InputFamily.Wide, new Random(Seed));
        Compare(item, BlockedAttention.Run(item.Problem, item.Q, item.K, item.V), mask);

        int[] some = [0, 3, 4, queries / 2, queries - 1];
        var part = BlockedAttention.Run(item.Problem, item.Q, item.K, item.V, some);
        for (var row = 0; row < part.Rows; row++)
        {
            var whole = (row / some.Length * queries) + some[row % some.Length];
            Assert.Equal(item.Reference.LogSumExp[whole], part.LogSumExp[row], 1e-11);
            Assert.Equal(item.Reference.AllowedKeys[whole], part.AllowedKeys[row]);
        }
    }

    /// <summary>The share of the bound that the worst element uses.</summary>
    private static double Compare(AttentionTrial item, AttentionReference other, string label)
    {
        var (p, naive) = (item.Problem, item.Reference);
        Assert.Equal(naive.AllowedKeys, other.AllowedKeys);
        var worst = 0.0;
        for (var row = 0; row < naive.Rows; row++)
        {
            var (n, sigma) = (naive.AllowedKeys[row], naive.ScoreMagnitude[row]);
            var score = (p.HeadSize + 8) * sigma;
            var relative = U * ((2 * score) + (2 * n) + 8);
            Near(sigma, other.ScoreMagnitude[row], U * score, "σ");

            // m and the largest weight move with the scores; L is relative to them.
            Near(naive.WeightSum[row], other.WeightSum[row], relative * naive.WeightSum[row], "L");

            // Each p·ln p moves by at most its weight's error times 1 + |ln p|; together below n times that of a flat row.
            Near(naive.Entropy[row], other.Entropy[row], relative * (n + 1), "entropy");
            var (a, b) = (naive.LogSumExp[row], other.LogSumExp[row]);
            if (double.IsFinite(a))
            {
                worst = Math.Max(worst, Near(a, b, U * (score + n + 4 + (2 * Math.Abs(a))), "LSE"));
            }
            else
            {
                Assert.True(a.Equals(b), $"{label}: LSE of row {row} is {a} and {b}");
            }

            for (var at = row * p.ValueSize; at < (row + 1) * p.ValueSize; at++)
            {
                var bound = relative * naive.AbsoluteOutput[at];
                worst = Math.Max(worst, Near(naive.Output[at], other.Output[at], bound, "o"));
                Near(naive.AbsoluteOutput[at], other.AbsoluteOutput[at], bound, "A");
                Near(naive.ValueSum[at], other.ValueSum[at], U * n * naive.ValueSum[at], "W");
            }

            double Near(double x, double y, double bound, string what)
            {
                var error = Math.Abs(x - y);
                Assert.True(error <= bound + double.Epsilon, $"{label}: {what} of row {row} off by {error:g3}, bound {bound:g3}");
                return error == 0 ? 0 : error / (bound + double.Epsilon);
            }
        }

        return worst;
    }
}
