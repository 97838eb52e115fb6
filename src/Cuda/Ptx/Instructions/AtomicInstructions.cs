using System.Runtime.CompilerServices;

namespace Stof.Reference.Cuda.Ptx;

/// <summary>Atomic operations on global and shared memory; each gives what was there before.</summary>
internal static class AtomicInstructions
{
    private static readonly (string Name, RegisterType Type, Func<ulong, ulong, ulong, ulong> Combine, Func<ulong, ulong, ulong, ulong>? InGlobal)[] Operations =
    [
        ("add.u32", RegisterType.B32, (old, value, _) => (uint)(old + value), null),
        ("min.u32", RegisterType.B32, (old, value, _) => Math.Min(old, value), null),
        ("max.u32", RegisterType.B32, (old, value, _) => Math.Max(old, value), null),
        ("min.s32", RegisterType.B32, (old, value, _) => (uint)Math.Min((int)old, (int)value), null),
        ("max.s32", RegisterType.B32, (old, value, _) => (uint)Math.Max((int)old, (int)value), null),
        ("and.b32", RegisterType.B32, (old, value, _) => old & value, null),
        ("or.b32", RegisterType.B32, (old, value, _) => old | value, null),
        ("xor.b32", RegisterType.B32, (old, value, _) => old ^ value, null),
        ("exch.b32", RegisterType.B32, (_, value, _) => value, null),
        ("add.u64", RegisterType.B64, (old, value, _) => old + value, null),
        ("add.f32", RegisterType.F32, (old, value, _) => AddFloats((uint)old, (uint)value), (old, value, _) => AddFlushed((uint)old, (uint)value)),
        ("cas.b32", RegisterType.B32, (old, compare, value) => old == compare ? value : old, null),
    ];

    private static readonly Dictionary<string, Opcode> OnGlobal = Operations.ToDictionary(
        operation => operation.Name,
        operation => Define("global", operation.Name, operation.Type, RegisterType.B64, operation.InGlobal ?? operation.Combine));

    private static readonly Dictionary<string, Opcode> OnShared = Operations.ToDictionary(
        operation => operation.Name, operation => Define("shared", operation.Name, operation.Type, RegisterType.B32, operation.Combine));

    public static readonly IEnumerable<Opcode> All = [.. OnGlobal.Values, .. OnShared.Values];

    public static Opcode Global(string operation) => OnGlobal[operation];

    public static Opcode Shared(string operation) => OnShared[operation];

    private static Opcode Define(string space, string name, RegisterType type, RegisterType address, Func<ulong, ulong, ulong, ulong> combine)
    {
        var bytes = type.Bits() / 8;
        var slots = new List<Slot>
        {
            new(SlotRole.Destination, type),
            new(SlotRole.Address, address),
            new(SlotRole.Source, type),
        };
        if (name.StartsWith("cas", StringComparison.Ordinal))
        {
            slots.Add(new Slot(SlotRole.Source, type));
        }

        return new Opcode(
            $"atom.{space}.{name}",
            InstructionClass.Atomic,
            address == RegisterType.B64
                ? (warp, instruction, lanes) => warp.ChangeGlobal(instruction, lanes, bytes, combine)
                : (warp, instruction, lanes) => warp.ChangeShared(instruction, lanes, bytes, combine),
            slots.ToArray());
    }

    private static uint AddFloats(uint a, uint b) =>
        BitConverter.SingleToUInt32Bits(FloatInstructions.OneNaN(BitConverter.UInt32BitsToSingle(a) + BitConverter.UInt32BitsToSingle(b)));

    // On global memory subnormal operands and results become zeros of their sign (PTX ISA, atom).
    private static uint AddFlushed(uint a, uint b) => Flush(AddFloats(Flush(a), Flush(b)));

    private static uint Flush(uint bits) => (bits & 0x7f800000) == 0 ? bits & 0x80000000 : bits;
}

