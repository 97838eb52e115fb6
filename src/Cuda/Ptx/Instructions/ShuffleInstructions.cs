using System.Numerics;
using System.Runtime.CompilerServices;
using Stof.Reference.Cuda.Simulator;

namespace Stof.Reference.Cuda.Ptx;

/// <summary>Exchange between the lanes of a warp.</summary>
internal static class ShuffleInstructions
{
    public static readonly Opcode Index = DefineShuffle("idx", ShuffleKind.Index);

    public static readonly Opcode Xor = DefineShuffle("bfly", ShuffleKind.Xor);

    public static readonly Opcode Up = DefineShuffle("up", ShuffleKind.Up);

    public static readonly Opcode Down = DefineShuffle("down", ShuffleKind.Down);

    public static readonly Opcode All = DefineVote("all", (predicate, lanes) => (predicate & lanes) == lanes);

    public static readonly Opcode Any = DefineVote("any", (predicate, lanes) => (predicate & lanes) != 0);

    public static readonly Opcode Uniform = DefineVote("uni", (predicate, lanes) => (predicate & lanes) == 0 || (predicate & lanes) == lanes);

    public static readonly Opcode Ballot = new(
        "vote.sync.ballot.b32",
        InstructionClass.Shuffle,
        (warp, instruction, lanes) => warp.Broadcast(instruction, lanes, warp.Predicate(instruction.Operands[1]) & lanes),
        new Slot(SlotRole.Destination, RegisterType.B32),
        new Slot(SlotRole.Source, RegisterType.Pred),
        new Slot(SlotRole.Source, RegisterType.B32))
    {
        Demand = LaneDemand.Named,
    };

    public static readonly Opcode ActiveMask = new(
        "activemask.b32",
        InstructionClass.Shuffle,
        (warp, instruction, lanes) => warp.Broadcast(instruction, lanes, lanes),
        new Slot(SlotRole.Destination, RegisterType.B32));

    public static readonly Opcode MatchAny = new(
        "match.any.sync.b32",
        InstructionClass.Shuffle,
        (warp, instruction, lanes) =>
        {
            var values = warp.Words(instruction.Operands[1]);
            var d = warp.WordsOf(instruction.Operands[0]);
            Span<uint> result = stackalloc uint[Warp.Lanes];
            for (var lane = 0; lane < Warp.Lanes; lane++)
            {
                for (var other = 0; other < Warp.Lanes; other++)
                {
                    if ((lanes >> other & 1) != 0 && values[other] == values[lane])
                    {
                        result[lane] |= 1u << other;
                    }
                }
            }

            for (var left = lanes; left != 0; left &= left - 1)
            {
                var lane = BitOperations.TrailingZeroCount(left);
                d[lane] = result[lane];
            }
        },
        new Slot(SlotRole.Destination, RegisterType.B32),
        new Slot(SlotRole.Source, RegisterType.B32),
        new Slot(SlotRole.Source, RegisterType.B32))
    {
        Demand = LaneDemand.Named,
    };

    public static readonly Opcode ReduceAddU32 = DefineReduction("add.u32", (a, b) => a + b);

    public static readonly Opcode ReduceMinU32 = DefineReduction("min.u32", Math.Min);

    public static readonly Opcode ReduceMaxU32 = DefineReduction("max.u32", Math.Max);

    public static readonly Opcode ReduceMinS32 = DefineReduction("min.s32", (a, b) => (uint)Math.Min((int)a, (int)b));

    public static readonly Opcode ReduceMaxS32 = DefineReduction("max.s32", (a, b) => (uint)Math.Max((int)a, (int)b));

    public static readonly Opcode ReduceAnd = DefineReduction("and.b32", (a, b) => a & b);

    public static readonly Opcode ReduceOr = DefineReduction("or.b32", (a, b) => a | b);

    public static readonly Opcode ReduceXor = DefineReduction("xor.b32", (a, b) => a ^ b);

    private static Opcode DefineShuffle(string mode, ShuffleKind kind) => new(
        $"shfl.sync.{mode}.b32",
        InstructionClass.Shuffle,
        (warp, instruction, lanes) => warp.Shuffle(instruction, lanes, kind),
        new Slot(SlotRole.Destination, RegisterType.B32),
        new Slot(SlotRole.Source, RegisterType.B32),
        new Slot(SlotRole.Source, RegisterType.B32),
        new Slot(SlotRole.Source, RegisterType.B32),
        new Slot(SlotRole.Source, RegisterType.B32))
    {
        Demand = LaneDemand.Named,
    };

