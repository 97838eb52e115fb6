using System.Diagnostics;
using System.Globalization;
using Stof.Reference.Cpu.Simd.Attention;
using Stof.Reference.Cpu.Threading;
using Stof.Reference.Masks;
using Stof.Reference.Numerics;
using Stof.Reference.Tensors;

namespace Stof.Reference.Bench.Quick;

/// <summary>
/// Memory of attention over a long sequence with a narrow mask, sliding(256): the peak of the process beside the bytes of
/// inputs and output and of the mask's tiles. A kernel that held scores would need S² floats a head: 17 GB at the default
/// length.
/// </summary>
internal static class AttentionMemory
{
    private const int Heads = 2;
    private const int Size = 64;

    /// <summary>Length of the sequence where none is given.</summary>
    public const int DefaultLength = 65_536;

    /// <summary>Prints the peak after each step.</summary>
    public static void Run(TextWriter output, int length)
    {
        output.WriteLine("step                       peak MB");
        Report(output, "start");
        HostTensor Normal(int seed) => Inputs.Normal(DType.F32, seed, 1, Heads, length, Size);
        var (q, k, v) = (Normal(1), Normal(2), Normal(3));
        var result = HostTensor.Zeros(DType.F32, 1, Heads, length, Size);
        Report(output, $"inputs and output: {4e-6 * q.Count * sizeof(float):F1}");
        var problem = Inputs.Problem(Heads, length, Size, new SlidingMask(256));
        var kernel = new AttentionKernel(problem, AttentionChoice.Default);
        var lists = (kernel.Mask.Bitmaps.Length * 8e-6) + ((kernel.Mask.LoadColIdx.Length + kernel.Mask.PartColIdx.Length) * 8e-6);
        Report(output, string.Create(CultureInfo.InvariantCulture, $"mask: {lists:F1}"));
        using var pool = new WorkerPool(Environment.ProcessorCount);
        var operands = AttentionOperands.Of(problem, q, k, v, result);
        for (var run = 1; run <= 2; run++)
        {
            kernel.Run(operands, pool);
            Report(output, $"run {run}");
        }
    }

    private static void Report(TextWriter output, string step)
    {
        using var process = Process.GetCurrentProcess();
        output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{step,-25} {process.PeakWorkingSet64 / 1e6,8:F1}"));
    }
}
