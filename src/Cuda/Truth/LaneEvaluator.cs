using Stof.Reference.Cuda.Ptx;
using Stof.Reference.Cuda.Simulator;

namespace Stof.Reference.Cuda.Truth;

/// <summary>Runs one register instruction on the simulator's registers, 32 lanes at a time, without a launch.</summary>
internal sealed class LaneEvaluator
{
    private readonly Instruction _instruction;
    private readonly Warp _warp;

    /// <summary>Prepares the instruction.</summary>
    /// <param name="opcode">Which.</param>
    /// <param name="constants">Values of the slots that must be constants, in their order.</param>
    /// <param name="isAliased">True if the first destination shall be the register of the first source; both are of one register file.</param>
    public LaneEvaluator(Opcode opcode, ReadOnlySpan<ulong> constants, bool isAliased = false)
    {
        var builder = new KernelBuilder("evaluation", Target.All.First(target => target.Has(opcode.Requires)));
        var operands = new List<Operand>();
        var next = 0;
        foreach (var slot in opcode.Slots)
        {
            for (var i = 0; i < slot.Count; i++)
            {
                operands.Add(
                    slot.MustBeConstant ? Operand.Constant(slot.Type, constants[next++])
                    : isAliased && operands.Count == opcode.DestinationCount ? operands[0]
                    : builder.NewRegister(slot.Type));
            }
        }

        builder.Emit(opcode, operands.ToArray(), "", 0);
        var kernel = builder.Build(Warp.Lanes);
        _instruction = kernel.Instructions[0];
        _warp = new Warp(kernel, new ConstantRows(kernel), []);
    }

    /// <summary>Runs it.</summary>
    /// <param name="values">
    /// For each operand that is a register 32 lanes of bits: destinations (what they hold before), then sources. Destinations are
    /// overwritten by the results. Lanes of an aliased destination are not read.
    /// </param>
    /// <param name="lanes">Lanes that take part.</param>
    public void Run(ulong[][] values, uint lanes = uint.MaxValue)
    {
        var next = 0;
        foreach (var operand in _instruction.Operands.Where(operand => operand.IsRegister))
        {
            Set(operand, values[next++]);
        }

        _instruction.Opcode.Execute(_warp, _instruction, lanes);
        for (var i = 0; i < _instruction.Opcode.DestinationCount; i++)
        {
            Get(_instruction.Operands[i], values[i]);
        }
    }

    private void Set(Operand operand, ReadOnlySpan<ulong> values)
    {
        for (var lane = 0; lane < Warp.Lanes; lane++)
        {
            switch (operand.Type.File())
            {
                case RegisterFile.Words:
                    _warp.WordsOf(operand)[lane] = (uint)values[lane];
                    break;
                case RegisterFile.LongWords:
                    _warp.LongWordsOf(operand)[lane] = values[lane];
                    break;
                default:
                    _warp.SetPredicate(operand, values[lane] == 0 ? 0 : uint.MaxValue, 1u << lane);
                    break;
            }
        }
    }

    private void Get(Operand operand, Span<ulong> values)
    {
        for (var lane = 0; lane < Warp.Lanes; lane++)
        {
            values[lane] = operand.Type.File() switch
            {
                RegisterFile.Words => _warp.Words(operand)[lane],
                RegisterFile.LongWords => _warp.LongWords(operand)[lane],
                _ => (_warp.Predicate(operand) >> lane) & 1,
            };
        }
    }
}
