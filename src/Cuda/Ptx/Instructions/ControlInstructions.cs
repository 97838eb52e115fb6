using System.Runtime.CompilerServices;

namespace Stof.Reference.Cuda.Ptx;

/// <summary>Branches and the end.</summary>
internal static class ControlInstructions
{
    public static readonly Opcode Branch = new("bra", InstructionClass.Control, (warp, instruction, lanes) => warp.Branch(instruction.Label!, lanes))
    {
        HasLabel = true,
    };

    public static readonly Opcode Return = new("ret", InstructionClass.Control, (warp, instruction, lanes) => warp.Exit(lanes));
}

/// <content>Branches and the end.</content>
public sealed partial class KernelBuilder
{
    /// <summary>Goes on at a label (in the lanes that a guard lets).</summary>
    public void Branch(Label label, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        Emit(ControlInstructions.Branch, [], file, line, label: label);

    /// <summary>Ends the thread.</summary>
    public void Return([CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        Emit(ControlInstructions.Return, [], file, line);
}
