using Stof.Reference.Cuda.Simulator;

namespace Stof.Reference.Cuda.Ptx;

/// <summary>Defines instructions that treat every lane alike: a line of C# says what one lane does.</summary>
internal static class Elementwise
{
    /// <summary>d = f(a, b) on floats.</summary>
    public static Opcode Binary(string name, RegisterType type, Func<float, float, float> f, InstructionClass instructionClass = InstructionClass.FloatArithmetic) =>
        new(
            name,
            instructionClass,
            (warp, instruction, lanes) =>
            {
                var a = warp.Words(instruction.Operands[1]);
                var b = warp.Words(instruction.Operands[2]);
                var d = warp.WordsOf(instruction.Operands[0]);
                for (var lane = 0; lane < Warp.Lanes; lane++)
                {
                    if ((lanes & (1u << lane)) != 0)
                    {
                        d[lane] = Canonical(f(BitConverter.UInt32BitsToSingle(a[lane]), BitConverter.UInt32BitsToSingle(b[lane])));
                    }
                }
            },
            new Slot(SlotRole.Destination, type),
            new Slot(SlotRole.Source, type),
            new Slot(SlotRole.Source, type));

    /// <summary>d = f(a, b, c) on floats.</summary>
    public static Opcode Ternary(string name, RegisterType type, Func<float, float, float, float> f) =>
        new(
            name,
            InstructionClass.FloatArithmetic,
            (warp, instruction, lanes) =>
            {
                var a = warp.Words(instruction.Operands[1]);
                var b = warp.Words(instruction.Operands[2]);
                var c = warp.Words(instruction.Operands[3]);
                var d = warp.WordsOf(instruction.Operands[0]);
                for (var lane = 0; lane < Warp.Lanes; lane++)
                {
                    if ((lanes & (1u << lane)) != 0)
                    {
                        d[lane] = Canonical(f(
                            BitConverter.UInt32BitsToSingle(a[lane]), BitConverter.UInt32BitsToSingle(b[lane]), BitConverter.UInt32BitsToSingle(c[lane])));
                    }
                }
            },
            new Slot(SlotRole.Destination, type),
            new Slot(SlotRole.Source, type),
            new Slot(SlotRole.Source, type),
            new Slot(SlotRole.Source, type));

    /// <summary>The bits of a float as NVIDIA's arithmetic gives them: one NaN.</summary>
    public static uint Canonical(float value) => float.IsNaN(value) ? 0x7fffffffu : BitConverter.SingleToUInt32Bits(value);
}
