using System.Runtime.CompilerServices;
using Stof.Reference.Cuda.Ptx.Layouts;
using Stof.Reference.Cuda.Simulator;

namespace Stof.Reference.Cuda.Ptx;

/// <summary>Loads and stores of 8×8 matrices of 16-bit elements in shared memory by a warp.</summary>
internal static class MatrixMemoryInstructions
{
    private static readonly int[] Counts = [1, 2, 4];

    private static readonly Dictionary<(int Count, bool IsTransposed), Opcode> Loads = ForAll(DefineLoad);

    private static readonly Dictionary<(int Count, bool IsTransposed), Opcode> Stores = ForAll(DefineStore);

    public static readonly IEnumerable<Opcode> All = [.. Loads.Values, .. Stores.Values];

    public static Opcode Load(int count, bool isTransposed) => Find(Loads, count, isTransposed);

    public static Opcode Store(int count, bool isTransposed) => Find(Stores, count, isTransposed);

    private static Opcode Find(Dictionary<(int Count, bool IsTransposed), Opcode> opcodes, int count, bool isTransposed) =>
        opcodes.TryGetValue((count, isTransposed), out var opcode)
            ? opcode
            : throw new InvalidInputException("matrices", $"{count}", "1, 2 or 4");

    private static Dictionary<(int Count, bool IsTransposed), Opcode> ForAll(Func<int, bool, Opcode> define) =>
        Counts.SelectMany(count => new[] { (count, false), (count, true) }).ToDictionary(key => key, key => define(key.count, key.Item2));

    private static Opcode DefineLoad(int count, bool isTransposed)
    {
        var layout = new FragmentTable(isTransposed ? MmaFragments.MatrixTransposed : MmaFragments.Matrix);
        return new Opcode(
            $"ldmatrix.sync.aligned.m8n8.x{count}{(isTransposed ? ".trans" : "")}.shared.b16",
            InstructionClass.Shared,
            (warp, instruction, lanes) => warp.LoadMatrices(instruction, count, layout),
            new Slot(SlotRole.Destination, RegisterType.B32, count) { IsBraced = true },
            new Slot(SlotRole.Address, RegisterType.B32))
        {
            Demand = LaneDemand.All,
        };
    }

    private static Opcode DefineStore(int count, bool isTransposed)
    {
        var layout = new FragmentTable(isTransposed ? MmaFragments.MatrixTransposed : MmaFragments.Matrix);
        return new Opcode(
            $"stmatrix.sync.aligned.m8n8.x{count}{(isTransposed ? ".trans" : "")}.shared.b16",
            InstructionClass.Shared,
            (warp, instruction, lanes) => warp.StoreMatrices(instruction, count, layout),
            new Slot(SlotRole.Address, RegisterType.B32),
            new Slot(SlotRole.Source, RegisterType.B32, count) { IsBraced = true })
        {
            Demand = LaneDemand.All,
            TakesConstants = false,
            Requires = new Requirement(90, 78),
        };
    }
}

/// <content>Loads and stores of 8×8 matrices of 16-bit elements.</content>
public sealed partial class KernelBuilder
{
    /// <summary>
    /// Loads 1, 2 or 4 matrices of 8×8 16-bit elements: row r of matrix i is the 16 bytes at the address of lane 8·i + r, and register i holds matrix i
    /// as <see cref="MmaFragments.Matrix"/> (or <see cref="MmaFragments.MatrixTransposed"/>) has it.
    /// </summary>
    /// <exception cref="InvalidInputException">Another count.</exception>
    public B32[] LoadMatrix(
        SharedPointer row, int count, bool transposed = false, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        EmitVectorLoad<B32>(MatrixMemoryInstructions.Load(count, transposed), row.Base.Operand, count, file, line, row.Offset);

    /// <summary>Stores 1, 2 or 4 matrices, as <see cref="LoadMatrix"/> loads them (sm_90).</summary>
    /// <exception cref="InvalidInputException">Another count, or the target lacks it.</exception>
    public void StoreMatrix<T>(
        SharedPointer row,
        ReadOnlySpan<T> matrices,
        bool transposed = false,
        [CallerFilePath] string file = "",
        [CallerLineNumber] int line = 0)
        where T : struct, IValue<T>
    {
        if (T.Type.Bits() != 32)
        {
            throw new InvalidInputException("matrices", T.Type.ToString(), "registers of 32 bits");
        }

        EmitVectorStore(MatrixMemoryInstructions.Store(matrices.Length, transposed), row.Base.Operand, matrices, file, line, row.Offset);
    }
}