    private static Opcode DefineVote(string mode, Func<uint, uint, bool> decide) => new(
        $"vote.sync.{mode}.pred",
        InstructionClass.Shuffle,
        (warp, instruction, lanes) =>
            warp.SetPredicate(instruction.Operands[0], decide(warp.Predicate(instruction.Operands[1]), lanes) ? uint.MaxValue : 0, lanes),
        new Slot(SlotRole.Destination, RegisterType.Pred),
        new Slot(SlotRole.Source, RegisterType.Pred),
        new Slot(SlotRole.Source, RegisterType.B32))
    {
        Demand = LaneDemand.Named,
    };

    private static Opcode DefineReduction(string operation, Func<uint, uint, uint> combine) => new(
        $"redux.sync.{operation}",
        InstructionClass.Shuffle,
        (warp, instruction, lanes) =>
        {
            var values = warp.Words(instruction.Operands[1]);
            var first = BitOperations.TrailingZeroCount(lanes);
            var sum = values[first];
            for (var lane = first + 1; lane < Warp.Lanes; lane++)
            {
                if ((lanes >> lane & 1) != 0)
                {
                    sum = combine(sum, values[lane]);
                }
            }

            warp.Broadcast(instruction, lanes, sum);
        },
        new Slot(SlotRole.Destination, RegisterType.B32),
        new Slot(SlotRole.Source, RegisterType.B32),
        new Slot(SlotRole.Source, RegisterType.B32))
    {
        Demand = LaneDemand.Named,
    };
}

/// <content>Exchange between the lanes of a warp. Masks name the lanes that take part; they must all come.</content>
public sealed partial class KernelBuilder
{
    /// <summary>The value of a lane of the same segment of <paramref name="width"/> lanes.</summary>
    /// <param name="value">What each lane gives.</param>
    /// <param name="lane">Lane within the segment, taken modulo the width.</param>
    /// <param name="mask">Lanes that take part.</param>
    /// <param name="width">Lanes of a segment: a power of two up to 32.</param>
    /// <param name="file">Path of the caller.</param>
    /// <param name="line">Line of the caller.</param>
    /// <exception cref="InvalidInputException">The width is no power of two up to 32.</exception>
    public T Shuffle<T>(
        T value, B32 lane, uint mask = uint.MaxValue, int width = 32, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0)
        where T : struct, IValue<T> =>
        EmitShuffle(ShuffleInstructions.Index, value, lane, mask, width, 31, file, line);

    /// <summary>The value of the lane whose number differs in the bits of <paramref name="bits"/>.</summary>
    /// <inheritdoc cref="Shuffle"/>
    public T ShuffleXor<T>(
        T value, B32 bits, uint mask = uint.MaxValue, int width = 32, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0)
        where T : struct, IValue<T> =>
        EmitShuffle(ShuffleInstructions.Xor, value, bits, mask, width, 31, file, line);

    /// <summary>The value of the lane <paramref name="distance"/> below; lanes without one keep their own.</summary>
    /// <inheritdoc cref="Shuffle"/>
    public T ShuffleUp<T>(
        T value, B32 distance, uint mask = uint.MaxValue, int width = 32, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0)
        where T : struct, IValue<T> =>
        EmitShuffle(ShuffleInstructions.Up, value, distance, mask, width, 0, file, line);

    /// <summary>The value of the lane <paramref name="distance"/> above; lanes without one keep their own.</summary>
    /// <inheritdoc cref="Shuffle"/>
    public T ShuffleDown<T>(
        T value, B32 distance, uint mask = uint.MaxValue, int width = 32, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0)
        where T : struct, IValue<T> =>
        EmitShuffle(ShuffleInstructions.Down, value, distance, mask, width, 31, file, line);

