using System.Buffers.Binary;
using System.Numerics;
using System.Runtime.CompilerServices;

namespace Stof.Reference.Cuda.Ptx;

/// <summary>Bits of 32-bit registers.</summary>
internal static class BitInstructions
{
    public static readonly Opcode And = Define("and.b32", (uint a, uint b) => a & b);

    public static readonly Opcode Or = Define("or.b32", (uint a, uint b) => a | b);

    public static readonly Opcode Xor = Define("xor.b32", (uint a, uint b) => a ^ b);

    public static readonly Opcode Not = Define("not.b32", (uint a) => ~a);

    public static readonly Opcode Shl = Define("shl.b32", (uint a, uint count) => count > 31 ? 0 : a << (int)count);

    public static readonly Opcode ShrU32 = Define("shr.u32", (uint a, uint count) => count > 31 ? 0 : a >> (int)count);

    public static readonly Opcode ShrS32 = Define("shr.s32", (int a, uint count) => a >> (int)Math.Min(count, 31));

    public static readonly Opcode FunnelShiftL = Define(
        "shf.l.wrap.b32", (uint low, uint high, uint count) => (uint)((((ulong)high << 32) | low) << (int)(count & 31) >> 32));

    public static readonly Opcode FunnelShiftR = Define(
        "shf.r.wrap.b32", (uint low, uint high, uint count) => (uint)((((ulong)high << 32) | low) >> (int)(count & 31)));

    public static readonly Opcode Popc = Define("popc.b32", (uint a) => (uint)BitOperations.PopCount(a));

    public static readonly Opcode Clz = Define("clz.b32", (uint a) => (uint)BitOperations.LeadingZeroCount(a));

    public static readonly Opcode Brev = Define("brev.b32", (uint a) => Reverse(a));

    public static readonly Opcode BfeU32 = Define("bfe.u32", (uint a, uint position, uint length) => ExtractUnsigned(a, position, length));

    public static readonly Opcode BfeS32 = Define("bfe.s32", (int a, uint position, uint length) => ExtractSigned(a, position, length));

    public static readonly Opcode Bfi = new(
        "bfi.b32",
        InstructionClass.IntegerArithmetic,
        (warp, instruction, lanes) =>
        {
            var a = Elementwise.Read<uint>(warp, instruction.Operands[1]);
            var b = Elementwise.Read<uint>(warp, instruction.Operands[2]);
            var position = Elementwise.Read<uint>(warp, instruction.Operands[3]);
            var length = Elementwise.Read<uint>(warp, instruction.Operands[4]);
            var d = Elementwise.Write<uint>(warp, instruction.Operands[0]);
            for (var left = lanes; left != 0; left &= left - 1)
            {
                var lane = BitOperations.TrailingZeroCount(left);
                d[lane] = Insert(a[lane], b[lane], position[lane], length[lane]);
            }
        },
        new Slot(SlotRole.Destination, RegisterType.B32),
        new Slot(SlotRole.Source, RegisterType.B32),
        new Slot(SlotRole.Source, RegisterType.B32),
        new Slot(SlotRole.Source, RegisterType.B32),
        new Slot(SlotRole.Source, RegisterType.B32));

    public static readonly Opcode Lop3 = new(
        "lop3.b32",
        InstructionClass.IntegerArithmetic,
        (warp, instruction, lanes) =>
        {
            var a = Elementwise.Read<uint>(warp, instruction.Operands[1]);
            var b = Elementwise.Read<uint>(warp, instruction.Operands[2]);
            var c = Elementwise.Read<uint>(warp, instruction.Operands[3]);
            var table = (uint)instruction.Operands[4].Bits;
            var d = Elementwise.Write<uint>(warp, instruction.Operands[0]);
            for (var left = lanes; left != 0; left &= left - 1)
            {
                var lane = BitOperations.TrailingZeroCount(left);
                d[lane] = LookUp(a[lane], b[lane], c[lane], table);
            }
        },
        new Slot(SlotRole.Destination, RegisterType.B32),
        new Slot(SlotRole.Source, RegisterType.B32),
        new Slot(SlotRole.Source, RegisterType.B32),
        new Slot(SlotRole.Source, RegisterType.B32),
        new Slot(SlotRole.Source, RegisterType.B32, MustBeConstant: true));

    /// <summary>The generic byte permutation and its six special modes, by <see cref="PermuteMode"/>.</summary>
    public static readonly Opcode[] Prmt =
    [
        Define("prmt.b32", (uint a, uint b, uint selector) => Permute(a, b, selector)),
        .. Enum.GetValues<PermuteMode>().Select(mode => Define(
            $"prmt.b32.{PermuteName(mode)}", (uint a, uint b, uint selector) => Permute(a, b, SelectorOf(mode, (int)(selector & 3))))),
    ];

