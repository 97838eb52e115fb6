using Stof.Reference.Backends;
using Stof.Reference.Cpu.Simd.Attention;
using Stof.Reference.Cpu.Threading;
using Stof.Reference.Numerics;
using Stof.Reference.Operators;
using Stof.Reference.Tensors;

namespace Stof.Reference.Cpu.Execution;

/// <summary>An attention kernel of the processor with the tensors that it runs on.</summary>
/// <param name="kernel">The kernel.</param>
/// <param name="pool">The backend's workers.</param>
internal sealed class CpuPreparedAttention(AttentionKernel kernel, WorkerPool pool) : IPreparedAttention
{
    private readonly HostTensor _output = HostTensor.Uninitialized(
        kernel.Problem.Type,
        kernel.Problem.Layout.Shape(kernel.Problem.Batch, kernel.Problem.QueryHeads, kernel.Problem.QueryLength, kernel.Problem.ValueSize));

    private readonly HostTensor? _logSumExp = kernel.Problem.LogSumExp == LogSumExpOutput.None
        ? null
        : HostTensor.Uninitialized(DType.F32, kernel.Problem.Batch, kernel.Problem.QueryHeads, kernel.Problem.QueryLength);

    private AttentionOperands? _operands;

    public AttentionProblem Problem => kernel.Problem;

    public string Kernel => kernel.Choice.ToString();

    public void SetInputs(HostTensor q, HostTensor k, HostTensor v)
    {
        AttentionTensors.RequireInputs(Problem, q, k, v);
        _operands = AttentionOperands.Of(Problem, q, k, v, _output, _logSumExp);
    }

    public void Run() => kernel.Run(_operands ?? throw new InvalidOperationException("no inputs were set"), pool);

    public void GetOutputs(HostTensor output, HostTensor? logSumExp)
    {
        AttentionTensors.RequireResults(Problem, output, logSumExp);
        _output.Bytes.CopyTo(output.Bytes);
        _logSumExp?.Bytes.CopyTo(logSumExp!.Bytes);
    }

    public IReadOnlyList<double> Measure(int samples) => [.. Enumerable.Range(0, samples).Select(_ => Timing.Seconds(Run))];

    public void Dispose()
    {
    }
}
