using System.Numerics;
using System.Runtime.CompilerServices;

namespace Stof.Reference.Cuda.Ptx;

/// <summary>Arithmetic of predicates, and selection by them.</summary>
internal static class PredicateInstructions
{
    public static readonly Opcode And = Define("and.pred", (a, b) => a & b);

    public static readonly Opcode Or = Define("or.pred", (a, b) => a | b);

    public static readonly Opcode Xor = Define("xor.pred", (a, b) => a ^ b);

    public static readonly Opcode Not = new(
        "not.pred",
        InstructionClass.Predicate,
        (warp, instruction, lanes) => warp.SetPredicate(instruction.Operands[0], ~warp.Predicate(instruction.Operands[1]), lanes),
        new Slot(SlotRole.Destination, RegisterType.Pred),
        new Slot(SlotRole.Source, RegisterType.Pred));

    private static readonly Opcode[] Selections =
    [
        Selection<uint>("selp.b16", RegisterType.B16),
        Selection<uint>("selp.b32", RegisterType.B32),
        Selection<uint>("selp.f32", RegisterType.F32),
        Selection<ulong>("selp.b64", RegisterType.B64),
        Selection<ulong>("selp.f64", RegisterType.F64),
    ];

    /// <summary>The selection of a type.</summary>
    /// <exception cref="InvalidInputException">Predicates have none.</exception>
    public static Opcode Select(RegisterType type) => type switch
    {
        RegisterType.B16 => Selections[0],
        RegisterType.B32 or RegisterType.F16x2 or RegisterType.BF16x2 => Selections[1],
        RegisterType.F32 => Selections[2],
        RegisterType.B64 => Selections[3],
        RegisterType.F64 => Selections[4],
        _ => throw new InvalidInputException("selected type", type.ToString(), "16, 32 or 64 bits; combine predicates with And and Or"),
    };

    private static Opcode Define(string name, Func<uint, uint, uint> f) => new(
        name,
        InstructionClass.Predicate,
        (warp, instruction, lanes) => warp.SetPredicate(
            instruction.Operands[0], f(warp.Predicate(instruction.Operands[1]), warp.Predicate(instruction.Operands[2])), lanes),
        new Slot(SlotRole.Destination, RegisterType.Pred),
        new Slot(SlotRole.Source, RegisterType.Pred),
        new Slot(SlotRole.Source, RegisterType.Pred));

    private static Opcode Selection<T>(string name, RegisterType type)
        where T : unmanaged => new(
        name,
        InstructionClass.Predicate,
        (warp, instruction, lanes) =>
        {
            var a = Elementwise.Read<T>(warp, instruction.Operands[1]);
            var b = Elementwise.Read<T>(warp, instruction.Operands[2]);
            var holds = warp.Predicate(instruction.Operands[3]);
            var d = Elementwise.Write<T>(warp, instruction.Operands[0]);
            for (var left = lanes; left != 0; left &= left - 1)
            {
                var lane = BitOperations.TrailingZeroCount(left);
                d[lane] = (holds & (1u << lane)) != 0 ? a[lane] : b[lane];
            }
        },
        new Slot(SlotRole.Destination, type),
        new Slot(SlotRole.Source, type),
        new Slot(SlotRole.Source, type),
        new Slot(SlotRole.Source, RegisterType.Pred));
}

/// <content>Predicates.</content>
public sealed partial class KernelBuilder
{
    /// <summary>True where both are.</summary>
    public Pred And(Pred a, Pred b, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        Emit<Pred>(PredicateInstructions.And, [a.Operand, b.Operand], file, line);

    /// <summary>True where either is.</summary>
    public Pred Or(Pred a, Pred b, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        Emit<Pred>(PredicateInstructions.Or, [a.Operand, b.Operand], file, line);

    /// <summary>True where one is.</summary>
    public Pred Xor(Pred a, Pred b, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        Emit<Pred>(PredicateInstructions.Xor, [a.Operand, b.Operand], file, line);

    /// <summary>True where a is not.</summary>
    public Pred Not(Pred a, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        Emit<Pred>(PredicateInstructions.Not, [a.Operand], file, line);

    /// <summary>a where the predicate is set, b elsewhere.</summary>
    /// <exception cref="InvalidInputException">The values are predicates.</exception>
    public T Select<T>(Pred predicate, T a, T b, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0)
        where T : struct, IValue<T> =>
        Emit<T>(PredicateInstructions.Select(T.Type), [a.Operand, b.Operand, predicate.Operand], file, line);
}
