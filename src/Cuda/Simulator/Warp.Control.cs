using System.Numerics;
using Stof.Reference.Cuda.Ptx;
using Stof.Reference.Cuda.Simulator.Tracing;

namespace Stof.Reference.Cuda.Simulator;

/// <content>
/// Where the lanes are. Lanes that are all at one place share a program counter; else each has its own, and those at the lowest place run, so that code
/// with one way in and one way out meets again behind it.
/// </content>
internal sealed partial class Warp
{
    private readonly ProgramStep[] _program;
    private readonly uint[] _defined;
    private readonly int[] _counters = new int[Lanes];
    private StepRecorder? _recorder;
    private bool _isTogether;
    private int _counter;
    private uint _living;
    private uint _parked;
    private uint _stepLanes;

    /// <summary>True after all lanes have ended.</summary>
    public bool HasEnded => _living == 0;

    /// <summary>True if it has lanes and waits at no barrier.</summary>
    public bool IsRunnable => _living != 0 && BarrierWaitedAt < 0;

    /// <summary>Number of the instruction that runs, or ran last.</summary>
    public int CurrentInstruction { get; private set; }

    /// <summary>Starts over at the first instruction, with no register written.</summary>
    public void Begin(uint ticket, StepRecorder? recorder)
    {
        _recorder = recorder;
        _isTogether = true;
        _counter = 0;
        _living = uint.MaxValue;
        _parked = 0;
        Clock = 0;
        Block = (_block.Index.X, _block.Index.Y, _block.Index.Z);
        Array.Clear(_defined);
        Order.Begin(ticket);
        BeginAccesses(ticket);
        BarrierWaitedAt = -1;
        ClusterPhase = -1;
        _local.Begin();
        BeginCopies();
    }

    /// <summary>Runs until it waits, ends or has run so many instructions.</summary>
    /// <returns>Instructions run.</returns>
    public int Run(int slice)
    {
        var steps = 0;
        while (steps < slice && IsRunnable)
        {
            if (_isTogether)
            {
                Step(_counter, _living);
            }
            else if (Select(out var counter, out var lanes))
            {
                Step(counter, lanes);
            }
            else
            {
                ReportStuck();
                _block.GiveUp();
                break;
            }

            steps++;
        }

        return steps;
    }

    /// <summary>Moves lanes to a label.</summary>
    public void Branch(Label label, uint lanes)
    {
        var target = _block.Launch.Kernel.LabelPositions[label.Index];
        if (lanes == 0)
        {
            return;
        }

        if (lanes != _stepLanes)
        {
            _block.Counters.DivergentBranches++;
        }

        if (_isTogether)
        {
            if (lanes == _living)
            {
                _counter = target;
                return;
            }

            Separate();
        }

        SetCounters(lanes, target);
    }

    /// <summary>Ends lanes.</summary>
    public void Exit(uint lanes)
    {
        _living &= ~lanes;
        if (_living == 0)
        {
            _block.Barriers.Leave();
            _block.Cluster.Barrier.Leave();
            _block.SharedShadow.End(this);
        }
    }

    private void Step(int counter, uint lanes)
    {
        var step = _program[counter];
        var instruction = step.Instruction;
        CurrentInstruction = counter;
        var active = lanes;
        if (step.Guard >= 0)
        {
            CheckDefined(step.Guard, lanes, instruction);
            active &= instruction.GuardIsNegated ? ~_predicates[step.Guard] : _predicates[step.Guard];
        }

        if (instruction.Opcode.Demand != LaneDemand.None && active != 0 && !Gather(counter, instruction, ref lanes, ref active))
        {
            return;
        }

        if (_isTogether)
        {
            _counter = counter + 1;
        }
        else
        {
            SetCounters(lanes, counter + 1);
        }

        _stepLanes = lanes;
        Clock++;
        _block.Counters.Count(instruction.Opcode.Class, BitOperations.PopCount(active));
        foreach (var source in step.Sources)
        {
            CheckDefined(source, active, instruction);
        }

        _recorder?.Begin(counter, instruction, active);
        if (active != 0)
        {
            step.Execute(this, instruction, active);
        }

        foreach (var destination in step.Destinations)
        {
            _defined[destination] |= active;
        }

        _recorder?.End(this);
    }

