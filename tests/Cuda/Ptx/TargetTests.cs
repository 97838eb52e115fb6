using Stof.Reference.Cuda.Ptx;
using Stof.Reference.Cuda.Simulator;

namespace Stof.Reference.Cuda.Tests.Ptx;

public sealed class TargetTests
{
    public static TheoryData<string> Targets => [.. Target.All.Select(target => target.Name)];

    [Theory]
    [InlineData("sm_80", ".version 7.0\n.target sm_80\n")]
    [InlineData("sm_86", ".version 7.1\n.target sm_86\n")]
    [InlineData("sm_89", ".version 7.8\n.target sm_89\n")]
    [InlineData("sm_90", ".version 7.8\n.target sm_90\n")]
    [InlineData("sm_90a", ".version 8.0\n.target sm_90a\n")]
    [InlineData("sm_100", ".version 8.6\n.target sm_100\n")]
    [InlineData("sm_120", ".version 8.7\n.target sm_120\n")]
    public void The_version_is_the_lowest_that_knows_the_target(string name, string start) =>
        Assert.StartsWith(start, SampleKernels.VectorAdd(Target.Named(name)).ToPtx(), StringComparison.Ordinal);

    [Fact]
    public void An_instruction_newer_than_its_target_raises_the_version()
    {
        var k = new KernelBuilder("newer", Target.Sm80);
        var opcode = FloatInstructions.Add with { Requires = new Requirement(80, 75) };
        k.Emit(opcode, [k.NewRegister<F32>().Operand, F32.Constant(1).Operand, F32.Constant(2).Operand], "", 0);
        Assert.StartsWith(".version 7.5\n", k.Build(32).ToPtx(), StringComparison.Ordinal);
    }

    [Fact]
    public void What_a_target_lacks_is_refused_with_the_line_that_asked_for_it()
    {
        var error = Assert.Throws<InvalidInputException>(() => SampleKernels.PackedAdd(Target.Sm89));
        Assert.Contains("add.rn.bf16x2 at SampleKernels.cs:", error.Message, StringComparison.Ordinal);
        Assert.Contains("sm_89", error.Message, StringComparison.Ordinal);
        Assert.Contains("sm_90 or newer", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(Targets))]
    public void Each_instruction_is_there_or_refused_as_its_requirement_says(string name)
    {
        var target = Target.Named(name);
        foreach (var opcode in InstructionTable.All.Where(opcode => opcode.IsRegisterOnly))
        {
            var k = new KernelBuilder("one", target);
            var operands = opcode.Slots.SelectMany(slot => Enumerable.Range(0, slot.Count).Select(
                _ => slot.MustBeConstant ? Operand.Constant(slot.Type, 1) : k.NewRegister(slot.Type))).ToArray();
            if (target.Has(opcode.Requires))
            {
                k.Emit(opcode, operands, "", 0);
                Assert.Equal(Math.Max(target.Version, opcode.Requires.Version), k.Build(32).Version);
            }
            else
            {
                Assert.Throws<InvalidInputException>(() => k.Emit(opcode, operands, "", 0));
            }
        }
    }

    [Fact]
    public void Clusters_are_refused_where_there_are_none_and_written_where_there_are()
    {
        Assert.Throws<InvalidInputException>(() => new KernelBuilder("cluster", Target.Sm89).Cluster(2));
        Assert.Throws<InvalidInputException>(() => new KernelBuilder("cluster", Target.Sm90).Cluster(9));
        new KernelBuilder("alone", Target.Sm80).Cluster(1);
        var k = new KernelBuilder("cluster", Target.Sm90);
        k.Cluster(6);
        var kernel = k.Build(32);
        Assert.Contains(".reqntid 32, 1, 1\n.explicitcluster\n.reqnctapercluster 6, 1, 1\n", kernel.ToPtx(), StringComparison.Ordinal);
        var error = Assert.Throws<InvalidInputException>(() => new SimulatedDevice(Target.Sm90).Launch(kernel, new Grid(8), []));
        Assert.Contains("a multiple of the cluster's 6", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Architecture_specific_instructions_run_on_their_own_target_only()
    {
        var requirement = new Requirement(90, 80, ArchitectureSpecific: true);
        Assert.Equal([Target.Sm90a], Target.All.Where(target => target.Has(requirement)));
    }

    [Theory]
    [InlineData(80, "sm_80")]
    [InlineData(87, "sm_86")]
    [InlineData(89, "sm_89")]
    [InlineData(90, "sm_90")]
    [InlineData(103, "sm_100")]
    [InlineData(120, "sm_120")]
    public void A_device_gets_the_newest_target_that_it_runs(int computeCapability, string name) =>
        Assert.Equal(name, Target.For(computeCapability).Name);

    [Fact]
    public void Devices_and_names_without_a_target_are_refused()
    {
        Assert.Throws<InvalidInputException>(() => Target.For(75));
        Assert.Throws<InvalidInputException>(() => Target.Named("sm_70"));
    }
}
