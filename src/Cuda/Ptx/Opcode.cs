using System.Collections.Immutable;
using System.Runtime.CompilerServices;
using Stof.Reference.Cuda.Simulator;

namespace Stof.Reference.Cuda.Ptx;

/// <summary>What an instruction does with a slot of operands.</summary>
public enum SlotRole
{
    /// <summary>Written.</summary>
    Destination,

    /// <summary>Read.</summary>
    Source,

    /// <summary>Read: the base of an address in brackets, to which the instruction's offset is added.</summary>
    Address,

    /// <summary>Read: the base of a second address in brackets, where an instruction copies from one to the other.</summary>
    SourceAddress,
}

/// <summary>One operand of an instruction as PTX writes it: a register, or several in braces.</summary>
/// <param name="Role">Read or written.</param>
/// <param name="Type">Type of its registers.</param>
/// <param name="Count">Number of registers; more than one stand in braces.</param>
/// <param name="MustBeConstant">True if PTX allows only a constant here.</param>
public readonly record struct Slot(SlotRole Role, RegisterType Type, int Count = 1, bool MustBeConstant = false)
{
    /// <summary>True if the registers stand in braces; matrix operands do even where there is only one.</summary>
    public bool IsBraced { get; init; } = Count > 1;
}

/// <summary>What an instruction is counted as.</summary>
public enum InstructionClass
{
    /// <summary>Integer and bit arithmetic.</summary>
    IntegerArithmetic,

    /// <summary>Float arithmetic: one multiply-add or less a lane.</summary>
    FloatArithmetic,

    /// <summary>The special function unit.</summary>
    SpecialFunction,

    /// <summary>Conversions.</summary>
    Conversion,

    /// <summary>Comparisons, selections and predicates.</summary>
    Predicate,

    /// <summary>Moves between registers.</summary>
    Move,

    /// <summary>Branches, exits.</summary>
    Control,

    /// <summary>Loads and stores in global memory.</summary>
    Global,

    /// <summary>Loads and stores in shared memory.</summary>
    Shared,

    /// <summary>Loads of parameters, constants and a thread's own memory.</summary>
    Local,

    /// <summary>Asynchronous copies and their groups.</summary>
    AsyncCopy,

    /// <summary>Atomic operations.</summary>
    Atomic,

    /// <summary>Exchange between the lanes of a warp.</summary>
    Shuffle,

    /// <summary>Barriers and fences.</summary>
    Barrier,

    /// <summary>Matrix instructions.</summary>
    Tensor,
}

/// <summary>Which lanes must come to an instruction together before it runs.</summary>
public enum LaneDemand
{
    /// <summary>Each lane for itself.</summary>
    None,

    /// <summary>Those of the mask that is the last operand, but for lanes that have ended.</summary>
    Named,

    /// <summary>All that have not ended (<c>bar.sync</c>).</summary>
    Alive,

    /// <summary>All thirty-two (<c>mma</c>, <c>ldmatrix</c>).</summary>
    All,
}

/// <summary>What an instruction does to a warp.</summary>
/// <param name="warp">Registers, memory and control flow.</param>
/// <param name="instruction">Operands.</param>
/// <param name="lanes">Bit l is set if lane l takes part: it is here, and the guard lets it.</param>
internal delegate void Semantics(Warp warp, Instruction instruction, uint lanes);

/// <summary>
/// An instruction of the ISA: text, operands, what it needs and what it does, in one place. <see cref="InstructionTable"/> lists all of
/// them.
/// </summary>
public sealed record Opcode
{
    /// <summary>Defines an instruction.</summary>
    /// <param name="name">Mnemonic with all modifiers, such as <c>fma.rn.f32</c>.</param>
    /// <param name="instructionClass">What it is counted as.</param>
    /// <param name="semantics">What it does.</param>
    /// <param name="slots">Operands in the order of the text.</param>
    internal Opcode(string name, InstructionClass instructionClass, Semantics semantics, params ReadOnlySpan<Slot> slots)
    {
        Name = name;
        Class = instructionClass;
        Execute = semantics;
        Slots = [.. slots];
        foreach (var slot in slots)
        {
            OperandCount += slot.Count;
            if (slot.Role == SlotRole.Destination)
            {
                DestinationCount += slot.Count;
            }
        }
    }

    /// <summary>Mnemonic with all modifiers.</summary>
    public string Name { get; }

    /// <summary>What it is counted as.</summary>
    public InstructionClass Class { get; }

    /// <summary>Operands in the order of the text; destinations come first.</summary>
    public ImmutableArray<Slot> Slots { get; }

    /// <summary>What it needs.</summary>
    public Requirement Requires { get; init; } = Requirement.Base;

    /// <summary>How far the device's result may lie from the simulator's, which is the exact one, rounded.</summary>
    public AccuracyBound Accuracy { get; init; } = AccuracyBound.Exact;

    /// <summary>False if PTX wants a register where C# gives a constant; the builder then moves the constant into one.</summary>
    public bool TakesConstants { get; init; } = true;

    /// <summary>Registers and constants of all slots together.</summary>
    public int OperandCount { get; }

    /// <summary>Registers written.</summary>
    public int DestinationCount { get; }

    /// <summary>Which lanes must come to it together.</summary>
    public LaneDemand Demand { get; init; }

    /// <summary>True if the text ends in the name of a shared or local array, whose address it takes.</summary>
    public bool NamesArray { get; init; }

    /// <summary>True if it computes an address in the memory of a block that an operand names.</summary>
    public bool NamesBlock { get; init; }

    /// <summary>True if the text ends in a label.</summary>
    public bool HasLabel { get; init; }

    /// <summary>Text between the mnemonic's operands that no slot can say, appended as it is (a scope, an immediate modifier); or empty.</summary>
    public string Suffix { get; init; } = "";

    /// <summary>
    /// What tells it from all others: mnemonic, types of its operands (in braces where they stand in braces, with <c>#</c> if they must be
    /// constants), suffix. Such as <c>mov.b32 b32, {b16, b16}</c>.
    /// </summary>
    public string Signature
    {
        get
        {
            var slots = Slots.Select(slot =>
            {
                var type = (slot.MustBeConstant ? "#" : "") + slot.Type.ToString().ToLowerInvariant();
                var all = string.Join(", ", Enumerable.Repeat(type, slot.Count));
                return slot.Role is SlotRole.Address or SlotRole.SourceAddress ? $"[{all}]" : slot.IsBraced ? $"{{{all}}}" : all;
            });
            return $"{Name} {string.Join(", ", slots)}{Suffix}".TrimEnd();
        }
    }

    /// <summary>
    /// True if it only reads and writes registers of its own lane (and special registers), so that it can be tried out one lane at a time.
    /// </summary>
    public bool IsRegisterOnly => !NamesArray && !NamesBlock
        && Class is InstructionClass.IntegerArithmetic or InstructionClass.FloatArithmetic or InstructionClass.SpecialFunction or InstructionClass.Conversion or InstructionClass.Predicate or InstructionClass.Move;

    /// <summary>What it does.</summary>
    internal Semantics Execute { get; }

    /// <summary>An instruction is itself only, so that what is alike but for its meaning is not taken for the same.</summary>
    public bool Equals(Opcode? other) => ReferenceEquals(this, other);

    /// <inheritdoc/>
    public override int GetHashCode() => RuntimeHelpers.GetHashCode(this);

    /// <inheritdoc/>
    public override string ToString() => Name;
}
