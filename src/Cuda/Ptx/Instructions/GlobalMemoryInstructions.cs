using System.Runtime.CompilerServices;

namespace Stof.Reference.Cuda.Ptx;

/// <summary>Loads and stores in global memory.</summary>
internal static class GlobalMemoryInstructions
{
    private static readonly Dictionary<(RegisterType Type, int Count), Opcode> LoadOpcodes = MemoryTypes.ForAll(DefineLoad);

    private static readonly Dictionary<(RegisterType Type, int Count), Opcode> ReadOnlyOpcodes = MemoryTypes.ForAll(DefineReadOnlyLoad);

    private static readonly Dictionary<(RegisterType Type, int Count), Opcode> StoreOpcodes = MemoryTypes.ForAll(DefineStore);

    public static readonly Opcode LoadByte = new(
        "ld.global.u8",
        InstructionClass.Global,
        (warp, instruction, lanes) => warp.LoadGlobal(instruction, lanes, 1, 1, isReadOnly: false),
        new Slot(SlotRole.Destination, RegisterType.B32),
        new Slot(SlotRole.Address, RegisterType.B64));

    public static readonly Opcode StoreByte = new(
        "st.global.u8",
        InstructionClass.Global,
        (warp, instruction, lanes) => warp.StoreGlobal(instruction, lanes, 1, 1),
        new Slot(SlotRole.Address, RegisterType.B64),
        new Slot(SlotRole.Source, RegisterType.B32));

    public static readonly Opcode Prefetch = new(
        "prefetch.global.L2",
        InstructionClass.Global,
        (warp, instruction, lanes) => warp.PrefetchGlobal(instruction, lanes),
        new Slot(SlotRole.Address, RegisterType.B64));

    public static readonly IEnumerable<Opcode> All = [.. LoadOpcodes.Values, .. ReadOnlyOpcodes.Values, .. StoreOpcodes.Values];

    public static Opcode Load(RegisterType type, int count) => MemoryTypes.Find(LoadOpcodes, type, count);

    public static Opcode LoadReadOnly(RegisterType type, int count) => MemoryTypes.Find(ReadOnlyOpcodes, type, count);

    public static Opcode Store(RegisterType type, int count) => MemoryTypes.Find(StoreOpcodes, type, count);

    private static Opcode DefineLoad(RegisterType type, int count) => new(
        $"ld.global{MemoryTypes.Vector(count)}.{MemoryTypes.Suffix(type)}",
        InstructionClass.Global,
        (warp, instruction, lanes) => warp.LoadGlobal(instruction, lanes, type.Bits() / 8, count, isReadOnly: false),
        new Slot(SlotRole.Destination, type, count),
        new Slot(SlotRole.Address, RegisterType.B64));

    private static Opcode DefineReadOnlyLoad(RegisterType type, int count) => new(
        $"ld.global.nc{MemoryTypes.Vector(count)}.{MemoryTypes.Suffix(type)}",
        InstructionClass.Global,
        (warp, instruction, lanes) => warp.LoadGlobal(instruction, lanes, type.Bits() / 8, count, isReadOnly: true),
        new Slot(SlotRole.Destination, type, count),
        new Slot(SlotRole.Address, RegisterType.B64));

    private static Opcode DefineStore(RegisterType type, int count) => new(
        $"st.global{MemoryTypes.Vector(count)}.{MemoryTypes.Suffix(type)}",
        InstructionClass.Global,
        (warp, instruction, lanes) => warp.StoreGlobal(instruction, lanes, type.Bits() / 8, count),
        new Slot(SlotRole.Address, RegisterType.B64),
        new Slot(SlotRole.Source, type, count));
}

/// <content>Loads and stores in global memory.</content>
public sealed partial class KernelBuilder
{
    /// <summary>Loads a register's worth of bytes; the address is a multiple of their number.</summary>
    public T LoadGlobal<T>(GlobalPointer from, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0)
        where T : struct, IValue<T> =>
        Emit<T>(GlobalMemoryInstructions.Load(T.Type, 1), [from.Base.Operand], file, line, from.Offset);

