using System.Runtime.CompilerServices;
using Stof.Reference.Backends;
using Stof.Reference.Cpu.Simd;
using Stof.Reference.Cpu.Simd.Attention;
using Stof.Reference.Cpu.Threading;
using Stof.Reference.Fusion;
using Stof.Reference.Graphs;
using Stof.Reference.Models;
using Stof.Reference.Numerics;
using Stof.Reference.Operators;
using Stof.Reference.Plans;
using Stof.Reference.Tensors;

namespace Stof.Reference.Cpu.Execution;

/// <summary>The SIMD backend: F32, F16 and BF16 on the processor's vector units, float arithmetic, bits that do not depend on threads.</summary>
public sealed class CpuBackend : IBackend
{
    /// <summary>
    /// Number of the arithmetic: raised by one with every intended change of a result's bits, so that a record of bits says which of them it holds.
    /// </summary>
    public const int ArithmeticRevision = 2;

    private const long LargestDetachedScores = 1L << 30; // bytes; beyond, the unfused baseline would not fit beside a model

    private const string Types = "F32, F16 or BF16; double precision is the oracle's";

    private readonly WorkerPool _pool;
    private readonly KernelWorkspace _workspace;

    // Packed weights are shared by every plan of a model and go with it.
    private readonly ConditionalWeakTable<TransformerModel, WeightStore> _stores = [];

    /// <summary>Starts the workers.</summary>
    /// <param name="threads">Number of threads; null for one a processor.</param>
    /// <exception cref="InvalidInputException">The number is out of range.</exception>
    public CpuBackend(int? threads = null)
    {
        _pool = new WorkerPool(threads ?? Environment.ProcessorCount);
        _workspace = new KernelWorkspace(_pool);
        Device = CpuDevice.Describe(_pool.Threads);
    }

    /// <inheritdoc/>
    public DeviceDescription Device { get; }

    /// <inheritdoc/>
    public Refusal? Supports(FusionTemplate template, SegmentContext context, ParameterSet parameters)
    {
        ArgumentNullException.ThrowIfNull(template);
        ArgumentNullException.ThrowIfNull(context);
        if (context.Operators[0] is AttentionOperator && template is not AttentionTemplate)
        {
            var bytes = (double)context.Workload.Batch * context.Graph.Attention!.QueryHeads
                * context.Workload.Length * context.Workload.Length * sizeof(float);
            if (bytes > LargestDetachedScores)
            {
                return new Refusal("scores", $"detached attention stores {bytes / (1 << 30):f1} GiB of scores, at most {LargestDetachedScores >> 30} are allowed");
            }
        }

        return template.Check(context, parameters);
    }

    /// <inheritdoc/>
    public IModelExecutable Compile(TransformerModel model, Workload workload, ExecutionPlan plan)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(plan);
        RequireType(workload);
        plan.Validated(model.Graph.Layer, workload, Device);
        if (this.FirstRefusal(model.Graph.Layer, workload, plan) is var (segment, refusal))
        {
            throw new InvalidInputException($"plan, segment {segment.Segment} {segment.Template}", refusal.Reason, "a segment that this backend runs");
        }

        return new LayeredExecutable<HostTensor>(model, workload, plan, Compiler(model, workload), Device);
    }

    /// <inheritdoc/>
    public ISegmentMeasurer CreateMeasurer(TransformerModel model, Workload workload)
    {
        ArgumentNullException.ThrowIfNull(model);
        RequireType(workload);
        return new SegmentMeasurer<HostTensor>(this, model, workload, Compiler(model, workload));
    }

    /// <inheritdoc/>
    public Refusal? Supports(AttentionProblem problem)
    {
        ArgumentNullException.ThrowIfNull(problem);
        return Computes(problem.Validated().Type) ? null : new Refusal("dtype", $"{problem.Type} is not {Types}");
    }

    /// <inheritdoc/>
    public void Attend(
        AttentionProblem problem, HostTensor q, HostTensor k, HostTensor v, HostTensor output, HostTensor? logSumExp)
    {
        this.Require(problem);
        AttentionTensors.Require(problem, q, k, v, output, logSumExp);

        // Bits follow the kernel and its tile. They are chosen as for one thread, so that bits do not follow the number of threads.
        var choice = AttentionSelector.Measured(problem, threads: 1);
        new AttentionKernel(problem, choice).Run(AttentionOperands.Of(problem, q, k, v, output, logSumExp), _pool);
    }

    /// <inheritdoc/>
    public IPreparedAttention Prepare(AttentionProblem problem)
    {
        this.Require(problem);
        return new CpuPreparedAttention(new AttentionKernel(problem, AttentionSelector.Measured(problem, threads: 1)), _pool);
    }

    /// <summary>Ends the workers.</summary>
    public void Dispose() => _pool.Dispose();

    private SegmentCompiler Compiler(TransformerModel model, Workload workload) =>
        new(model.Spec, workload, _stores.GetOrCreateValue(model), _workspace);

    private static void RequireType(Workload workload)
    {
        ArgumentNullException.ThrowIfNull(workload);
        if (!Computes(workload.Type))
        {
            throw new InvalidInputException("dtype", workload.Type.ToString(), Types);
        }
    }

    private static bool Computes(DType type) => type is DType.F32 or DType.F16 or DType.BF16;
}
