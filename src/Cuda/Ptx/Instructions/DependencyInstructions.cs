using System.Runtime.CompilerServices;

namespace Stof.Reference.Cuda.Ptx;

/// <summary>Programmatic dependent launch: a kernel begins while the one in front of it on the stream still runs.</summary>
internal static class DependencyInstructions
{
    // On the simulator kernels do not overlap.
    public static readonly Opcode LaunchDependents = Of("griddepcontrol.launch_dependents");

    public static readonly Opcode Wait = Of("griddepcontrol.wait");

    private static Opcode Of(string name) => new(name, InstructionClass.Barrier, (warp, instruction, lanes) => { }) { Requires = new(90, 78) };
}

/// <content>Programmatic dependent launch.</content>
public sealed partial class KernelBuilder
{
    /// <summary>
    /// Waits until the kernel in front of this one on the stream has ended and what it wrote is visible. A kernel that has this is launched ahead
    /// (<see cref="Kernel.OverlapsPrevious"/>): before it stands nothing but reads of what no kernel in front of it writes. Nothing on targets
    /// whose kernels do not overlap.
    /// </summary>
    /// <exception cref="InvalidInputException">
    /// Something was stored already, and the kernel in front may still be reading there; or the kernel behind was let in already, so that a third
    /// would come along and take the places of blocks that have work.
    /// </exception>
    public void AwaitPrevious([CallerFilePath] string file = "", [CallerLineNumber] int line = 0)
    {
        if (_instructions.Find(instruction => IsAhead(instruction.Opcode)) is { } ahead)
        {
            throw new InvalidInputException("wait for the kernel in front", $"behind {ahead.Opcode.Name}", "before the first store");
        }

        EmitIfThere(DependencyInstructions.Wait, file, line);
    }

    /// <summary>
    /// Lets the kernel behind this one begin, up to its own <see cref="AwaitPrevious"/>, once all blocks of this one have come here or ended. Its
    /// blocks take the places that are free then.
    /// </summary>
    public void LetNextStart([CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        EmitIfThere(DependencyInstructions.LaunchDependents, file, line);

    private static bool IsAhead(Opcode opcode) =>
        opcode == DependencyInstructions.LaunchDependents || opcode.Name.StartsWith("st.global", StringComparison.Ordinal);

    private void EmitIfThere(Opcode opcode, string file, int line)
    {
        if (Target.Has(opcode.Requires))
        {
            Emit(opcode, [], file, line);
        }
    }
}
