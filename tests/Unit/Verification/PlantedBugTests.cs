using Stof.Reference.Interchange;
using Stof.Reference.Masks;
using Stof.Reference.Numerics;
using Stof.Reference.Tests;
using Stof.Reference.Tests.Planted;
using Stof.Reference.Verification.Cases;
using Stof.Reference.Verification.Diagnosis;
using Stof.Reference.Verification.Reports;

namespace Stof.Reference.Unit.Tests.Verification;

/// <summary>Every bug planted into a separate kernel at one length and family; <c>stof-bench planted</c> has the whole table.</summary>
public sealed class PlantedBugTests
{
    private const int Length = 64;
    private const int Seed = 640;

    private static readonly PlantedBug[] Maskless =
    [
        PlantedBug.PreviousTileForListed, PlantedBug.NotRescaled, PlantedBug.FirstFlagInverted, PlantedBug.ScaleMissing, PlantedBug.ScaleSquared,
        PlantedBug.ScaleOfPaddedSize, PlantedBug.HeadModulo, PlantedBug.LogSumExpBaseTwo, PlantedBug.WeightsToHalf, PlantedBug.ScoresToHalf,
        PlantedBug.SoftmaxOverQueries, PlantedBug.SinksMissing,
    ];

    /// <summary>All bugs, with a family each.</summary>
    public static TheoryData<string, int> Bugs
    {
        get
        {
            var data = new TheoryData<string, int>();
            foreach (var bug in Enum.GetValues<PlantedBug>().Where(bug => bug != PlantedBug.None))
            {
                data.Add($"{bug}", (int)bug % Seeded.Families.Length);
            }

            return data;
        }
    }

    [Theory]
    [MemberData(nameof(Bugs))]
    public void It_is_detected_and_named_first(string bug, int family)
    {
        var trial = PlantedTrial.Run(PlantedSetting.Of(Enum.Parse<PlantedBug>(bug), Length), Seeded.Families[family], Seed);
        Assert.Equal(Verdict.Fail, trial.State);
        Assert.True(trial.Place == 1, $"seed {Seed}: first comes {trial.Best}");
    }

    [Theory]
    [MemberData(nameof(Bugs))]
    public void The_probe_finds_exactly_the_bugs_of_masks_and_routing(string bug, int family)
    {
        var which = Enum.Parse<PlantedBug>(bug);
        if (family < 0 || PlantedTrial.Probe(PlantedSetting.Of(which, Length)) is not { } report)
        {
            Assert.Equal(PlantedBug.BiasBeforeScale, which); // a bias hides keys: such a problem is refused
            return;
        }

        Assert.Equal(Maskless.Contains(which), report.Difference.IsNone);
        if (which is PlantedBug.PreviousTileForListed or PlantedBug.HeadModulo)
        {
            Assert.NotEmpty(report.Addresses!.Describe(report.Problem));
        }
    }

    [Fact]
    public void A_right_kernel_has_the_intended_mask_and_reads_what_it_should()
    {
        var report = PlantedTrial.Probe(PlantedSetting.Of(PlantedBug.None, Length));
        Assert.True(report!.IsGood);
        Assert.NotNull(report.Addresses);
    }

    [Fact]
    public void Nothing_is_diagnosed_where_nothing_is_wrong()
    {
        var setting = PlantedSetting.Of(PlantedBug.None, Length);
        var trial = PlantedTrial.Run(setting, InputFamily.Wide, Seed);
        Assert.NotEqual(Verdict.Fail, trial.State);
        Assert.Equal("-", trial.Best);
    }

    [Fact]
    public void The_published_kernel_is_named_for_what_it_is()
    {
        // Its mask came as an array: a band of 16. Its author's bitmaps are not read, and the flag of the first tile is inverted.
        var arrays = NpzArchive.Read(TestData.Path("stof-kernel", "stof_kernel_sliding_1x2x256.npz"));
        var report = Diagnoser.Run(AttentionCase.Create("published", new AttentionSemantics(), arrays), new VerificationOptions());
        Assert.Equal("sliding(16)", report.Mask);
        Assert.NotNull(report.Cause);
        Assert.Equal([Families.BitmapsUnread, Families.FirstTileFlag], report.Cause.Mutations.Select(mutation => mutation.Family));
        Assert.InRange(report.Cause.Explained, 0.999, 1);
    }

    [Fact]
    public void A_mask_array_is_recognised_where_a_pattern_has_its_bits()
    {
        foreach (var text in (string[])["causal", "sliding(5)", "window(left=3,right=0)", "window(left=4,right=9)", "full", "empty", "causal(-2)"])
        {
            var extent = new MaskExtent(40, 50, 2, 2);
            Assert.Equal(text, $"{MaskRecognizer.Recognize(MaskPlanes.Of(MaskText.Parse(text).Bind(extent)))}");
        }

        Assert.Null(MaskRecognizer.Recognize(MaskPlanes.Of(MaskText.Parse("causal & strided(5)").Bind(new MaskExtent(40, 40)))));
    }
}