    /// <summary>Bits in reverse order.</summary>
    public static uint Reverse(uint a)
    {
        a = ((a >> 1) & 0x55555555) | ((a & 0x55555555) << 1);
        a = ((a >> 2) & 0x33333333) | ((a & 0x33333333) << 2);
        a = ((a >> 4) & 0x0f0f0f0f) | ((a & 0x0f0f0f0f) << 4);
        return BinaryPrimitives.ReverseEndianness(a);
    }

    private static string PermuteName(PermuteMode mode) => mode switch
    {
        PermuteMode.Forward4 => "f4e",
        PermuteMode.Backward4 => "b4e",
        PermuteMode.Replicate8 => "rc8",
        PermuteMode.ClampLeft => "ecl",
        PermuteMode.ClampRight => "ecr",
        _ => "rc16",
    };

    // The selector of the generic form that a special mode stands for.
    private static uint SelectorOf(PermuteMode mode, int control)
    {
        var selector = 0u;
        for (var i = 0; i < 4; i++)
        {
            var source = mode switch
            {
                PermuteMode.Forward4 => control + i,
                PermuteMode.Backward4 => (control - i) & 7,
                PermuteMode.Replicate8 => control,
                PermuteMode.ClampLeft => Math.Max(i, control),
                PermuteMode.ClampRight => Math.Min(i, control),
                _ => ((control & 1) * 2) + (i & 1),
            };
            selector |= (uint)source << (4 * i);
        }

        return selector;
    }

    private static uint Permute(uint a, uint b, uint selector)
    {
        var bytes = ((ulong)b << 32) | a;
        var result = 0u;
        for (var i = 0; i < 4; i++)
        {
            var nibble = (int)(selector >> (4 * i)) & 15;
            var value = (uint)(bytes >> (8 * (nibble & 7))) & 0xff;
            if ((nibble & 8) != 0)
            {
                value = (value & 0x80) != 0 ? 0xffu : 0;
            }

            result |= value << (8 * i);
        }

        return result;
    }

    private static uint LookUp(uint a, uint b, uint c, uint table)
    {
        var result = 0u;
        for (var row = 0; row < 8; row++)
        {
            if ((table & (1u << row)) != 0)
            {
                result |= ((row & 4) != 0 ? a : ~a) & ((row & 2) != 0 ? b : ~b) & ((row & 1) != 0 ? c : ~c);
            }
        }

        return result;
    }

    private static uint LowBits(uint length) => length > 31 ? uint.MaxValue : (1u << (int)length) - 1;

    private static uint ExtractUnsigned(uint a, uint position, uint length) =>
        (position & 0xff) > 31 ? 0 : (a >> (int)(position & 0xff)) & LowBits(length & 0xff);

    private static int ExtractSigned(int a, uint position, uint length)
    {
        position &= 0xff;
        length &= 0xff;
        if (length == 0)
        {
            return 0;
        }

        // The field ends at a's sign at the latest.
        var top = (int)Math.Min(position + length - 1, 31);
        return position > 31 ? a >> 31 : a << (31 - top) >> (31 - top + (int)position);
    }

    private static uint Insert(uint a, uint b, uint position, uint length)
    {
        position &= 0xff;
        var field = position > 31 ? 0 : LowBits(length & 0xff) << (int)position;
        return (b & ~field) | (position > 31 ? 0 : (a << (int)position) & field);
    }

    private static Opcode Define<TA, TD>(string name, Func<TA, TD> f)
        where TA : unmanaged
        where TD : unmanaged => Elementwise.Define(name, InstructionClass.IntegerArithmetic, f);

    private static Opcode Define<TA, TB, TD>(string name, Func<TA, TB, TD> f)
        where TA : unmanaged
        where TB : unmanaged
        where TD : unmanaged => Elementwise.Define(name, InstructionClass.IntegerArithmetic, f);

    private static Opcode Define<TA, TB, TC, TD>(string name, Func<TA, TB, TC, TD> f)
        where TA : unmanaged
        where TB : unmanaged
        where TC : unmanaged
        where TD : unmanaged => Elementwise.Define(name, InstructionClass.IntegerArithmetic, f);
}

