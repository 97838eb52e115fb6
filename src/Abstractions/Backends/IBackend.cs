using Stof.Reference.Fusion;
using Stof.Reference.Graphs;
using Stof.Reference.Models;
using Stof.Reference.Numerics;
using Stof.Reference.Operators;
using Stof.Reference.Plans;
using Stof.Reference.Tensors;

namespace Stof.Reference.Backends;

/// <summary>A device that runs plans. The seam between everything backend-neutral and the kernels.</summary>
public interface IBackend : IDisposable
{
    /// <summary>The device.</summary>
    DeviceDescription Device { get; }

    /// <summary>
    /// Null if a kernel for the template exists here, or why not. A refused segment is run operator by operator, so that every
    /// graph runs on every backend.
    /// </summary>
    Refusal? Supports(FusionTemplate template, SegmentContext context, ParameterSet parameters);

    /// <summary>What would run a segment that is supported, for people: kernel, tile, and what else the backend decides itself.</summary>
    string Describe(FusionTemplate template, SegmentContext context, ParameterSet parameters)
    {
        ArgumentNullException.ThrowIfNull(parameters);
        return parameters.ToString();
    }

    /// <summary>Packs weights, plans buffers and binds kernels.</summary>
    /// <exception cref="InvalidInputException">The plan does not belong to this model, workload or backend.</exception>
    IModelExecutable Compile(TransformerModel model, Workload workload, ExecutionPlan plan);

    /// <summary>A clock for segments of the model's layer, on real weights and random rows.</summary>
    ISegmentMeasurer CreateMeasurer(TransformerModel model, Workload workload);

    /// <summary>Null if <see cref="Attend"/> computes the problem here, or why not.</summary>
    /// <exception cref="InvalidInputException">The problem itself is out of range; no backend computes it.</exception>
    Refusal? Supports(AttentionProblem problem);

    /// <summary>
    /// Computes one attention outside of any model, by the kernel and tile that the backend thinks best. Every element of the
    /// results is written; inputs are not. Same problem, inputs and device: same bits.
    /// </summary>
    /// <param name="problem">Shapes and options.</param>
    /// <param name="q">Q in the problem's layout and dtype.</param>
    /// <param name="k">K.</param>
    /// <param name="v">V.</param>
    /// <param name="output">Receives O, in the problem's layout and dtype; must not overlap the inputs.</param>
    /// <param name="logSumExp">
    /// Receives LSE [B, Hq, Sq] in F32, natural logarithm; null exactly where the problem does not ask for it.
    /// </param>
    /// <exception cref="InvalidInputException">The problem is out of range or refused, or a tensor does not fit it.</exception>
    void Attend(
        AttentionProblem problem, HostTensor q, HostTensor k, HostTensor v, HostTensor output, HostTensor? logSumExp);

    /// <summary>Makes an attention ready to run many times, by the kernel and tile that <see cref="Attend"/> takes.</summary>
    /// <param name="problem">Shapes and options.</param>
    /// <exception cref="InvalidInputException">The problem is out of range or refused.</exception>
    IPreparedAttention Prepare(AttentionProblem problem);
}

/// <summary>What an attention gives.</summary>
/// <param name="Output">O in the problem's layout and dtype.</param>
/// <param name="LogSumExp">LSE [B, Hq, Sq] in F32, natural logarithm; null if the problem does not ask for it.</param>
public readonly record struct AttentionResult(HostTensor Output, HostTensor? LogSumExp);

/// <summary>What follows from a backend's own methods.</summary>
public static class BackendExtensions
{
    /// <summary>Throws what the backend has against a problem, if anything.</summary>
    /// <exception cref="InvalidInputException">The problem is out of range or refused.</exception>
    public static void Require(this IBackend backend, AttentionProblem problem)
    {
        ArgumentNullException.ThrowIfNull(backend);
        if (backend.Supports(problem) is { } refusal)
        {
            throw new InvalidInputException(nameof(problem), refusal.Reason, "a problem that this backend computes");
        }
    }

    /// <summary>The first segment of a plan that the backend refuses, with the reason; null if it runs them all.</summary>
    public static (SegmentPlan Segment, Refusal Refusal)? FirstRefusal(
        this IBackend backend, OperatorGraph graph, Workload workload, ExecutionPlan plan)
    {
        ArgumentNullException.ThrowIfNull(backend);
        ArgumentNullException.ThrowIfNull(plan);
        foreach (var segment in plan.Segments)
        {
            var context = new SegmentContext(graph, segment.Segment, workload, backend.Device);
            if (backend.Supports(TemplateCatalog.Named(segment.Template), context, segment.Parameters) is { } refusal)
            {
                return (segment, refusal);
            }
        }

        return null;
    }

    /// <summary>Computes one attention into new tensors.</summary>
    /// <inheritdoc cref="IBackend.Attend"/>
    public static AttentionResult Attend(
        this IBackend backend, AttentionProblem problem, HostTensor q, HostTensor k, HostTensor v)
    {
        ArgumentNullException.ThrowIfNull(backend);
        ArgumentNullException.ThrowIfNull(problem);
        var p = problem.Validated();
        var output = HostTensor.Uninitialized(p.Type, p.Layout.Shape(p.Batch, p.QueryHeads, p.QueryLength, p.ValueSize));
        var logSumExp = p.LogSumExp == LogSumExpOutput.None
            ? null
            : HostTensor.Uninitialized(DType.F32, p.Batch, p.QueryHeads, p.QueryLength);
        backend.Attend(p, q, k, v, output, logSumExp);
        return new AttentionResult(output, logSumExp);
    }
}

/// <summary>A compiled plan with its buffers. Not thread-safe.</summary>
public interface IModelExecutable : IDisposable
{
    /// <summary>Runs the model.</summary>
    /// <param name="input">Ids or pixels of the compiled batch and length.</param>
    /// <param name="onState">
    /// Receives a copy of the residual stream after the embedding (0) and each layer (1…n; n after the final normalisation); or null.
    /// </param>
    /// <returns>The last hidden state [batch, length, hidden] in the workload's dtype; a new tensor.</returns>
    HostTensor Run(ModelInput input, Action<int, HostTensor>? onState = null);

    /// <summary>Seconds spent in each segment of the plan, summed over layers, during the last <see cref="Run"/>.</summary>
    IReadOnlyList<double> SegmentSeconds { get; }
}

/// <summary>Says how long a segment takes: a real clock, a cost model, or a simulator.</summary>
public interface ISegmentMeasurer : IDisposable
{
    /// <summary>Seconds of one run of a segment.</summary>
    /// <returns>Null if the backend refuses the template or its parameters.</returns>
    double? Measure(Segment segment, FusionTemplate template, ParameterSet parameters);

    /// <summary>Seconds of a whole layer under each plan, measured in turn so that drift meets all of them.</summary>
    IReadOnlyList<double> MeasureLayers(IReadOnlyList<ExecutionPlan> plans);
}
