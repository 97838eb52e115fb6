using Stof.Reference.Cuda.Ptx;

namespace Stof.Reference.Cuda.Simulator.Tracing;

/// <summary>Records the steps of one warp while it runs.</summary>
internal sealed class StepRecorder(Kernel kernel, TraceRequest request)
{
    private readonly List<TraceStep> _steps = [];
    private readonly List<TouchedMemory> _memory = [];
    private bool _isComplete = true;
    private int _index;
    private Instruction? _instruction;
    private uint _lanes;

    /// <summary>An instruction begins.</summary>
    public void Begin(int index, Instruction instruction, uint lanes)
    {
        (_index, _instruction, _lanes) = (index, instruction, lanes);
        _memory.Clear();
    }

    /// <summary>A lane touches memory.</summary>
    public void Touch(int lane, string space, ulong address, int bytes, bool isWrite) =>
        _memory.Add(new TouchedMemory(lane, space, address, bytes, isWrite));

    /// <summary>The instruction has ended.</summary>
    public void End(Warp warp)
    {
        if (_steps.Count >= request.MaximumSteps)
        {
            _isComplete = false;
            return;
        }

        _steps.Add(new TraceStep(
            _steps.Count,
            _index,
            _instruction!,
            _lanes,
            [.. _instruction!.Operands.Take(_instruction.Opcode.DestinationCount).Select(register => Written(warp, register))],
            [.. _memory]));
    }

    /// <summary>All steps.</summary>
    public Trace Finish() => new(kernel, request, [.. _steps], _isComplete);

    private WrittenRegister Written(Warp warp, Operand register)
    {
        var values = new ulong[Warp.Lanes];
        for (var lane = 0; lane < values.Length; lane++)
        {
            values[lane] = register.Type.File() switch
            {
                RegisterFile.Predicates => warp.Predicate(register) >> lane & 1,
                RegisterFile.Words => warp.Words(register)[lane],
                _ => warp.LongWords(register)[lane],
            };
        }

        return new WrittenRegister(register.ToString(), register.Type, _lanes, values);
    }
}
