using Stof.Reference.Cuda.Ptx;

namespace Stof.Reference.Cuda.Tests.Ptx;

public sealed class KernelBuilderTests
{
    [Theory]
    [InlineData("")]
    [InlineData("1st")]
    [InlineData("with space")]
    [InlineData("min")]
    [InlineData("WARP_SZ")]
    [InlineData("shared_memory")]
    public void Names_that_are_no_identifiers_or_reserved_are_refused(string name)
    {
        Assert.Throws<InvalidInputException>(() => new KernelBuilder(name, Target.Sm80));
        Assert.Throws<InvalidInputException>(() => new KernelBuilder("fine", Target.Sm80).Parameter<B32>(name));
    }

    [Fact]
    public void A_constant_moves_into_a_register_where_an_instruction_takes_none()
    {
        var k = new KernelBuilder("constants", Target.Sm80);
        k.Popc(B32.Constant(5));
        k.Pack(B16.Constant(1), B16.Constant(2));
        Assert.Equal(
            ["mov.b32 %r1, 5;", "popc.b32 %r0, %r1;", "mov.b16 %h3, 0x0001;", "mov.b16 %h4, 0x0002;", "mov.b32 %r2, {%h3, %h4};", "ret;"],
            k.Build(32).Instructions.Select(instruction => instruction.ToString()));
    }

    [Fact]
    public void The_move_of_a_constant_is_guarded_like_what_needs_it()
    {
        var k = new KernelBuilder("constants", Target.Sm80);
        using (k.When(k.CompareU32(Comparison.Equal, k.LaneId(), 0), isNegated: true))
        {
            k.Brev(1);
        }

        Assert.Equal(["@!%p0 mov.b32 %r2, 1;", "@!%p0 brev.b32 %r1, %r2;"], k.Build(32).Instructions.Skip(2).Take(2).Select(instruction => instruction.ToString()));
    }

    [Fact]
    public void Bits_of_a_constant_are_a_constant()
    {
        var k = new KernelBuilder("constants", Target.Sm80);
        Assert.Equal(0x3f800000UL, k.Bits(F32.Constant(1)).Operand.Bits);
        Assert.Equal(BitConverter.SingleToUInt32Bits(2), k.FloatOf(0x40000000).Operand.Bits);
        Assert.Equal("ret;", Assert.Single(k.Build(32).Instructions).ToString());
    }

    [Fact]
    public void Predicates_are_not_selected()
    {
        var k = new KernelBuilder("selection", Target.Sm80);
        var predicate = k.NewRegister<Pred>();
        Assert.Throws<InvalidInputException>(() => k.Select(predicate, predicate, predicate));
    }
}
