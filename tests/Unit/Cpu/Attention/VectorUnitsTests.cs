using System.Text;
using Stof.Reference.Cpu.Simd;

namespace Stof.Reference.Unit.Tests.Cpu.Attention;

public sealed class VectorUnitsTests
{
    private const uint Highest = 0x80000000;
    private const uint Hints = 0x8000001A;

    // AMD's hints: 128 bits at least; 256 bits (Zen 2 to 4); 512 bits (Zen 5).
    [Theory]
    [InlineData("GenuineIntel", 0u, 0, true)]
    [InlineData("AuthenticAMD", Hints, 0b0011, false)]
    [InlineData("AuthenticAMD", Hints, 0b0110, false)]
    [InlineData("AuthenticAMD", Hints, 0b1110, true)]
    [InlineData("AuthenticAMD", Hints + 6, 0b1000, true)]
    [InlineData("AuthenticAMD", Hints - 1, 0b1000, false)]
    [InlineData("HygonGenuine", Hints, 0b1000, false)]
    public void Width_is_what_the_processor_says(string maker, uint highest, int hints, bool passes)
    {
        var name = Encoding.ASCII.GetBytes(maker);
        var identity = new VectorUnits.Registers(
            0x10, BitConverter.ToInt32(name, 0), BitConverter.ToInt32(name, 8), BitConverter.ToInt32(name, 4));
        Assert.Equal(passes, VectorUnits.Pass512Bits(leaf => leaf switch
        {
            0 => identity,
            Highest => identity with { Eax = (int)highest },
            Hints => new VectorUnits.Registers(hints, 0, 0, 0),
            _ => throw new ArgumentOutOfRangeException(nameof(leaf)),
        }));
    }
}
