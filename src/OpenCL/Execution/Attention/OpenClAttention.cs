using Stof.Reference.Backends;
using Stof.Reference.Numerics;
using Stof.Reference.Operators;
using Stof.Reference.Tensors;

namespace Stof.Reference.OpenCL.Execution.Attention;

/// <summary>A prepared attention with tensors of its own on the device.</summary>
internal sealed class OpenClAttention : IPreparedAttention
{
    private const int RunsPerSample = 10; // one after the other, so that the device stays at work

    private readonly KernelDevice _device;
    private readonly PreparedAttention _step;
    private readonly JoinedInputs _places;

    /// <summary>Reserves the tensors and prepares a problem that the device computes.</summary>
    /// <param name="device">Where.</param>
    /// <param name="problem">The problem.</param>
    /// <param name="computed">The same, perhaps with query heads as queries: tensors of the same bytes.</param>
    /// <param name="plan">Kernel and tile.</param>
    public OpenClAttention(KernelDevice device, AttentionProblem problem, AttentionProblem computed, AttentionLayoutPlan plan)
    {
        (_device, Problem, Kernel) = (device, problem, plan.Description);
        _places = JoinedInputs.Of(problem);
        var outputs = (long)problem.Batch * problem.QueryHeads * problem.QueryLength * problem.ValueSize;
        _step = new PreparedAttention(device, computed, plan, _places.Place, (_places.Count * problem.Type.Size(), outputs * problem.Type.Size()));
    }

    public AttentionProblem Problem { get; }

    public string Kernel { get; }

    public void SetInputs(HostTensor q, HostTensor k, HostTensor v)
    {
        AttentionTensors.RequireInputs(Problem, q, k, v);
        Write(q, 0);
        Write(k, _places.Keys);
        Write(v, _places.Values);
    }

    public void Run() => _step.Run();

    public void GetOutputs(HostTensor output, HostTensor? logSumExp)
    {
        AttentionTensors.RequireResults(Problem, output, logSumExp);
        _device.Context.Read(_step.O.Buffer, output.Bytes, _step.O.At);
        if (Problem.LogSumExp != LogSumExpOutput.None)
        {
            _step.ReadLogSumExp(logSumExp!.Bytes);
        }
    }

    public IReadOnlyList<double> Measure(int samples)
    {
        Run();
        _device.Context.Finish();
        return [.. Enumerable.Range(0, samples).Select(_ => Timing.Median(_device.Context.Time(RunsPerSample, Run)))];
    }

    public void Dispose() => _step.Dispose();

    private void Write(HostTensor tensor, long start) =>
        _device.Context.Write(_step.Inputs.Buffer, tensor.Bytes, _step.Inputs.At + (start * Problem.Type.Size()));
}
