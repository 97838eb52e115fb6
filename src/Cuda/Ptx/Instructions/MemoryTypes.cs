namespace Stof.Reference.Cuda.Ptx;

/// <summary>How loads and stores move registers of a type.</summary>
internal static class MemoryTypes
{
    /// <summary>Types with loads and stores of their own; packed pairs move as 32 bits.</summary>
    public static readonly RegisterType[] Moved = [RegisterType.B16, RegisterType.B32, RegisterType.B64, RegisterType.F32, RegisterType.F64];

    private static readonly int[] AllCounts = [1, 2, 4];

    /// <summary>The suffix of a load or store of a type.</summary>
    public static string Suffix(RegisterType type) => type switch
    {
        RegisterType.F32 => "f32",
        RegisterType.F64 => "f64",
        _ => $"b{type.Bits()}",
    };

    /// <summary>The type that a load or store of a register type is defined for.</summary>
    /// <exception cref="InvalidInputException">Predicates have no memory form.</exception>
    public static RegisterType Moving(RegisterType type) => type switch
    {
        RegisterType.F16x2 or RegisterType.BF16x2 => RegisterType.B32,
        RegisterType.Pred => throw new InvalidInputException("memory access", "a predicate", "a type of 16 bits or more"),
        _ => type,
    };

    /// <summary>Numbers of registers that one access of a type can move: 16 bytes at most.</summary>
    public static IEnumerable<int> Counts(RegisterType type) => AllCounts.Where(count => count * type.Bits() <= 128);

    /// <summary>The opcode of a type and count.</summary>
    /// <exception cref="InvalidInputException">No access is so wide.</exception>
    public static Opcode Find(IReadOnlyDictionary<(RegisterType Type, int Count), Opcode> opcodes, RegisterType type, int count) =>
        opcodes.TryGetValue((Moving(type), count), out var opcode)
            ? opcode
            : throw new InvalidInputException("vector access", $"{count} registers of {type}", $"{string.Join(", ", Counts(Moving(type)))}");

    /// <summary>Opcodes for every type and count.</summary>
    public static Dictionary<(RegisterType Type, int Count), Opcode> ForAll(Func<RegisterType, int, Opcode> define) =>
        Moved.SelectMany(type => Counts(type).Select(count => (type, count))).ToDictionary(key => key, key => define(key.type, key.count));

    /// <summary>The vector part of a mnemonic.</summary>
    public static string Vector(int count) => count == 1 ? "" : $".v{count}";
}
