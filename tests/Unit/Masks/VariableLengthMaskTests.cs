using Stof.Reference.Formats;
using Stof.Reference.Masks;
using Stof.Reference.Operators;

namespace Stof.Reference.Unit.Tests.Masks;

/// <summary>A padded batch: every item has the pattern on its own rectangle, and nothing outside.</summary>
public sealed class VariableLengthMaskTests
{
    private static readonly SequenceLengths[] Lengths = [new(90, 140), new(0, 140), new(90, 0), new(1, 64), new(37, 65), new(64, 128)];

    public static TheoryData<string> Texts => [.. MaskCases.ExamplesAndAlgebra.Select(row => row.Data).Where(text => MaskText.Parse(text).Demand == default)];

    [Theory]
    [MemberData(nameof(Texts))]
    public void Every_item_is_the_pattern_on_its_own_lengths_in_every_format(string text)
    {
        foreach (var alignment in Enum.GetValues<PositionAlignment>())
        {
            var problem = new AttentionProblem
            {
                Batch = Lengths.Length,
                QueryHeads = 1,
                KvHeads = 1,
                QueryLength = 90,
                KvLength = 140,
                HeadSize = 8,
                Mask = MaskText.Parse(text),
                Alignment = alignment,
                Lengths = Lengths,
            }.Validated();
            var mask = problem.BindMask();
            var stored = BlockMaskBuilder.Build(mask, new TileShape(16, 32)).Validated();
            var rows = RowLists.Build(mask);
            for (var batch = 0; batch < Lengths.Length; batch++)
            {
                var (queries, keys) = Lengths[batch];
                var alone = problem.Mask.Bind(new MaskExtent(queries, keys, Lengths.Length, 1, alignment));
                for (var query = 0; query < 90; query++)
                {
                    var allowed = Enumerable.Range(0, 140)
                        .Where(key => query < queries && key < keys && alone.Allows(batch, 0, query, key)).ToArray();
                    Assert.Equal(allowed, Enumerable.Range(0, 140).Where(key => mask.Allows(batch, 0, query, key)));
                    Assert.Equal(allowed, Enumerable.Range(0, 140).Where(key => stored.Allows(batch, 0, query, key)));
                    Assert.Equal(allowed, rows.Row(batch, 0, query).ToArray());
                }
            }
        }
    }
}
