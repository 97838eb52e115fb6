using System.Collections.Immutable;
using System.Globalization;
using Stof.Reference.Cuda.Ptx;

namespace Stof.Reference.Cuda.Truth;

/// <summary>
/// A kernel that tries one register instruction out: each thread loads its operands from rows of 64-bit numbers, runs the instruction, and
/// stores the results in rows of their own. Row k belongs to register k of the instruction (destinations first); rows lie behind one
/// another.
/// </summary>
public sealed class InstructionProbe
{
    /// <summary>Threads of a block.</summary>
    public const int Threads = 128;

    // lop3 has its function in the text: majority, parity, selection, one that ignores an operand, and an odd one.
    private static readonly ImmutableArray<ulong> Tables = [0xe8, 0x96, 0xca, 0xf0, 0x1b];

    private InstructionProbe(Opcode opcode, ImmutableArray<ulong> constants, Target target, string name)
    {
        Opcode = opcode;
        Constants = constants;
        Kernel = Build(opcode, constants, target, name);
    }

    /// <summary>The instruction.</summary>
    public Opcode Opcode { get; }

    /// <summary>Values of the slots that must be constants.</summary>
    public ImmutableArray<ulong> Constants { get; }

    /// <summary>The kernel: parameters <c>rows</c> (pointer) and <c>row_bytes</c> (32 bits).</summary>
    public Kernel Kernel { get; }

    /// <summary>Types of the rows.</summary>
    public IEnumerable<RegisterType> Rows =>
        Opcode.Slots.Where(slot => !slot.MustBeConstant).SelectMany(slot => Enumerable.Repeat(slot.Type, slot.Count));

    /// <summary>False for special registers, which say where a thread is and depend on nothing else.</summary>
    public bool HasSources => Opcode.OperandCount > Opcode.DestinationCount;

    /// <summary>A probe for each register instruction that a target has.</summary>
    public static ImmutableArray<InstructionProbe> All(Target target)
    {
        ArgumentNullException.ThrowIfNull(target);
        var probes = ImmutableArray.CreateBuilder<InstructionProbe>();
        foreach (var opcode in InstructionTable.All)
        {
            if (opcode.IsRegisterOnly && target.Has(opcode.Requires))
            {
                var tables = opcode.Slots.Any(slot => slot.MustBeConstant) ? Tables.Select(table => ImmutableArray.Create(table)) : [[]];
                foreach (var constants in tables)
                {
                    probes.Add(new InstructionProbe(opcode, constants, target, Name(opcode, constants)));
                }
            }
        }

        return probes.ToImmutable();
    }

    // The signature in letters that a name may have.
    private static string Name(Opcode opcode, ImmutableArray<ulong> constants)
    {
        var letters = string.Concat(opcode.Signature.Select(letter => char.IsAsciiLetterOrDigit(letter) ? letter : letter == '{' ? 'v' : '_'));
        return string.Join(
            '_',
            ["probe", letters.Replace("__", "_", StringComparison.Ordinal).TrimEnd('_'), .. constants.Select(c => c.ToString("x2", CultureInfo.InvariantCulture))]);
    }

    private static Kernel Build(Opcode opcode, ImmutableArray<ulong> constants, Target target, string name)
    {
        var k = new KernelBuilder(name, target);
        var rows = k.Parameter<B64>("rows");
        var rowBytes = k.ExtendU32(k.Parameter<B32>("row_bytes"));
        var at = k.MadWideU32(k.Mad(k.BlockX(), k.BlockSizeX(), k.ThreadX()), 8, rows);
        var operands = new Operand[opcode.OperandCount];
        var addresses = new List<B64>();
        var constant = 0;
        var next = 0;
        foreach (var slot in opcode.Slots)
        {
            for (var i = 0; i < slot.Count; i++, next++)
            {
                if (slot.MustBeConstant)
                {
                    operands[next] = Operand.Constant(slot.Type, constants[constant++]);
                    continue;
                }

                addresses.Add(at);
                operands[next] = slot.Role == SlotRole.Destination
                    ? k.NewRegister(slot.Type)
                    : FromBits(k, slot.Type, k.LoadGlobal<B64>(new GlobalPointer(at)));
                at = k.Add(at, rowBytes);
            }
        }

        k.Emit(opcode, operands, "", 0);
        for (var i = 0; i < opcode.DestinationCount; i++)
        {
            k.StoreGlobal(new GlobalPointer(addresses[i]), ToBits(k, operands[i]));
        }

        return k.Build(Threads);
    }

    private static Operand FromBits(KernelBuilder k, RegisterType type, B64 bits) => type switch
    {
        RegisterType.Pred => k.CompareU64(Comparison.NotEqual, bits, 0).Operand,
        RegisterType.B16 => k.NarrowTo16(k.Narrow(bits)).Operand,
        RegisterType.F32 => k.FloatOf(k.Narrow(bits)).Operand,
        RegisterType.F16x2 => k.HalvesOf(k.Narrow(bits)).Operand,
        RegisterType.BF16x2 => k.BFloatsOf(k.Narrow(bits)).Operand,
        RegisterType.F64 => k.DoubleOf(bits).Operand,
        RegisterType.B64 => bits.Operand,
        _ => k.Narrow(bits).Operand,
    };

    private static B64 ToBits(KernelBuilder k, Operand register) => register.Type switch
    {
        RegisterType.Pred => k.Select<B64>(new Pred(register), 1, 0),
        RegisterType.B16 => k.ExtendU32(k.ExtendU16(new B16(register))),
        RegisterType.F32 => k.ExtendU32(k.Bits(new F32(register))),
        RegisterType.F16x2 => k.ExtendU32(k.Bits(new F16x2(register))),
        RegisterType.BF16x2 => k.ExtendU32(k.Bits(new BF16x2(register))),
        RegisterType.F64 => k.Bits(new F64(register)),
        RegisterType.B64 => new B64(register),
        _ => k.ExtendU32(new B32(register)),
    };
}
