using System.Runtime.CompilerServices;

namespace Stof.Reference.Cuda.Ptx;

/// <summary>Asynchronous copies from global to shared memory, and their groups.</summary>
internal static class AsyncCopyInstructions
{
    /// <summary>4 or 8 bytes a lane, through the first-level cache.</summary>
    public static readonly Opcode CopyCached = Define("ca", hasSourceBytes: false);

    /// <summary>16 bytes a lane, past the first-level cache.</summary>
    public static readonly Opcode Copy = Define("cg", hasSourceBytes: false);

    /// <summary>As <see cref="CopyCached"/>, filled up with zeros.</summary>
    public static readonly Opcode CopyCachedUpTo = Define("ca", hasSourceBytes: true);

    /// <summary>As <see cref="Copy"/>, filled up with zeros.</summary>
    public static readonly Opcode CopyUpTo = Define("cg", hasSourceBytes: true);

    public static readonly Opcode Commit = new(
        "cp.async.commit_group", InstructionClass.AsyncCopy, (warp, instruction, lanes) => warp.CommitCopies(lanes));

    public static readonly Opcode Wait = new(
        "cp.async.wait_group",
        InstructionClass.AsyncCopy,
        (warp, instruction, lanes) => warp.WaitForCopies(lanes, (int)warp.Words(instruction.Operands[0])[0]),
        new Slot(SlotRole.Source, RegisterType.B32, MustBeConstant: true));

    public static readonly Opcode WaitAll = new(
        "cp.async.wait_all",
        InstructionClass.AsyncCopy,
        (warp, instruction, lanes) =>
        {
            warp.CommitCopies(lanes);
            warp.WaitForCopies(lanes, 0);
        });

    private static Opcode Define(string level, bool hasSourceBytes) => new(
        $"cp.async.{level}.shared.global",
        InstructionClass.AsyncCopy,
        (warp, instruction, lanes) => warp.IssueCopy(instruction, lanes, (int)instruction.Operands[2].Bits, hasSourceBytes),
        [
            new Slot(SlotRole.Address, RegisterType.B32),
            new Slot(SlotRole.SourceAddress, RegisterType.B64),
            new Slot(SlotRole.Source, RegisterType.B32, MustBeConstant: true),
            .. hasSourceBytes ? new[] { new Slot(SlotRole.Source, RegisterType.B32) } : [],
        ]);
}

/// <content>Asynchronous copies from global to shared memory.</content>
public sealed partial class KernelBuilder
{
    /// <summary>
    /// Starts a copy of a thread's own bytes; they are there for the thread after a wait for the copy's group, for others after a barrier behind that.
    /// </summary>
    /// <param name="to">Where to; a multiple of <paramref name="bytes"/>.</param>
    /// <param name="from">Where from; a multiple of <paramref name="bytes"/>.</param>
    /// <param name="bytes">4, 8 or 16; 16 passes the first-level cache by.</param>
    /// <param name="sourceBytes">Bytes that are read, 0 to <paramref name="bytes"/>; the rest become 0. Null for all.</param>
    /// <param name="file">Path of the caller.</param>
    /// <param name="line">Line of the caller.</param>
    /// <exception cref="InvalidInputException">Another number of bytes.</exception>
    public void CopyAsync(
        SharedPointer to, GlobalPointer from, int bytes, B32? sourceBytes = null, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0)
    {
        if (bytes is not (4 or 8 or 16))
        {
            throw new InvalidInputException("bytes of an asynchronous copy", $"{bytes}", "4, 8 or 16");
        }

        var opcode = (bytes == 16, sourceBytes is null) switch
        {
            (false, true) => AsyncCopyInstructions.CopyCached,
            (true, true) => AsyncCopyInstructions.Copy,
            (false, false) => AsyncCopyInstructions.CopyCachedUpTo,
            _ => AsyncCopyInstructions.CopyUpTo,
        };
        ReadOnlySpan<Operand> operands = [to.Base.Operand, from.Base.Operand, B32.Constant(bytes).Operand];
        Emit(opcode, sourceBytes is { } size ? [.. operands, size.Operand] : operands, file, line, to.Offset, sourceOffset: from.Offset);
    }

    /// <summary>Closes the group of the copies started since the last one was closed; it may be empty.</summary>
    public void CommitCopies([CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        Emit(AsyncCopyInstructions.Commit, [], file, line);

    /// <summary>Waits until at most the newest <paramref name="pending"/> closed groups of the thread are under way.</summary>
    /// <exception cref="InvalidInputException">A negative number.</exception>
    public void WaitCopies(int pending, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0)
    {
        if (pending < 0)
        {
            throw new InvalidInputException(nameof(pending), $"{pending}", "0 or more");
        }

        Emit(AsyncCopyInstructions.Wait, [B32.Constant(pending).Operand], file, line);
    }

    /// <summary>Waits for all of the thread's copies, those of the open group among them.</summary>
    public void WaitAllCopies([CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        Emit(AsyncCopyInstructions.WaitAll, [], file, line);
}