    /// <summary>Loads from memory that nothing writes while the kernel runs, through the read-only cache.</summary>
    public T LoadGlobalReadOnly<T>(GlobalPointer from, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0)
        where T : struct, IValue<T> =>
        Emit<T>(GlobalMemoryInstructions.LoadReadOnly(T.Type, 1), [from.Base.Operand], file, line, from.Offset);

    /// <summary>Loads 2 or 4 registers, 16 bytes at most; the address is a multiple of their bytes.</summary>
    /// <exception cref="InvalidInputException">More than 16 bytes, or another count.</exception>
    public T[] LoadGlobalVector<T>(GlobalPointer from, int count, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0)
        where T : struct, IValue<T> =>
        EmitVectorLoad<T>(GlobalMemoryInstructions.Load(T.Type, count), from.Base.Operand, count, file, line, from.Offset);

    /// <summary>As <see cref="LoadGlobalVector"/> from memory that nothing writes while the kernel runs.</summary>
    /// <exception cref="InvalidInputException">More than 16 bytes, or another count.</exception>
    public T[] LoadGlobalReadOnlyVector<T>(
        GlobalPointer from, int count, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0)
        where T : struct, IValue<T> =>
        EmitVectorLoad<T>(GlobalMemoryInstructions.LoadReadOnly(T.Type, count), from.Base.Operand, count, file, line, from.Offset);

    /// <summary>Loads a byte into the low bits.</summary>
    public B32 LoadGlobalU8(GlobalPointer from, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        Emit<B32>(GlobalMemoryInstructions.LoadByte, [from.Base.Operand], file, line, from.Offset);

    /// <summary>Stores a register; the address is a multiple of its bytes.</summary>
    public void StoreGlobal<T>(GlobalPointer to, T value, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0)
        where T : struct, IValue<T> =>
        Emit(GlobalMemoryInstructions.Store(T.Type, 1), [to.Base.Operand, value.Operand], file, line, to.Offset);

    /// <summary>Stores 2 or 4 registers, 16 bytes at most; the address is a multiple of their bytes.</summary>
    /// <exception cref="InvalidInputException">More than 16 bytes, or another count.</exception>
    public void StoreGlobalVector<T>(
        GlobalPointer to, ReadOnlySpan<T> values, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0)
        where T : struct, IValue<T> =>
        EmitVectorStore(GlobalMemoryInstructions.Store(T.Type, values.Length), to.Base.Operand, values, file, line, to.Offset);

    /// <summary>Stores the low 8 bits.</summary>
    public void StoreGlobalU8(GlobalPointer to, B32 value, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        Emit(GlobalMemoryInstructions.StoreByte, [to.Base.Operand, value.Operand], file, line, to.Offset);

    /// <summary>Asks for a line to be brought to the second-level cache.</summary>
    public void PrefetchGlobal(GlobalPointer at, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        Emit(GlobalMemoryInstructions.Prefetch, [at.Base.Operand], file, line, at.Offset);

    private T[] EmitVectorLoad<T>(Opcode opcode, Operand address, int count, string file, int line, long offset)
        where T : struct, IValue<T>
    {
        var destinations = new T[count];
        var operands = new Operand[count + 1];
        for (var i = 0; i < count; i++)
        {
            destinations[i] = NewRegister<T>();
            operands[i] = destinations[i].Operand;
        }

        operands[count] = address;
        Emit(opcode, operands, file, line, offset);
        return destinations;
    }

    private void EmitVectorStore<T>(Opcode opcode, Operand address, ReadOnlySpan<T> values, string file, int line, long offset)
        where T : struct, IValue<T>
    {
        var operands = new Operand[values.Length + 1];
        operands[0] = address;
        for (var i = 0; i < values.Length; i++)
        {
            operands[i + 1] = values[i].Operand;
        }

        Emit(opcode, operands, file, line, offset);
    }
}
