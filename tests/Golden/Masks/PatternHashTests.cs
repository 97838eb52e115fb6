using System.Security.Cryptography;
using System.Text;
using Stof.Reference.Formats;
using Stof.Reference.Masks;
using Stof.Reference.Tests;

namespace Stof.Reference.Golden.Tests.Masks;

/// <summary>
/// The bits of every pattern at two sizes, frozen: a change of a definition shows in a review even where formula and predicate were
/// changed together.
/// </summary>
public sealed class PatternHashTests
{
    private static readonly MaskExtent[] Extents = [new(128, 128, 2, 2), new(77, 300, 2, 2)];

    [Fact]
    public void Every_example_of_the_catalogue_has_the_committed_bits()
    {
        var lines = new StringBuilder("allowed pairs and SHA-256 (first 16 digits) of the packed rows of all stored slices\n");
        foreach (var text in MaskExamples.All)
        {
            var pattern = MaskText.Parse(text);
            foreach (var extent in Extents.Select(pattern.Demand.Apply).Distinct())
            {
                var mask = pattern.Bind(extent);
                using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
                for (var batch = 0; batch < (mask.VariesByBatch ? extent.Batch : 1); batch++)
                {
                    for (var head = 0; head < (mask.VariesByHead ? extent.Heads : 1); head++)
                    {
                        hash.AppendData(PackedBits.Rows(mask, batch, head));
                    }
                }

                var allowed = TileCounts.Of(BlockMaskBuilder.Build(mask, TileShape.Default)).Allowed;
                lines.Append($"{extent.Batch}x{extent.Heads}x{extent.QueryLength}x{extent.KeyLength} {allowed,7} {Convert.ToHexStringLower(hash.GetHashAndReset())[..16]} {text}\n");
            }
        }

        GoldenFile.Verify(lines.ToString());
    }
}
