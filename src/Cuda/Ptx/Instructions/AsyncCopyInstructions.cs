using System.Runtime.CompilerServices;

namespace Stof.Reference.Cuda.Ptx;

/// <summary>Asynchronous copies from global to shared memory, and their groups.</summary>
internal static class AsyncCopyInstructions
{
    public static readonly Opcode Copy4 = Define("ca", 4, hasSourceBytes: false);

    public static readonly Opcode Copy8 = Define("ca", 8, hasSourceBytes: false);

    public static readonly Opcode Copy16 = Define("cg", 16, hasSourceBytes: false);

    public static readonly Opcode CopyUpTo4 = Define("ca", 4, hasSourceBytes: true);

    public static readonly Opcode CopyUpTo8 = Define("ca", 8, hasSourceBytes: true);

    public static readonly Opcode CopyUpTo16 = Define("cg", 16, hasSourceBytes: true);

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

    // The bytes are an operand of the text that is part of the opcode here: sizes are alignments, and decide which cache level is passed.
    private static Opcode Define(string level, int bytes, bool hasSourceBytes) => new(
        $"cp.async.{level}.shared.global",
        InstructionClass.AsyncCopy,
        (warp, instruction, lanes) => warp.IssueCopy(instruction, lanes, bytes, hasSourceBytes),
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
        var opcode = (bytes, sourceBytes is null) switch
        {
            (4, true) => AsyncCopyInstructions.Copy4,
            (8, true) => AsyncCopyInstructions.Copy8,
            (16, true) => AsyncCopyInstructions.Copy16,
            (4, false) => AsyncCopyInstructions.CopyUpTo4,
            (8, false) => AsyncCopyInstructions.CopyUpTo8,
            (16, false) => AsyncCopyInstructions.CopyUpTo16,
            _ => throw new InvalidInputException("bytes of an asynchronous copy", $"{bytes}", "4, 8 or 16"),
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
