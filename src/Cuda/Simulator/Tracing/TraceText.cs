using System.Globalization;
using System.Text;

namespace Stof.Reference.Cuda.Simulator.Tracing;

/// <summary>Writes a trace as text: a line an instruction, and below it what it did.</summary>
public static class TraceText
{
    /// <summary>Writes all steps.</summary>
    public static string Write(Trace trace)
    {
        ArgumentNullException.ThrowIfNull(trace);
        var text = new StringBuilder();
        text.Append(CultureInfo.InvariantCulture, $"{trace.Kernel.Name}, block {trace.Request.Block}, warp {trace.Request.Warp}: {trace.Steps.Count} steps{(trace.IsComplete ? "" : ", cut off")}\n");
        foreach (var step in trace.Steps)
        {
            text.Append(CultureInfo.InvariantCulture, $"{step.Number,5}  #{step.InstructionIndex,-4} {step.Instruction}  // {step.Instruction.Source}\n");
            if (step.Lanes != uint.MaxValue)
            {
                text.Append(CultureInfo.InvariantCulture, $"             in {TraceValues.DescribeLanes(step.Lanes)}\n");
            }

            if (step.Memory.Count > 0)
            {
                text.Append(CultureInfo.InvariantCulture, $"             {TraceValues.Describe(step.Memory)}\n");
            }

            foreach (var register in step.Registers)
            {
                text.Append(CultureInfo.InvariantCulture, $"             {register.Name} = {TraceValues.Describe(register)}\n");
            }
        }

        return text.ToString();
    }
}
