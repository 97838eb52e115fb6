using System.Security.Cryptography;
using Stof.Reference.Formats;
using Stof.Reference.Masks;

namespace Stof.Reference.Golden.Tests.Masks;

/// <summary>
/// Counts and hashes of the masks of the STOF artifact (PPoPP'26, paper 161), computed apart from this library from the artifact's
/// definitions. The hash is the first 16 hex digits of SHA-256 over the packed rows.
/// </summary>
public sealed class ArtifactMaskTests
{
    private const string Causal = "causal";
    private const string SlidingCausal = "causal & sliding(64)";
    private const string Longformer = "longformer(band=32,global=32,second=half)";
    private const string BigBird = "bigbird(band=32,global=32,fill=0.1,seed=0)";
    private const string DilatedCausal = "causal & dilated(width=64,gap=1)";
    private const string Sliding = "sliding(32)";

    public static TheoryData<string, int, long, string, double, string, double, string> Settings => new()
    {
        { Causal, 128, 8256, "1/2/1", 75.0, "28/8/28", 0.5625, "a62793ade699002c" },
        { Causal, 512, 131328, "28/8/28", 56.2, "496/32/496", 0.5156, "6e5653b76f4ca85b" },
        { Causal, 2048, 2098176, "496/32/496", 51.6, "8128/128/8128", 0.5039, "f6bf82572f898020" },
        { SlidingCausal, 128, 6240, "0/3/1", 75.0, "18/12/34", 0.4688, "b932e60cfac71321" },
        { SlidingCausal, 512, 31200, "0/15/49", 23.4, "90/60/874", 0.1465, "3e89e094a446618d" },
        { SlidingCausal, 2048, 131040, "0/63/961", 6.2, "378/252/15754", 0.0385, "213f615a4a1c8cc7" },
        { Longformer, 128, 14336, "2/2/0", 100.0, "56/0/8", 0.8750, "4ea51a798fd7276d" },
        { Longformer, 512, 88448, "2/40/22", 65.6, "320/48/656", 0.3594, "daa271edbdff1952" },
        { Longformer, 2048, 384896, "2/208/814", 20.5, "1376/240/14768", 0.0986, "164784b6861529c1" },
        { BigBird, 128, 12398, "1/3/0", 100.0, "44/11/9", 0.8594, "016e71ac9648d72c" },
        { BigBird, 512, 62302, "1/33/30", 53.1, "212/80/732", 0.2852, "9c4c160a2c072ccb" },
        { BigBird, 2048, 261806, "1/153/870", 15.0, "884/345/15155", 0.0750, "df11c9b2cf8dc12c" },
        { DilatedCausal, 128, 3135, "0/3/1", 75.0, "0/33/31", 0.5156, "ddf37a2a910e7983" },
        { DilatedCausal, 512, 15807, "0/21/43", 32.8, "0/177/847", 0.1729, "6ba01bef26f5e143" },
        { DilatedCausal, 2048, 66495, "0/93/931", 9.1, "0/753/15631", 0.0460, "103543110b306db0" },
        { Sliding, 128, 7264, "0/4/0", 100.0, "22/12/30", 0.5312, "45d412438d35fedd" },
        { Sliding, 512, 32224, "0/22/42", 34.4, "94/60/870", 0.1504, "dfa92c1e8b8be665" },
        { Sliding, 2048, 132064, "0/94/930", 9.2, "382/252/15750", 0.0387, "d0446cd298db5066" },
    };

    [Theory]
    [MemberData(nameof(Settings))]
    public void Pairs_tiles_load_and_hash_are_those_of_the_artifact(
        string text, int length, long pairs, string tiles64, double load64, string tiles16, double rho16, string hash)
    {
        var mask = MaskText.Parse(text).Bind(new MaskExtent(length, length));
        var statistics = MaskStatistics.Of(mask, TileShape.Default);
        Assert.Equal(pairs, statistics.Tiles.Allowed);
        Assert.Equal(tiles64, Describe(statistics.Tiles));
        Assert.Equal(load64, 100 * statistics.Tiles.LoadShare, 0.05001);
        Assert.Equal(tiles16, Describe(TileCounts.Of(BlockMaskBuilder.Build(mask, new TileShape(16, 16)))));
        Assert.Equal(rho16, statistics.LoadShare16, 0.0000501);
        Assert.Equal(hash, Convert.ToHexStringLower(SHA256.HashData(PackedBits.Rows(mask, 0, 0)))[..16]);
    }

    [Theory]
    [MemberData(nameof(Settings))]
    public void The_published_rule_is_block_wise_on_every_setting(
        string text, int length, long pairs, string tiles64, double load64, string tiles16, double rho16, string hash)
    {
        var statistics = MaskStatistics.Of(MaskText.Parse(text).Bind(new MaskExtent(length, length)), TileShape.Default);
        Assert.Equal(KernelKind.BlockWise, statistics.PaperChoice);
        Assert.Equal(KernelKind.BlockWise, PaperSelector.Choose(rho16, length, 1.0));
        Assert.Equal(length switch { 128 => 0.1333, 512 => 0.0480, _ => 0.0245 }, statistics.PaperThreshold, 0.00005);
        Assert.Equal(length switch { 128 => 0.1111, 512 => 0.0400, _ => 0.0204 }, PaperSelector.Threshold(length, 1.0), 0.00005);

        // The artifact's own call passed the 64×64 lists, whose share of 16×16 tiles is up to sixteen times too small.
        var asCoded = (statistics.Tiles.Full + statistics.Tiles.Part) / Math.Pow(length / 16.0, 2);
        Assert.True(asCoded < rho16, $"{pairs} {tiles64} {load64} {tiles16} {hash}");
    }

    [Theory]
    [InlineData(512, 62302, 62124, 62227, 62269)]
    [InlineData(1024, 128774, 128874, 128965, 128981)]
    public void Every_batch_item_of_BigBird_has_its_own_cells(int length, long first, long second, long third, long fourth)
    {
        long[] pairs = [first, second, third, fourth];
        var mask = MaskText.Parse(BigBird).Bind(new MaskExtent(length, length, pairs.Length));
        var stored = BlockMaskBuilder.Build(mask, TileShape.Default);
        Assert.Equal(pairs.Length, stored.BatchSlices);
        for (var batch = 0; batch < pairs.Length; batch++)
        {
            Assert.Equal(pairs[batch], TileCounts.Of(stored, stored.Slice(batch, 0)).Allowed);
        }
    }

    [Fact]
    public void The_Mersenne_Twister_is_that_of_CPython()
    {
        var words = new MersenneTwister(0);
        Assert.Equal([3626764237u, 1654615998u, 3255389356u, 3823568514u], Enumerable.Range(0, 4).Select(_ => words.NextUInt32()));
        var draws = new MersenneTwister(0);
        ReadOnlySpan<int> offsets = [1, 0];
        Assert.Equal(0, offsets[draws.Below(2)]);
        Assert.Equal(
            [(26, 2), (16, 32), (31, 25), (19, 30), (22, 13)], Enumerable.Range(0, 5).Select(_ => (draws.Below(33), draws.Below(33))));
    }

    private static string Describe(TileCounts counts) => $"{counts.Full}/{counts.Part}/{counts.Empty}";
}
