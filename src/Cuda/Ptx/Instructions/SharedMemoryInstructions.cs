using System.Runtime.CompilerServices;

namespace Stof.Reference.Cuda.Ptx;

/// <summary>Loads and stores in shared memory.</summary>
internal static class SharedMemoryInstructions
{
    private static readonly Dictionary<(RegisterType Type, int Count), Opcode> LoadOpcodes = MemoryTypes.ForAll(DefineLoad);

    private static readonly Dictionary<(RegisterType Type, int Count), Opcode> StoreOpcodes = MemoryTypes.ForAll(DefineStore);

    public static readonly Opcode Address = new(
        "mov.u32",
        InstructionClass.Move,
        (warp, instruction, lanes) => warp.SharedAddress(instruction, lanes),
        new Slot(SlotRole.Destination, RegisterType.B32))
    {
        NamesArray = true,
    };

    public static readonly Opcode LoadByte = new(
        "ld.shared.u8",
        InstructionClass.Shared,
        (warp, instruction, lanes) => warp.LoadShared(instruction, lanes, 1, 1),
        new Slot(SlotRole.Destination, RegisterType.B32),
        new Slot(SlotRole.Address, RegisterType.B32));

    public static readonly Opcode StoreByte = new(
        "st.shared.u8",
        InstructionClass.Shared,
        (warp, instruction, lanes) => warp.StoreShared(instruction, lanes, 1, 1),
        new Slot(SlotRole.Address, RegisterType.B32),
        new Slot(SlotRole.Source, RegisterType.B32));

    public static readonly IEnumerable<Opcode> All = [.. LoadOpcodes.Values, .. StoreOpcodes.Values];

    public static Opcode Load(RegisterType type, int count) => MemoryTypes.Find(LoadOpcodes, type, count);

    public static Opcode Store(RegisterType type, int count) => MemoryTypes.Find(StoreOpcodes, type, count);

    private static Opcode DefineLoad(RegisterType type, int count) => new(
        $"ld.shared{MemoryTypes.Vector(count)}.{MemoryTypes.Suffix(type)}",
        InstructionClass.Shared,
        (warp, instruction, lanes) => warp.LoadShared(instruction, lanes, type.Bits() / 8, count),
        new Slot(SlotRole.Destination, type, count),
        new Slot(SlotRole.Address, RegisterType.B32));

    private static Opcode DefineStore(RegisterType type, int count) => new(
        $"st.shared{MemoryTypes.Vector(count)}.{MemoryTypes.Suffix(type)}",
        InstructionClass.Shared,
        (warp, instruction, lanes) => warp.StoreShared(instruction, lanes, type.Bits() / 8, count),
        new Slot(SlotRole.Address, RegisterType.B32),
        new Slot(SlotRole.Source, type, count));
}

/// <content>Loads and stores in shared memory.</content>
public sealed partial class KernelBuilder
{
    /// <summary>The address of a shared array.</summary>
    public SharedPointer AddressOf(SharedArray array, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0)
    {
        ArgumentNullException.ThrowIfNull(array);
        if (!_shared.Contains(array))
        {
            throw new InvalidInputException("shared array", $"{array.Name} of another kernel", $"an array that {Name} declared");
        }

        var address = NewRegister<B32>();
        Emit(SharedMemoryInstructions.Address, [address.Operand], file, line, sharedArray: array);
        return new SharedPointer(address);
    }

    /// <summary>Loads a register's worth of bytes; the address is a multiple of their number.</summary>
    public T LoadShared<T>(SharedPointer from, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0)
        where T : struct, IValue<T> =>
        Emit<T>(SharedMemoryInstructions.Load(T.Type, 1), [from.Base.Operand], file, line, from.Offset);

    /// <summary>Loads 2 or 4 registers, 16 bytes at most; the address is a multiple of their bytes.</summary>
    /// <exception cref="InvalidInputException">More than 16 bytes, or another count.</exception>
    public T[] LoadSharedVector<T>(SharedPointer from, int count, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0)
        where T : struct, IValue<T> =>
        EmitVectorLoad<T>(SharedMemoryInstructions.Load(T.Type, count), from.Base.Operand, count, file, line, from.Offset);

    /// <summary>Loads a byte into the low bits.</summary>
    public B32 LoadSharedU8(SharedPointer from, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        Emit<B32>(SharedMemoryInstructions.LoadByte, [from.Base.Operand], file, line, from.Offset);

    /// <summary>Stores a register; the address is a multiple of its bytes.</summary>
    public void StoreShared<T>(SharedPointer to, T value, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0)
        where T : struct, IValue<T> =>
        Emit(SharedMemoryInstructions.Store(T.Type, 1), [to.Base.Operand, value.Operand], file, line, to.Offset);

    /// <summary>Stores 2 or 4 registers, 16 bytes at most; the address is a multiple of their bytes.</summary>
    /// <exception cref="InvalidInputException">More than 16 bytes, or another count.</exception>
    public void StoreSharedVector<T>(
        SharedPointer to, ReadOnlySpan<T> values, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0)
        where T : struct, IValue<T> =>
        EmitVectorStore(SharedMemoryInstructions.Store(T.Type, values.Length), to.Base.Operand, values, file, line, to.Offset);

    /// <summary>Stores the low 8 bits.</summary>
    public void StoreSharedU8(SharedPointer to, B32 value, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        Emit(SharedMemoryInstructions.StoreByte, [to.Base.Operand, value.Operand], file, line, to.Offset);
}