    /// <summary>Lanes that an instruction needs together wait for each other.</summary>
    /// <returns>True if they are all here; else those that came are parked.</returns>
    private bool Gather(int counter, Instruction instruction, ref uint lanes, ref uint active)
    {
        if (_isTogether && active == _living && instruction.Opcode.Demand == LaneDemand.Alive)
        {
            return true;
        }

        var present = active;
        for (var left = _parked; left != 0; left &= left - 1)
        {
            var lane = BitOperations.TrailingZeroCount(left);
            present |= _counters[lane] == counter ? 1u << lane : 0;
        }

        if (instruction.Opcode.Demand == LaneDemand.Named)
        {
            var mask = Words(instruction.Operands[^1])[BitOperations.TrailingZeroCount(active)];
            if ((active & ~mask) != 0)
            {
                ReportStranger(BitOperations.TrailingZeroCount(active & ~mask), mask);
            }
        }

        if ((Demanded(instruction, active) & ~present) == 0)
        {
            lanes |= present;
            active = present;
            _parked &= ~present;
            return true;
        }

        if (_isTogether)
        {
            _counter = counter;
            Separate();
        }

        SetCounters(lanes & ~active, counter + 1);
        _parked |= active;
        return false;
    }

    private uint Demanded(Instruction instruction, uint active) => instruction.Opcode.Demand switch
    {
        LaneDemand.Named => Words(instruction.Operands[^1])[BitOperations.TrailingZeroCount(active)] & _living,
        LaneDemand.Alive => _living,
        _ => uint.MaxValue,
    };

    private void Separate()
    {
        _isTogether = false;
        SetCounters(_living, _counter);
    }

    private void SetCounters(uint lanes, int counter)
    {
        for (var left = lanes; left != 0; left &= left - 1)
        {
            _counters[BitOperations.TrailingZeroCount(left)] = counter;
        }
    }

    private bool Select(out int counter, out uint lanes)
    {
        counter = Lowest(_living & ~_parked, out lanes);
        if (lanes != 0)
        {
            if (lanes == _living)
            {
                _isTogether = true;
                _counter = counter;
            }

            return true;
        }

        // All are parked; lanes that have ended since may be the ones that were waited for.
        for (var rest = _parked; rest != 0; rest &= ~lanes)
        {
            counter = Lowest(rest, out lanes);
            if ((Demanded(_program[counter].Instruction, lanes) & ~lanes) == 0)
            {
                _parked &= ~lanes;
                return true;
            }
        }

        return false;
    }

    private int Lowest(uint among, out uint lanes)
    {
        var lowest = int.MaxValue;
        lanes = 0;
        for (var left = among; left != 0; left &= left - 1)
        {
            var lane = BitOperations.TrailingZeroCount(left);
            if (_counters[lane] < lowest)
            {
                lowest = _counters[lane];
                lanes = 0;
            }

            lanes |= _counters[lane] == lowest ? 1u << lane : 0;
        }

        return lowest;
    }

    private void ReportStranger(int lane, uint mask) => Find(
        FindingKind.LanesMissing, lane, () => $"the lane is not in the mask 0x{mask:x8} of the instruction that it runs");

    private void ReportStuck()
    {
        for (var rest = _parked; rest != 0;)
        {
            var counter = Lowest(rest, out var lanes);
            rest &= ~lanes;
            CurrentInstruction = counter;
            var instruction = _program[counter].Instruction;
            var missing = Demanded(instruction, lanes) & ~lanes;
            var first = BitOperations.TrailingZeroCount(missing);
            var where = (_living >> first & 1) == 0 ? "has ended" : $"is at #{_counters[first]} `{_program[_counters[first]].Instruction}`";
            Find(
                instruction.Opcode.Demand == LaneDemand.Alive ? FindingKind.DivergentBarrier : FindingKind.LanesMissing,
                BitOperations.TrailingZeroCount(lanes),
                () => $"lanes 0x{lanes:x8} wait here for lanes 0x{missing:x8}, of which lane {first} {where}");
        }
    }

    private void CheckDefined(int register, uint lanes, Instruction instruction)
    {
        var missing = lanes & ~_defined[register];
        if (missing != 0)
        {
            ReportUndefined(register, missing, instruction);
        }
    }

    private void ReportUndefined(int register, uint missing, Instruction instruction)
    {
        var numbers = new RegisterNumbers(_block.Launch.Kernel);
        var operand = instruction.Operands.Append(instruction.Guard ?? default).First(operand => operand.IsRegister && numbers.Of(operand) == register);
        var written = _defined[register];
        Find(
            FindingKind.UndefinedRegister,
            BitOperations.TrailingZeroCount(missing),
            () => $"{operand} is read in lanes 0x{missing:x8}, but {(written == 0 ? "nothing has written it" : $"only lanes 0x{written:x8} have written it")}");
    }
}
