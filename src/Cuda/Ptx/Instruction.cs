using System.Collections.Immutable;
using System.Globalization;
using System.Text;

namespace Stof.Reference.Cuda.Ptx;

/// <summary>The line of C# that emitted an instruction.</summary>
/// <param name="File">File name without folders.</param>
/// <param name="Line">Line, from 1.</param>
public readonly record struct SourceLine(string File, int Line)
{
    /// <inheritdoc/>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{File}:{Line}");
}

/// <summary>A place to branch to.</summary>
/// <param name="Index">Number within the kernel.</param>
/// <param name="Name">Name in the text.</param>
public sealed record Label(int Index, string Name);

/// <summary>One instruction of a kernel.</summary>
public sealed class Instruction
{
    internal Instruction(Opcode opcode, ImmutableArray<Operand> operands, SourceLine source)
    {
        Opcode = opcode;
        Operands = operands;
        Source = source;
    }

    /// <summary>Which instruction.</summary>
    public Opcode Opcode { get; }

    /// <summary>Registers and constants of all slots, in the order of the text.</summary>
    public ImmutableArray<Operand> Operands { get; }

    /// <summary>Bytes added to the address slot's base.</summary>
    public long Offset { get; init; }

    /// <summary>Bytes added to the base of the second address, of instructions that copy.</summary>
    public long SourceOffset { get; init; }

    /// <summary>The predicate that switches lanes off; null for none.</summary>
    public Operand? Guard { get; init; }

    /// <summary>True if the guard must be clear.</summary>
    public bool GuardIsNegated { get; init; }

    /// <summary>Where a branch goes; null for other instructions.</summary>
    public Label? Label { get; init; }

    /// <summary>The parameter that it loads; null for other instructions.</summary>
    public KernelParameter? Parameter { get; init; }

    /// <summary>The shared array whose address it takes; null for other instructions.</summary>
    public SharedArray? SharedArray { get; init; }

    /// <summary>The local array whose address it takes; null for other instructions.</summary>
    public LocalArray? LocalArray { get; init; }

    /// <summary>Who emitted it.</summary>
    public SourceLine Source { get; }

    /// <summary>The instruction in PTX, without line end.</summary>
    public override string ToString()
    {
        var text = new StringBuilder();
        if (Guard is { } guard)
        {
            text.Append('@').Append(GuardIsNegated ? "!" : "").Append(guard).Append(' ');
        }

        text.Append(Opcode.Name);
        var next = 0;
        var separator = " ";
        foreach (var slot in Opcode.Slots)
        {
            text.Append(separator);
            separator = ", ";
            if (slot.Role is SlotRole.Address or SlotRole.SourceAddress)
            {
                var offset = slot.Role == SlotRole.Address ? Offset : SourceOffset;
                text.Append('[').Append(Operands[next]);
                if (offset != 0)
                {
                    text.Append(CultureInfo.InvariantCulture, $"{offset:+0;-0}");
                }

                text.Append(']');
            }
            else if (slot.IsBraced)
            {
                text.Append('{').AppendJoin(", ", Operands.Skip(next).Take(slot.Count)).Append('}');
            }
            else
            {
                text.Append(Operands[next]);
            }

            next += slot.Count;
        }

        if (Label is not null)
        {
            text.Append(separator).Append(Label.Name);
        }

        if (Parameter is not null)
        {
            text.Append(separator).Append('[').Append(Parameter.Name).Append(']');
        }

        if (SharedArray is not null)
        {
            text.Append(separator).Append(PtxWriter.SharedName);
            if (SharedArray.Offset != 0)
            {
                text.Append(CultureInfo.InvariantCulture, $"+{SharedArray.Offset}");
            }
        }

        if (LocalArray is not null)
        {
            text.Append(separator).Append(LocalArray.Name);
        }

        return text.Append(Opcode.Suffix).Append(';').ToString();
    }
}
