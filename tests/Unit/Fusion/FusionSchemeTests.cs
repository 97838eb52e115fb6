using Stof.Reference.Fusion;

namespace Stof.Reference.Unit.Tests.Fusion;

public class FusionSchemeTests
{
    [Fact]
    public void The_papers_example_decodes_to_its_segments()
    {
        // 0 1 00000 111 000 11: attention at 2-6, GEMM + add + norm at 7-9, GEMM chain at 10-12, add + norm at 13-14.
        var scheme = FusionScheme.FromBits("010000011100011");

        Assert.Equal("[0][1][2-6][7-9][10-12][13-14]", string.Concat(scheme.Segments));
        Assert.Equal("15:20e3", scheme.ToHex());
    }

    [Fact]
    public void Every_scheme_of_eight_operators_survives_bits_hex_and_segments()
    {
        for (var word = 0; word < 256; word++)
        {
            var bits = Convert.ToString(word, 2).PadLeft(8, '0');
            var scheme = FusionScheme.FromBits(bits);

            Assert.Equal(scheme, FusionScheme.FromBits(scheme.Bits));
            Assert.Equal(scheme, FusionScheme.FromHex(scheme.ToHex()));
            Assert.Equal(scheme, FusionScheme.FromLengths(scheme.Segments.Select(segment => segment.Length)));
            Assert.Equal(Enumerable.Range(0, 8), scheme.Segments.SelectMany(segment => Enumerable.Range(segment.Start, segment.Length)));
        }
    }

    [Fact]
    public void A_scheme_and_its_complement_are_one()
    {
        var scheme = FusionScheme.FromBits("0110001");
        var complement = FusionScheme.FromBits("1001110");

        Assert.Equal(scheme, complement);
        Assert.Equal(scheme.GetHashCode(), complement.GetHashCode());
        Assert.Equal("0110001", complement.Bits);
    }

    [Fact]
    public void The_longest_scheme_uses_every_bit()
    {
        var scheme = FusionScheme.Detached(64);

        Assert.Equal(64, scheme.Segments.Length);
        Assert.Equal(scheme, FusionScheme.FromHex(scheme.ToHex()));
    }

    [Theory]
    [InlineData("")]
    [InlineData("15")]
    [InlineData("15:")]
    [InlineData("0:0")]
    [InlineData("65:0")]
    [InlineData("3:f")] // four bits for three operators
    [InlineData("3:-1")]
    [InlineData("3:1:1")]
    public void Malformed_hex_is_refused_with_the_form_that_is_right(string text)
    {
        var exception = Assert.Throws<InvalidInputException>(() => FusionScheme.FromHex(text));

        Assert.Contains("count:hexadecimal", exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Lengths_that_are_not_positive_or_too_many_are_refused()
    {
        Assert.Throws<InvalidInputException>(() => FusionScheme.FromLengths([]));
        Assert.Throws<InvalidInputException>(() => FusionScheme.FromLengths([2, 0]));
        Assert.Throws<InvalidInputException>(() => FusionScheme.FromLengths([60, 5]));
    }
}
