using Stof.Reference.Masks;

namespace Stof.Reference.Unit.Tests.Masks;

public sealed class MersenneTwisterTests
{
    [Fact]
    public void Bounded_draws_stay_in_range_and_take_every_value()
    {
        var random = new MersenneTwister(3);
        foreach (var limit in new[] { 1, 2, 3, 7, 33, 64 })
        {
            var seen = new HashSet<int>();
            for (var i = 0; i < 2000; i++)
            {
                var draw = random.Below(limit);
                Assert.InRange(draw, 0, limit - 1);
                seen.Add(draw);
            }

            Assert.Equal(limit, seen.Count);
        }

        Assert.Throws<ArgumentOutOfRangeException>(() => random.Below(0));
    }
}
