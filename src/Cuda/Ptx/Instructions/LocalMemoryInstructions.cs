using System.Runtime.CompilerServices;

namespace Stof.Reference.Cuda.Ptx;

/// <summary>Loads and stores in a thread's own memory.</summary>
internal static class LocalMemoryInstructions
{
    private static readonly Dictionary<(RegisterType Type, int Count), Opcode> LoadOpcodes = MemoryTypes.ForAll(DefineLoad);

    private static readonly Dictionary<(RegisterType Type, int Count), Opcode> StoreOpcodes = MemoryTypes.ForAll(DefineStore);

    public static readonly Opcode Address = new(
        "mov.u64",
        InstructionClass.Move,
        (warp, instruction, lanes) => warp.LocalAddress(instruction, lanes),
        new Slot(SlotRole.Destination, RegisterType.B64))
    {
        NamesArray = true,
    };

    public static readonly IEnumerable<Opcode> All = [.. LoadOpcodes.Values, .. StoreOpcodes.Values];

    public static Opcode Load(RegisterType type, int count) => MemoryTypes.Find(LoadOpcodes, type, count);

    public static Opcode Store(RegisterType type, int count) => MemoryTypes.Find(StoreOpcodes, type, count);

    private static Opcode DefineLoad(RegisterType type, int count) => new(
        $"ld.local{MemoryTypes.Vector(count)}.{MemoryTypes.Suffix(type)}",
        InstructionClass.Local,
        (warp, instruction, lanes) => warp.LoadLocal(instruction, lanes, type.Bits() / 8, count),
        new Slot(SlotRole.Destination, type, count),
        new Slot(SlotRole.Address, RegisterType.B64));

    private static Opcode DefineStore(RegisterType type, int count) => new(
        $"st.local{MemoryTypes.Vector(count)}.{MemoryTypes.Suffix(type)}",
        InstructionClass.Local,
        (warp, instruction, lanes) => warp.StoreLocal(instruction, lanes, type.Bits() / 8, count),
        new Slot(SlotRole.Address, RegisterType.B64),
        new Slot(SlotRole.Source, type, count));
}

/// <content>Loads and stores in a thread's own memory.</content>
public sealed partial class KernelBuilder
{
    private readonly List<LocalArray> _local = [];
    private int _localBytes;

    /// <summary>Reserves memory of each thread.</summary>
    /// <param name="name">A PTX identifier, unique in the kernel.</param>
    /// <param name="bytes">Size, up to 512 KiB in all.</param>
    /// <param name="alignment">A power of two, at most 16.</param>
    /// <exception cref="InvalidInputException">The name is taken or no identifier, or the size or alignment is off.</exception>
    public LocalArray Local(string name, int bytes, int alignment = 16)
    {
        ArgumentNullException.ThrowIfNull(name);
        if (name.Length == 0 || !char.IsAsciiLetter(name[0]) || !name.All(letter => char.IsAsciiLetterOrDigit(letter) || letter == '_')
            || _local.Exists(array => array.Name == name))
        {
            throw new InvalidInputException("local array", $"'{name}'", "a new name: a letter, then letters, digits and underscores");
        }

        if (alignment is not (1 or 2 or 4 or 8 or 16))
        {
            throw new InvalidInputException(nameof(alignment), $"{alignment}", "a power of two up to 16");
        }

        var offset = (_localBytes + alignment - 1) & -alignment;
        if (bytes <= 0 || (long)offset + bytes > 512 * 1024)
        {
            throw new InvalidInputException($"local array {name}", $"{(long)offset + bytes} bytes in all", "1 byte to 512 KiB");
        }

        _localBytes = offset + bytes;
        var array = new LocalArray(name, offset, bytes, alignment);
        _local.Add(array);
        return array;
    }

    /// <summary>The address of a local array.</summary>
    public LocalPointer AddressOf(LocalArray array, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0)
    {
        ArgumentNullException.ThrowIfNull(array);
        if (!_local.Contains(array))
        {
            throw new InvalidInputException("local array", $"{array.Name} of another kernel", $"an array that {Name} declared");
        }

        var address = NewRegister<B64>();
        Emit(LocalMemoryInstructions.Address, [address.Operand], file, line, localArray: array);
        return new LocalPointer(address);
    }

    /// <summary>Loads a register's worth of bytes; the address is a multiple of their number.</summary>
    public T LoadLocal<T>(LocalPointer from, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0)
        where T : struct, IValue<T> =>
        Emit<T>(LocalMemoryInstructions.Load(T.Type, 1), [from.Base.Operand], file, line, from.Offset);

    /// <summary>Loads 2 or 4 registers, 16 bytes at most; the address is a multiple of their bytes.</summary>
    /// <exception cref="InvalidInputException">More than 16 bytes, or another count.</exception>
    public T[] LoadLocalVector<T>(LocalPointer from, int count, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0)
        where T : struct, IValue<T> =>
        EmitVectorLoad<T>(LocalMemoryInstructions.Load(T.Type, count), from.Base.Operand, count, file, line, from.Offset);

    /// <summary>Stores a register; the address is a multiple of its bytes.</summary>
    public void StoreLocal<T>(LocalPointer to, T value, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0)
        where T : struct, IValue<T> =>
        Emit(LocalMemoryInstructions.Store(T.Type, 1), [to.Base.Operand, value.Operand], file, line, to.Offset);

    /// <summary>Stores 2 or 4 registers, 16 bytes at most; the address is a multiple of their bytes.</summary>
    /// <exception cref="InvalidInputException">More than 16 bytes, or another count.</exception>
    public void StoreLocalVector<T>(
        LocalPointer to, ReadOnlySpan<T> values, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0)
        where T : struct, IValue<T> =>
        EmitVectorStore(LocalMemoryInstructions.Store(T.Type, values.Length), to.Base.Operand, values, file, line, to.Offset);
}