    /// <summary>True if the predicate holds in all lanes of the mask.</summary>
    public Pred All(Pred predicate, uint mask = uint.MaxValue, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        EmitVote<Pred>(ShuffleInstructions.All, predicate, mask, file, line);

    /// <summary>True if the predicate holds in a lane of the mask.</summary>
    public Pred Any(Pred predicate, uint mask = uint.MaxValue, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        EmitVote<Pred>(ShuffleInstructions.Any, predicate, mask, file, line);

    /// <summary>True if the predicate is the same in all lanes of the mask.</summary>
    public Pred Uniform(Pred predicate, uint mask = uint.MaxValue, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        EmitVote<Pred>(ShuffleInstructions.Uniform, predicate, mask, file, line);

    /// <summary>Bit l is set if the predicate holds in lane l of the mask.</summary>
    public B32 Ballot(Pred predicate, uint mask = uint.MaxValue, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        EmitVote<B32>(ShuffleInstructions.Ballot, predicate, mask, file, line);

    /// <summary>The lanes that happen to run together here.</summary>
    public B32 ActiveMask([CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        Emit<B32>(ShuffleInstructions.ActiveMask, [], file, line);

    /// <summary>Bit l is set if lane l of the mask has the same value.</summary>
    public B32 MatchAny(B32 value, uint mask = uint.MaxValue, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        EmitReduction(ShuffleInstructions.MatchAny, value, mask, file, line);

    /// <summary>Sum modulo 2³² over the lanes of the mask.</summary>
    public B32 ReduceAddU32(B32 value, uint mask = uint.MaxValue, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        EmitReduction(ShuffleInstructions.ReduceAddU32, value, mask, file, line);

    /// <summary>Least unsigned value over the lanes of the mask.</summary>
    public B32 ReduceMinU32(B32 value, uint mask = uint.MaxValue, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        EmitReduction(ShuffleInstructions.ReduceMinU32, value, mask, file, line);

    /// <summary>Greatest unsigned value over the lanes of the mask.</summary>
    public B32 ReduceMaxU32(B32 value, uint mask = uint.MaxValue, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        EmitReduction(ShuffleInstructions.ReduceMaxU32, value, mask, file, line);

    /// <summary>Least signed value over the lanes of the mask.</summary>
    public B32 ReduceMinS32(B32 value, uint mask = uint.MaxValue, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        EmitReduction(ShuffleInstructions.ReduceMinS32, value, mask, file, line);

    /// <summary>Greatest signed value over the lanes of the mask.</summary>
    public B32 ReduceMaxS32(B32 value, uint mask = uint.MaxValue, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        EmitReduction(ShuffleInstructions.ReduceMaxS32, value, mask, file, line);

    /// <summary>Bitwise and over the lanes of the mask.</summary>
    public B32 ReduceAnd(B32 value, uint mask = uint.MaxValue, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        EmitReduction(ShuffleInstructions.ReduceAnd, value, mask, file, line);

    /// <summary>Bitwise or over the lanes of the mask.</summary>
    public B32 ReduceOr(B32 value, uint mask = uint.MaxValue, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        EmitReduction(ShuffleInstructions.ReduceOr, value, mask, file, line);

    /// <summary>Bitwise exclusive or over the lanes of the mask.</summary>
    public B32 ReduceXor(B32 value, uint mask = uint.MaxValue, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        EmitReduction(ShuffleInstructions.ReduceXor, value, mask, file, line);

    private T EmitShuffle<T>(Opcode opcode, T value, B32 lane, uint mask, int width, int clamp, string file, int line)
        where T : struct, IValue<T>
    {
        if (width is < 1 or > 32 || !BitOperations.IsPow2(width))
        {
            throw new InvalidInputException("width of a shuffle", $"{width}", "a power of two up to 32");
        }

        if (T.Type.File() != RegisterFile.Words || T.Type == RegisterType.B16)
        {
            throw new InvalidInputException("shuffle", T.Type.ToString(), "a type of 32 bits");
        }

        // Bits 8 to 12 keep the lane's segment, bits 0 to 4 bound the source lane within it.
        var control = ((32 - width) << 8) | clamp;
        return Emit<T>(
            opcode, [value.Operand, lane.Operand, B32.Constant(control).Operand, B32.Constant((int)mask).Operand], file, line);
    }

    private T EmitVote<T>(Opcode opcode, Pred predicate, uint mask, string file, int line)
        where T : struct, IValue<T> =>
        Emit<T>(opcode, [predicate.Operand, B32.Constant((int)mask).Operand], file, line);

    private B32 EmitReduction(Opcode opcode, B32 value, uint mask, string file, int line) =>
        Emit<B32>(opcode, [value.Operand, B32.Constant((int)mask).Operand], file, line);
}
