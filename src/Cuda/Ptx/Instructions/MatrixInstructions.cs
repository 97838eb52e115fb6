using System.Runtime.CompilerServices;
using Stof.Reference.Cuda.Ptx.Layouts;
using Stof.Reference.Cuda.Simulator;

namespace Stof.Reference.Cuda.Ptx;

/// <summary>Products of small matrices by a warp (<c>mma.sync</c>).</summary>
internal static class MatrixInstructions
{
    public static readonly Opcode F16K16 = Define(
        "m16n8k16", "f16", MatrixElement.F16, MmaFragments.A16, MmaFragments.B16, MmaFragments.AccumulatorF32);

    public static readonly Opcode F16K8 = Define(
        "m16n8k8", "f16", MatrixElement.F16, MmaFragments.A8, MmaFragments.B8, MmaFragments.AccumulatorF32);

    public static readonly Opcode BF16K16 = Define(
        "m16n8k16", "bf16", MatrixElement.BF16, MmaFragments.A16, MmaFragments.B16, MmaFragments.AccumulatorF32);

    public static readonly Opcode BF16K8 = Define(
        "m16n8k8", "bf16", MatrixElement.BF16, MmaFragments.A8, MmaFragments.B8, MmaFragments.AccumulatorF32);

    public static readonly Opcode Tf32K8 = Define(
        "m16n8k8", "tf32", MatrixElement.Tf32, MmaFragments.ATf32, MmaFragments.BTf32, MmaFragments.AccumulatorF32);

    public static readonly Opcode F16K16HalfSums = Define(
        "m16n8k16", "f16", MatrixElement.F16, MmaFragments.A16, MmaFragments.B16, MmaFragments.AccumulatorF16);

    public static readonly Opcode F16K8HalfSums = Define(
        "m16n8k8", "f16", MatrixElement.F16, MmaFragments.A8, MmaFragments.B8, MmaFragments.AccumulatorF16);

    private static Opcode Define(
        string shape, string type, MatrixElement element, FragmentLayout a, FragmentLayout b, FragmentLayout c)
    {
        var (left, right, sums) = (new FragmentTable(a), new FragmentTable(b), new FragmentTable(c));
        var sum = c.Elements == 1 ? "f32" : "f16";
        var register = c.Elements == 1 ? RegisterType.F32 : RegisterType.B32;
        return new Opcode(
            $"mma.sync.aligned.{shape}.row.col.{sum}.{type}.{type}.{sum}",
            InstructionClass.Tensor,
            (warp, instruction, lanes) => warp.MultiplyMatrices(instruction, left, right, sums, element),
            new Slot(SlotRole.Destination, register, c.Registers) { IsBraced = true },
            new Slot(SlotRole.Source, RegisterType.B32, a.Registers) { IsBraced = true },
            new Slot(SlotRole.Source, RegisterType.B32, b.Registers) { IsBraced = true },
            new Slot(SlotRole.Source, register, c.Registers) { IsBraced = true })
        {
            Demand = LaneDemand.All,
            TakesConstants = false,
            Accuracy = c.Elements == 1 ? MmaArithmetic.Bound : MmaArithmetic.HalfBound,
        };
    }
}

/// <content>
/// Products of small matrices by a warp: D = A·B + C with A 16×k, B k×8, C and D 16×8, in fragments as <see cref="MmaFragments"/> has them.
/// The number of A's registers says which k it is.
/// </content>
public sealed partial class KernelBuilder
{
    /// <summary>accumulators += A·B on halves with float sums; k is 16 (4 registers of A, 2 of B) or 8 (2 and 1).</summary>
    /// <exception cref="InvalidInputException">The numbers of registers fit no shape.</exception>
    public void MmaF16(
        ReadOnlySpan<F32> accumulators,
        ReadOnlySpan<B32> a,
        ReadOnlySpan<B32> b,
        [CallerFilePath] string file = "",
        [CallerLineNumber] int line = 0) =>
        EmitMma(ShapeOf(a.Length, MatrixInstructions.F16K16, MatrixInstructions.F16K8), accumulators, a, b, accumulators, file, line);

    /// <inheritdoc cref="MmaF16(ReadOnlySpan{F32}, ReadOnlySpan{B32}, ReadOnlySpan{B32}, string, int)"/>
    public void MmaF16(
        ReadOnlySpan<F32> accumulators,
        ReadOnlySpan<F16x2> a,
        ReadOnlySpan<B32> b,
        [CallerFilePath] string file = "",
        [CallerLineNumber] int line = 0) =>
        EmitMma(ShapeOf(a.Length, MatrixInstructions.F16K16, MatrixInstructions.F16K8), accumulators, a, b, accumulators, file, line);

    /// <summary>A·B + C on halves with float sums, in new registers; C may be constants.</summary>
    /// <exception cref="InvalidInputException">The numbers of registers fit no shape.</exception>
    public F32[] MmaF16Sum(
        ReadOnlySpan<B32> a,
        ReadOnlySpan<B32> b,
        ReadOnlySpan<F32> c,
        [CallerFilePath] string file = "",
        [CallerLineNumber] int line = 0)
    {
        var d = NewRegisters<F32>(c.Length);
        EmitMma(ShapeOf(a.Length, MatrixInstructions.F16K16, MatrixInstructions.F16K8), d, a, b, c, file, line);
        return d;
    }

