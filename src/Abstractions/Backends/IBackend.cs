using Stof.Reference.Fusion;
using Stof.Reference.Graphs;
using Stof.Reference.Models;
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

    /// <summary>Packs weights, plans buffers and binds kernels.</summary>
    /// <exception cref="InvalidInputException">The plan does not belong to this model, workload or backend.</exception>
    IModelExecutable Compile(TransformerModel model, Workload workload, ExecutionPlan plan);

    /// <summary>A clock for segments of the model's layer, on real weights and random rows.</summary>
    ISegmentMeasurer CreateMeasurer(TransformerModel model, Workload workload);
}

/// <summary>What follows from a backend's own methods.</summary>
public static class BackendExtensions
{
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
