using Stof.Reference.Masks;

namespace Stof.Reference.Unit.Tests.Masks;

public sealed class SplitMix64Tests
{
    [Fact]
    public void The_published_numbers_of_seed_1234567_come_out()
    {
        var random = new SplitMix64(1234567);
        ulong[] expected =
        [
            6457827717110365317, 3203168211198807973, 9817491932198370423, 4593380528125082431, 16408922859458223821,
        ];
        Assert.Equal(expected, Enumerable.Range(0, 5).Select(_ => random.Next()));
    }
}