/// <content>Atomic operations.</content>
public sealed partial class KernelBuilder
{
    /// <summary>Adds modulo 2³²; gives what was there.</summary>
    public B32 AtomicAdd(GlobalPointer at, B32 value, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        EmitAtomic("add.u32", at, value, file, line);

    /// <summary>Adds modulo 2⁶⁴; gives what was there.</summary>
    public B64 AtomicAdd(GlobalPointer at, B64 value, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        EmitAtomic("add.u64", at, value, file, line);

    /// <summary>Adds, rounded to nearest even; subnormals become zeros. Gives what was there.</summary>
    public F32 AtomicAdd(GlobalPointer at, F32 value, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        EmitAtomic("add.f32", at, value, file, line);

    /// <summary>Keeps the lesser unsigned value; gives what was there.</summary>
    public B32 AtomicMinU32(GlobalPointer at, B32 value, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        EmitAtomic("min.u32", at, value, file, line);

    /// <summary>Keeps the greater unsigned value; gives what was there.</summary>
    public B32 AtomicMaxU32(GlobalPointer at, B32 value, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        EmitAtomic("max.u32", at, value, file, line);

    /// <summary>Keeps the lesser signed value; gives what was there.</summary>
    public B32 AtomicMinS32(GlobalPointer at, B32 value, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        EmitAtomic("min.s32", at, value, file, line);

    /// <summary>Keeps the greater signed value; gives what was there.</summary>
    public B32 AtomicMaxS32(GlobalPointer at, B32 value, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        EmitAtomic("max.s32", at, value, file, line);

    /// <summary>Bitwise and; gives what was there.</summary>
    public B32 AtomicAnd(GlobalPointer at, B32 value, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        EmitAtomic("and.b32", at, value, file, line);

    /// <summary>Bitwise or; gives what was there.</summary>
    public B32 AtomicOr(GlobalPointer at, B32 value, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        EmitAtomic("or.b32", at, value, file, line);

    /// <summary>Bitwise exclusive or; gives what was there.</summary>
    public B32 AtomicXor(GlobalPointer at, B32 value, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        EmitAtomic("xor.b32", at, value, file, line);

    /// <summary>Stores; gives what was there.</summary>
    public B32 AtomicExchange(GlobalPointer at, B32 value, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        EmitAtomic("exch.b32", at, value, file, line);

    /// <summary>Stores if what is there is <paramref name="compare"/>; gives what was there.</summary>
    public B32 AtomicCompareExchange(
        GlobalPointer at, B32 compare, B32 value, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        Emit<B32>(AtomicInstructions.Global("cas.b32"), [at.Base.Operand, compare.Operand, value.Operand], file, line, at.Offset);

    /// <summary>Adds modulo 2³²; gives what was there.</summary>
    public B32 AtomicAdd(SharedPointer at, B32 value, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        EmitAtomic("add.u32", at, value, file, line);

    /// <summary>Adds modulo 2⁶⁴; gives what was there.</summary>
    public B64 AtomicAdd(SharedPointer at, B64 value, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        EmitAtomic("add.u64", at, value, file, line);

    /// <summary>Adds, rounded to nearest even; gives what was there.</summary>
    public F32 AtomicAdd(SharedPointer at, F32 value, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        EmitAtomic("add.f32", at, value, file, line);

    /// <summary>Keeps the lesser unsigned value; gives what was there.</summary>
    public B32 AtomicMinU32(SharedPointer at, B32 value, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        EmitAtomic("min.u32", at, value, file, line);

    /// <summary>Keeps the greater unsigned value; gives what was there.</summary>
    public B32 AtomicMaxU32(SharedPointer at, B32 value, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        EmitAtomic("max.u32", at, value, file, line);

    /// <summary>Keeps the lesser signed value; gives what was there.</summary>
    public B32 AtomicMinS32(SharedPointer at, B32 value, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        EmitAtomic("min.s32", at, value, file, line);

    /// <summary>Keeps the greater signed value; gives what was there.</summary>
    public B32 AtomicMaxS32(SharedPointer at, B32 value, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        EmitAtomic("max.s32", at, value, file, line);

    /// <summary>Bitwise and; gives what was there.</summary>
    public B32 AtomicAnd(SharedPointer at, B32 value, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        EmitAtomic("and.b32", at, value, file, line);

    /// <summary>Bitwise or; gives what was there.</summary>
    public B32 AtomicOr(SharedPointer at, B32 value, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        EmitAtomic("or.b32", at, value, file, line);

    /// <summary>Bitwise exclusive or; gives what was there.</summary>
    public B32 AtomicXor(SharedPointer at, B32 value, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        EmitAtomic("xor.b32", at, value, file, line);

    /// <summary>Stores; gives what was there.</summary>
    public B32 AtomicExchange(SharedPointer at, B32 value, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        EmitAtomic("exch.b32", at, value, file, line);

    /// <summary>Stores if what is there is <paramref name="compare"/>; gives what was there.</summary>
    public B32 AtomicCompareExchange(
        SharedPointer at, B32 compare, B32 value, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        Emit<B32>(AtomicInstructions.Shared("cas.b32"), [at.Base.Operand, compare.Operand, value.Operand], file, line, at.Offset);

    private T EmitAtomic<T>(string operation, GlobalPointer at, T value, string file, int line)
        where T : struct, IValue<T> =>
        Emit<T>(AtomicInstructions.Global(operation), [at.Base.Operand, value.Operand], file, line, at.Offset);

    private T EmitAtomic<T>(string operation, SharedPointer at, T value, string file, int line)
        where T : struct, IValue<T> =>
        Emit<T>(AtomicInstructions.Shared(operation), [at.Base.Operand, value.Operand], file, line, at.Offset);
}
