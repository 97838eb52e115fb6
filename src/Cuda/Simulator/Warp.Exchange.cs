using System.Numerics;
using Stof.Reference.Cuda.Ptx;

namespace Stof.Reference.Cuda.Simulator;

/// <summary>How a shuffle finds its source lane.</summary>
internal enum ShuffleKind
{
    /// <summary>By number.</summary>
    Index,

    /// <summary>By exclusive or.</summary>
    Xor,

    /// <summary>Below.</summary>
    Up,

    /// <summary>Above.</summary>
    Down,
}

/// <content>Exchange between lanes.</content>
internal sealed partial class Warp
{
    /// <summary>Writes one value to all lanes that take part.</summary>
    public void Broadcast(Instruction instruction, uint lanes, uint value)
    {
        var d = WordsOf(instruction.Operands[0]);
        for (var left = lanes; left != 0; left &= left - 1)
        {
            d[BitOperations.TrailingZeroCount(left)] = value;
        }
    }

    /// <summary><c>shfl.sync</c>, as the ISA's pseudo-code has it. A source that does not take part is a finding, and the lane keeps its own value.</summary>
    public void Shuffle(Instruction instruction, uint lanes, ShuffleKind kind)
    {
        Span<uint> values = stackalloc uint[Lanes];
        Words(instruction.Operands[1]).CopyTo(values);
        var selectors = Words(instruction.Operands[2]);
        var controls = Words(instruction.Operands[3]);
        var d = WordsOf(instruction.Operands[0]);
        for (var left = lanes; left != 0; left &= left - 1)
        {
            var lane = BitOperations.TrailingZeroCount(left);
            var selector = (int)selectors[lane] & 31;
            var clamp = (int)controls[lane] & 31;
            var segment = (int)(controls[lane] >> 8) & 31;
            var maximum = (lane & segment) | (clamp & ~segment);
            var minimum = lane & segment;
            var source = kind switch
            {
                ShuffleKind.Index => minimum | (selector & ~segment),
                ShuffleKind.Xor => lane ^ selector,
                ShuffleKind.Up => lane - selector,
                _ => lane + selector,
            };
            var isIn = kind == ShuffleKind.Up ? source >= maximum : source <= maximum;
            source = isIn ? source : lane;
            if ((lanes >> source & 1) == 0)
            {
                ReportInactiveSource(lane, source, lanes);
                source = lane;
            }

            d[lane] = values[source];
        }
    }

    private void ReportInactiveSource(int lane, int source, uint lanes) => Find(
        FindingKind.InactiveSource, lane, () => $"takes its value from lane {source}, which does not take part (lanes 0x{lanes:x8} do)");
}
