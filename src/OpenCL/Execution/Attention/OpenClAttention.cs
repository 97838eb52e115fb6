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
    private readonly BufferSet _buffers;
    private readonly PreparedAttention _step;
    private readonly OpenClBuffer _q;
    private readonly OpenClBuffer _k;
    private readonly OpenClBuffer _v;
    private readonly OpenClBuffer _o;
    private readonly OpenClBuffer? _lse;

    /// <summary>Reserves the tensors and prepares a problem that the device computes.</summary>
    /// <param name="device">Where.</param>
    /// <param name="problem">The problem.</param>
    /// <param name="computed">The same, perhaps with query heads as queries: tensors of the same bytes.</param>
    /// <param name="plan">Kernel and tile.</param>
    public OpenClAttention(KernelDevice device, AttentionProblem problem, AttentionProblem computed, AttentionLayoutPlan plan)
    {
        (_device, Problem, Kernel) = (device, problem, plan.Description);
        _buffers = new BufferSet(device.Context);
        try
        {
            OpenClBuffer Tensor(int heads, int length, int size) => _buffers.Allocate((long)problem.Batch * heads * length * size * problem.Type.Size());
            _q = Tensor(problem.QueryHeads, problem.QueryLength, problem.HeadSize);
            _k = Tensor(problem.KvHeads, problem.KvLength, problem.HeadSize);
            _v = Tensor(problem.KvHeads, problem.KvLength, problem.ValueSize);
            _o = Tensor(problem.QueryHeads, problem.QueryLength, problem.ValueSize);
            _lse = problem.LogSumExp == LogSumExpOutput.None
                ? null
                : _buffers.Allocate((long)problem.Batch * problem.QueryHeads * problem.QueryLength * sizeof(float));
            _step = new PreparedAttention(device, computed, plan);
        }
        catch
        {
            _buffers.Dispose();
            throw;
        }
    }

    public AttentionProblem Problem { get; }

    public string Kernel { get; }

    public void SetInputs(HostTensor q, HostTensor k, HostTensor v)
    {
        AttentionTensors.RequireInputs(Problem, q, k, v);
        Write(_q, q);
        Write(_k, k);
        Write(_v, v);
    }

    public void Run() => _step.Run(_q, _k, _v, _o, _lse);

    public void GetOutputs(HostTensor output, HostTensor? logSumExp)
    {
        AttentionTensors.RequireResults(Problem, output, logSumExp);
        Read(_o, output);
        if (_lse is not null)
        {
            Read(_lse, logSumExp!);
        }
    }

    public IReadOnlyList<double> Measure(int samples)
    {
        Run();
        _device.Context.Finish();
        return [.. Enumerable.Range(0, samples).Select(_ => Timing.Median(_device.Context.Time(RunsPerSample, Run)))];
    }

    public void Dispose()
    {
        _step.Dispose();
        _buffers.Dispose();
    }

    private void Write(OpenClBuffer buffer, HostTensor tensor)
    {
        if (tensor.Count > 0)
        {
            _device.Context.Write(buffer, tensor.Bytes);
        }
    }

    private void Read(OpenClBuffer buffer, HostTensor tensor)
    {
        if (tensor.Count > 0)
        {
            _device.Context.Read(buffer, tensor.Bytes);
        }
    }
}
