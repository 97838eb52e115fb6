using Stof.Reference.Cuda.Ptx;
using Stof.Reference.Cuda.Templates;
using Stof.Reference.Cuda.Tests.Simulator;

namespace Stof.Reference.Cuda.Tests.Ptx;

public class ConstantDivisionTests
{
    private const int Seed = 4711;

    public static TheoryData<int> Divisors =>
        [.. Enumerable.Range(1, 130), 641, 768, 1000, 3071, 65_535, 65_536, 65_537, 1_000_003, (1 << 30) - 1, 1 << 30, (1 << 30) + 1, int.MaxValue - 1, int.MaxValue];

    [Theory]
    [MemberData(nameof(Divisors))]
    public void Quotient_and_rest_are_exact(int divisor)
    {
        // Around multiples of the divisor, where a factor that is a little too large shows.
        var (random, d) = (new Random(Seed + divisor), (uint)divisor);
        uint[] multiples = [0, d, uint.MaxValue / d * d, uint.MaxValue, 1u << 31, .. Enumerable.Range(0, 9).Select(_ => (uint)random.NextInt64(1L + (uint.MaxValue / d)) * d)];
        uint[] values = [.. multiples.SelectMany(value => (uint[])[unchecked(value - 1), value, unchecked(value + 1)]), .. Enumerable.Range(0, 86).Select(_ => (uint)random.NextInt64(1L << 32))];
        new SemanticsCase
        {
            Name = $"seed {Seed}, division by {divisor}",
            Threads = values.Length,
            Write = c =>
            {
                var (x, quotients, rests) = (c.Input("x", values), c.Output("q", Array.ConvertAll(values, value => value / d)), c.Output("r", Array.ConvertAll(values, value => value % d)));
                var thread = c.K.ThreadX();
                var value = c.K.LoadGlobal<B32>(c.At(x, thread, 4));
                c.K.StoreGlobal(c.At(quotients, thread, 4), c.K.DivU32(value, divisor));
                c.K.StoreGlobal(c.At(rests, thread, 4), c.K.RemU32(value, divisor));
            },
        }.Run();
    }

    [Fact]
    public void No_instruction_divides()
    {
        var b = new KernelBuilder("divide", Target.Sm80);
        var thread = b.ThreadX();
        var sum = b.Add(b.DivU32(thread, 9), b.RemU32(thread, 7));
        b.StoreGlobal(b.Element(b.Parameter<B64>("y"), thread, 4), sum);
        Assert.DoesNotContain(b.Build(32).Instructions, instruction => instruction.Opcode.Name.StartsWith("div", StringComparison.Ordinal) || instruction.Opcode.Name.StartsWith("rem", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(-8)]
    public void A_divisor_below_one_is_refused(int divisor)
    {
        var b = new KernelBuilder("divide", Target.Sm80);
        var thread = b.ThreadX();
        Assert.Contains("1 or more", Assert.Throws<InvalidInputException>(() => b.DivU32(thread, divisor)).Message, StringComparison.Ordinal);
        Assert.Throws<InvalidInputException>(() => b.RemU32(thread, divisor));
    }
}
