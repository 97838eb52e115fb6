using Stof.Reference.Cuda.Ptx;

namespace Stof.Reference.Cuda.Tests.Simulator;

public sealed class SemanticsTests
{
    public static TheoryData<string> Names => [.. Cases().Select(semantics => semantics.Name)];

    [Theory]
    [MemberData(nameof(Names))]
    public void An_instruction_does_what_the_ISA_says(string name) => Cases().Single(semantics => semantics.Name == name).Run();

    [Fact]
    public void Every_instruction_that_touches_more_than_its_lane_has_a_case()
    {
        var used = Cases().SelectMany(semantics => semantics.Build().Instructions.Select(instruction => instruction.Opcode)).ToHashSet();
        Assert.Empty(InstructionTable.All.Where(opcode => !opcode.IsRegisterOnly && !used.Contains(opcode)).Select(opcode => opcode.Signature));
    }

    private static IEnumerable<SemanticsCase> Cases() =>
        [.. MemorySemantics.All(), .. ExchangeSemantics.All(), .. AtomicSemantics.All(), .. OrderSemantics.All(), .. MatrixSemantics.All(), .. ClusterSemantics.All()];
}