/// <content>Bits of 32-bit registers.</content>
public sealed partial class KernelBuilder
{
    /// <summary>Bits set in both.</summary>
    public B32 And(B32 a, B32 b, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        Emit<B32>(BitInstructions.And, [a.Operand, b.Operand], file, line);

    /// <summary>Bits set in either.</summary>
    public B32 Or(B32 a, B32 b, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        Emit<B32>(BitInstructions.Or, [a.Operand, b.Operand], file, line);

    /// <summary>Bits set in one.</summary>
    public B32 Xor(B32 a, B32 b, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        Emit<B32>(BitInstructions.Xor, [a.Operand, b.Operand], file, line);

    /// <summary>All bits turned.</summary>
    public B32 Not(B32 a, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        Emit<B32>(BitInstructions.Not, [a.Operand], file, line);

    /// <summary>a·2^count; 0 for 32 and more.</summary>
    public B32 Shl(B32 a, B32 count, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        Emit<B32>(BitInstructions.Shl, [a.Operand, count.Operand], file, line);

    /// <summary>a ÷ 2^count; 0 for 32 and more.</summary>
    public B32 ShrU32(B32 a, B32 count, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        Emit<B32>(BitInstructions.ShrU32, [a.Operand, count.Operand], file, line);

    /// <summary>a ÷ 2^count rounded down, with the sign; only the sign for 32 and more.</summary>
    public B32 ShrS32(B32 a, B32 count, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        Emit<B32>(BitInstructions.ShrS32, [a.Operand, count.Operand], file, line);

    /// <summary>The high half of high:low shifted left by count modulo 32.</summary>
    public B32 FunnelShiftL(B32 low, B32 high, B32 count, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        Emit<B32>(BitInstructions.FunnelShiftL, [low.Operand, high.Operand, count.Operand], file, line);

    /// <summary>The low half of high:low shifted right by count modulo 32.</summary>
    public B32 FunnelShiftR(B32 low, B32 high, B32 count, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        Emit<B32>(BitInstructions.FunnelShiftR, [low.Operand, high.Operand, count.Operand], file, line);

    /// <summary>How many bits are set.</summary>
    public B32 Popc(B32 a, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        Emit<B32>(BitInstructions.Popc, [a.Operand], file, line);

    /// <summary>Clear bits above the highest set one; 32 for 0.</summary>
    public B32 Clz(B32 a, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        Emit<B32>(BitInstructions.Clz, [a.Operand], file, line);

    /// <summary>The bits in reverse order.</summary>
    public B32 Brev(B32 a, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        Emit<B32>(BitInstructions.Brev, [a.Operand], file, line);

    /// <summary>Length bits of a from a position on, zeros above; of position and length the low 8 bits count.</summary>
    public B32 Bfe(B32 a, B32 position, B32 length, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        Emit<B32>(BitInstructions.BfeU32, [a.Operand, position.Operand, length.Operand], file, line);

    /// <summary>Length bits of a from a position on, their highest (at most a's) repeated above; of position and length the low 8 bits count.</summary>
    public B32 BfeS32(B32 a, B32 position, B32 length, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        Emit<B32>(BitInstructions.BfeS32, [a.Operand, position.Operand, length.Operand], file, line);

    /// <summary>b with its bits from a position on replaced by the low length bits of a; of position and length the low 8 bits count.</summary>
    public B32 Bfi(B32 a, B32 b, B32 position, B32 length, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        Emit<B32>(BitInstructions.Bfi, [a.Operand, b.Operand, position.Operand, length.Operand], file, line);

    /// <summary>Any function of three bits, bit by bit.</summary>
    /// <param name="a">First.</param>
    /// <param name="b">Second.</param>
    /// <param name="c">Third.</param>
    /// <param name="table">The function of 0xF0, 0xCC and 0xAA.</param>
    /// <param name="file">Path of the caller.</param>
    /// <param name="line">Line of the caller.</param>
    public B32 Lop3(B32 a, B32 b, B32 c, byte table, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        Emit<B32>(BitInstructions.Lop3, [a.Operand, b.Operand, c.Operand, B32.Constant(table).Operand], file, line);

    /// <summary>
    /// Four of the eight bytes of b:a: nibble i of the selector names the byte that becomes byte i, and its top bit asks for the byte's sign
    /// repeated instead.
    /// </summary>
    public B32 Prmt(B32 a, B32 b, B32 selector, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        Emit<B32>(BitInstructions.Prmt[0], [a.Operand, b.Operand, selector.Operand], file, line);

    /// <summary>Four of the eight bytes of b:a, chosen by a mode and the low two bits of a control.</summary>
    public B32 Prmt(B32 a, B32 b, B32 control, PermuteMode mode, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        Emit<B32>(BitInstructions.Prmt[1 + (int)mode], [a.Operand, b.Operand, control.Operand], file, line);
}
