using Stof.Reference.Masks;

namespace Stof.Reference.Unit.Tests.Masks.Dynamic;

public sealed class GumbelNoiseTests
{
    [Fact]
    public void Samples_are_those_of_the_stated_generator()
    {
        var noise = new double[200];
        foreach (var (seed, batch, head, position) in new[] { (0, 0, 0, 0), (7, 1, 2, 3), (-5, 0, 1, 4095), (int.MaxValue, 63, 63, 100_000) })
        {
            GumbelNoise.Fill(seed, batch, head, position, noise);
            var state = new SplitMix64((ulong)(long)seed).Next();
            foreach (var index in new[] { batch, head, position })
            {
                state = new SplitMix64(unchecked(state + (ulong)index)).Next();
            }

            var random = new SplitMix64(state);
            foreach (var sample in noise)
            {
                // The logarithm is not the platform's, but agrees with it.
                var uniform = ((random.Next() >> 12) + 0.5) * Math.Pow(2, -52);
                Assert.Equal(-Math.Log(-Math.Log(uniform)), sample, 1e-14 * Math.Max(1, Math.Abs(sample)));
            }
        }
    }

    [Fact]
    public void The_same_bits_come_out_everywhere_whatever_the_length()
    {
        var (one, many) = (new double[1], new double[1000]);
        GumbelNoise.Fill(1, 2, 3, 4, one);
        GumbelNoise.Fill(1, 2, 3, 4, many);
        Assert.Equal(one[0], many[0]);
        long[] pinned = [4614504977687410698, 4607042389781719142, -4632027550287148864, -4615290222986785186];
        Assert.Equal(pinned, many[..4].Select(BitConverter.DoubleToInt64Bits));
    }

    [Fact]
    public void Mean_variance_and_tail_are_Gumbels()
    {
        const int Count = 200_000;
        var noise = new double[Count];
        GumbelNoise.Fill(3, 0, 0, 17, noise);
        var mean = noise.Average();
        var variance = noise.Average(x => (x - mean) * (x - mean));

        // Euler's constant and π²/6; standard errors 0.003 and 0.008 (the fourth central moment is 14.6). P(ζ ≤ 0) = 1/e, standard error 0.0011.
        Assert.InRange(mean, 0.5772157 - 0.015, 0.5772157 + 0.015);
        Assert.InRange(variance, 1.644934 - 0.04, 1.644934 + 0.04);
        Assert.InRange(noise.Count(x => x <= 0) / (double)Count, 0.3678794 - 0.0055, 0.3678794 + 0.0055);
    }

    [Fact]
    public void Rows_of_other_seeds_items_heads_and_positions_differ()
    {
        var first = new HashSet<double>();
        foreach (var (seed, batch, head, position) in new[]
            { (0, 0, 0, 0), (1, 0, 0, 0), (0, 1, 0, 0), (0, 0, 1, 0), (0, 0, 0, 1), (0, 1, 1, 0), (0, 0, 1, 1), (0, 1, 0, 1), (-1, 1, 0, 0) })
        {
            var noise = new double[1];
            GumbelNoise.Fill(seed, batch, head, position, noise);
            Assert.True(first.Add(noise[0]));
        }
    }
}