    /// <summary>accumulators += A·B on halves with half sums (2 registers); k is 16 or 8.</summary>
    /// <exception cref="InvalidInputException">The numbers of registers fit no shape.</exception>
    public void MmaF16(
        ReadOnlySpan<F16x2> accumulators,
        ReadOnlySpan<B32> a,
        ReadOnlySpan<B32> b,
        [CallerFilePath] string file = "",
        [CallerLineNumber] int line = 0) =>
        EmitMma(
            ShapeOf(a.Length, MatrixInstructions.F16K16HalfSums, MatrixInstructions.F16K8HalfSums), accumulators, a, b, accumulators, file, line);

    /// <summary>accumulators += A·B on bfloat16 with float sums; k is 16 (4 registers of A, 2 of B) or 8 (2 and 1).</summary>
    /// <exception cref="InvalidInputException">The numbers of registers fit no shape.</exception>
    public void MmaBF16(
        ReadOnlySpan<F32> accumulators,
        ReadOnlySpan<B32> a,
        ReadOnlySpan<B32> b,
        [CallerFilePath] string file = "",
        [CallerLineNumber] int line = 0) =>
        EmitMma(ShapeOf(a.Length, MatrixInstructions.BF16K16, MatrixInstructions.BF16K8), accumulators, a, b, accumulators, file, line);

    /// <inheritdoc cref="MmaBF16(ReadOnlySpan{F32}, ReadOnlySpan{B32}, ReadOnlySpan{B32}, string, int)"/>
    public void MmaBF16(
        ReadOnlySpan<F32> accumulators,
        ReadOnlySpan<BF16x2> a,
        ReadOnlySpan<B32> b,
        [CallerFilePath] string file = "",
        [CallerLineNumber] int line = 0) =>
        EmitMma(ShapeOf(a.Length, MatrixInstructions.BF16K16, MatrixInstructions.BF16K8), accumulators, a, b, accumulators, file, line);

    /// <summary>A·B + C on bfloat16 with float sums, in new registers; C may be constants.</summary>
    /// <exception cref="InvalidInputException">The numbers of registers fit no shape.</exception>
    public F32[] MmaBF16Sum(
        ReadOnlySpan<B32> a,
        ReadOnlySpan<B32> b,
        ReadOnlySpan<F32> c,
        [CallerFilePath] string file = "",
        [CallerLineNumber] int line = 0)
    {
        var d = NewRegisters<F32>(c.Length);
        EmitMma(ShapeOf(a.Length, MatrixInstructions.BF16K16, MatrixInstructions.BF16K8), d, a, b, c, file, line);
        return d;
    }

    /// <summary>accumulators += A·B on TF32 (floats whose low 13 bits do not count) with float sums; k is 8: 4 registers of A, 2 of B.</summary>
    /// <exception cref="InvalidInputException">The numbers of registers are others.</exception>
    public void MmaTf32(
        ReadOnlySpan<F32> accumulators,
        ReadOnlySpan<B32> a,
        ReadOnlySpan<B32> b,
        [CallerFilePath] string file = "",
        [CallerLineNumber] int line = 0) =>
        EmitMma(MatrixInstructions.Tf32K8, accumulators, a, b, accumulators, file, line);

    private static Opcode ShapeOf(int registers, Opcode k16, Opcode k8) => registers switch
    {
        4 => k16,
        2 => k8,
        _ => throw new InvalidInputException("A's registers", $"{registers}", "4 for k = 16, 2 for k = 8"),
    };

    private T[] NewRegisters<T>(int count)
        where T : struct, IValue<T>
    {
        var registers = new T[count];
        for (var i = 0; i < count; i++)
        {
            registers[i] = NewRegister<T>();
        }

        return registers;
    }

    private void EmitMma<TC, TA, TB>(
        Opcode opcode, ReadOnlySpan<TC> d, ReadOnlySpan<TA> a, ReadOnlySpan<TB> b, ReadOnlySpan<TC> c, string file, int line)
        where TC : struct, IValue<TC>
        where TA : struct, IValue<TA>
        where TB : struct, IValue<TB>
    {
        var slots = opcode.Slots;
        if (d.Length != slots[0].Count || a.Length != slots[1].Count || b.Length != slots[2].Count || c.Length != slots[3].Count)
        {
            throw new InvalidInputException(
                $"registers of {opcode.Name}",
                $"{d.Length} of D, {a.Length} of A, {b.Length} of B, {c.Length} of C",
                $"{slots[0].Count}, {slots[1].Count}, {slots[2].Count}, {slots[3].Count}");
        }

        var operands = new List<Operand>(opcode.OperandCount);
        Append(operands, d);
        Append(operands, a);
        Append(operands, b);
        Append(operands, c);
        Emit(opcode, operands.ToArray(), file, line);
    }

    private static void Append<T>(List<Operand> operands, ReadOnlySpan<T> values)
        where T : struct, IValue<T>
    {
        foreach (var value in values)
        {
            operands.Add(value.Operand);
        }
    }
}
