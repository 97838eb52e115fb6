using Stof.Reference.Cuda.Ptx;
using Stof.Reference.Cuda.Truth;

namespace Stof.Reference.Cuda.Tests.Ptx;

public sealed class InstructionTableTests
{
    private const int Warps = 200;

    public static TheoryData<string> Signatures => [.. InstructionTable.All.Where(opcode => opcode.IsRegisterOnly).Select(opcode => opcode.Signature)];

    [Fact]
    public void Signatures_are_unique()
    {
        Assert.True(InstructionTable.All.Length > 100);
        Assert.Empty(InstructionTable.All.GroupBy(opcode => opcode.Signature).Where(group => group.Count() > 1).Select(group => group.Key));
    }

    [Fact]
    public void Every_expectation_has_its_instruction() =>
        Assert.Empty(Expectations.All.Keys.Except(InstructionTable.All.Select(opcode => opcode.Signature)));

    [Theory]
    [MemberData(nameof(Signatures))]
    public void A_register_instruction_gives_what_a_second_formula_gives(string signature)
    {
        var opcode = Named(signature);
        if (signature is "mov.u32 b32, %tid.x" or "mov.u32 b32, %laneid")
        {
            // The only ones that tell lanes apart.
            var lanes = new ulong[32];
            new LaneEvaluator(opcode, []).Run([lanes]);
            Assert.Equal(Enumerable.Range(0, 32).Select(lane => (ulong)lane), lanes);
            return;
        }

        Assert.True(Expectations.All.TryGetValue(signature, out var expected), $"no expectation for {signature}");
        var random = new Random(17);
        for (var warp = 0; warp < Warps; warp++)
        {
            var constants = Constants(opcode, random);
            var values = Values(opcode, random);
            new LaneEvaluator(opcode, constants).Run(values);
            for (var lane = 0; lane < 32; lane++)
            {
                ulong[] sources = [.. values.Skip(opcode.DestinationCount).Select(operand => operand[lane]), .. constants];
                var results = expected(sources);
                for (var i = 0; i < opcode.DestinationCount; i++)
                {
                    Assert.True(
                        IsSame(opcode, results[i], values[i][lane]),
                        $"{signature} of {string.Join(", ", sources.Select(source => $"0x{source:x}"))}: 0x{values[i][lane]:x}, expected 0x{results[i]:x} (seed 17, warp {warp})");
                }
            }
        }
    }

    [Theory]
    [MemberData(nameof(Signatures))]
    public void Lanes_that_do_not_take_part_keep_their_registers(string signature)
    {
        var opcode = Named(signature);
        var random = new Random(18);
        foreach (var lanes in new[] { 0u, 1u, 0x80000000u, 0xaaaaaaaau, 0x7fffffffu, (uint)random.NextInt64(1L << 32) })
        {
            var constants = Constants(opcode, random);
            var values = Values(opcode, random);
            ulong[][] all = [.. values.Select(operand => operand.ToArray())];
            ulong[][] masked = [.. values.Select(operand => operand.ToArray())];
            new LaneEvaluator(opcode, constants).Run(all);
            new LaneEvaluator(opcode, constants).Run(masked, lanes);
            for (var i = 0; i < opcode.DestinationCount; i++)
            {
                for (var lane = 0; lane < 32; lane++)
                {
                    Assert.Equal(((lanes >> lane) & 1) == 1 ? all[i][lane] : values[i][lane], masked[i][lane]);
                }
            }
        }
    }

    [Theory]
    [MemberData(nameof(Signatures))]
    public void A_destination_may_be_a_source(string signature)
    {
        var opcode = Named(signature);
        if (opcode.OperandCount == opcode.DestinationCount || opcode.Slots[0].Type.File() != opcode.Slots[1].Type.File())
        {
            return;
        }

        var random = new Random(19);
        var constants = Constants(opcode, random);
        var values = Values(opcode, random);
        ulong[][] apart = [.. values.Select(operand => operand.ToArray())];
        ulong[][] aliased = [values[opcode.DestinationCount].ToArray(), .. values.Skip(1).Select(operand => operand.ToArray())];
        new LaneEvaluator(opcode, constants).Run(apart);
        new LaneEvaluator(opcode, constants, isAliased: true).Run(aliased);
        for (var i = 0; i < opcode.DestinationCount; i++)
        {
            Assert.Equal(apart[i], aliased[i]);
        }
    }

    private static Opcode Named(string signature) => InstructionTable.All.Single(opcode => opcode.Signature == signature);

    private static ulong[] Constants(Opcode opcode, Random random) =>
        [.. opcode.Slots.Where(slot => slot.MustBeConstant).Select(_ => (ulong)random.Next(256))];

    private static ulong[][] Values(Opcode opcode, Random random) =>
    [
        .. opcode.Slots.Where(slot => !slot.MustBeConstant).SelectMany(slot => Enumerable.Repeat(slot.Type, slot.Count)).Select(
            type => Enumerable.Range(0, 32).Select(_ => OperandSampler.Next(random, type)).ToArray()),
    ];

    private static bool IsSame(Opcode opcode, ulong expected, ulong found) => expected == found || opcode.Slots[0].Type switch
    {
        // Which NaN comes out of doubles is not defined.
        RegisterType.F64 => double.IsNaN(BitConverter.UInt64BitsToDouble(expected)) && double.IsNaN(BitConverter.UInt64BitsToDouble(found)),
        RegisterType.F32 when !opcode.Accuracy.IsExact => new AccuracyBound(1e-6, Math.ScaleB(1, -149)).Allows(
            BitConverter.UInt32BitsToSingle((uint)found), BitConverter.UInt32BitsToSingle((uint)expected)),
        _ => false,
    };
}
