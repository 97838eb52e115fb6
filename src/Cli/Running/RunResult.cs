using System.Collections.Immutable;
using Stof.Reference.Backends;
using Stof.Reference.Cpu.Execution;
using Stof.Reference.Fusion;
using Stof.Reference.Models;
using Stof.Reference.Plans;
using Stof.Reference.Search;
using Stof.Reference.Tensors;

namespace Stof.Reference.Cli.Running;

/// <summary>Everything a run found out.</summary>
internal sealed record RunResult
{
    /// <summary>The model, in the dtype of the run.</summary>
    public required TransformerModel Model { get; init; }

    /// <summary>What it ran on.</summary>
    public required Workload Workload { get; init; }

    /// <summary>Where.</summary>
    public required DeviceDescription Device { get; init; }

    /// <summary>The plan that ran.</summary>
    public required ExecutionPlan Plan { get; init; }

    /// <summary>Segments of the plan that the backend refused, and that run in smaller ones.</summary>
    public ImmutableArray<RefusedSegment> Refused { get; init; } = [];

    /// <summary>Where the plan came from, for people.</summary>
    public required string PlanSource { get; init; }

    /// <summary>The search, if there was one.</summary>
    public TuningResult? Tuning { get; init; }

    /// <summary>[batch, length, hidden].</summary>
    public required HostTensor LastHiddenState { get; init; }

    /// <summary>Median seconds of a forward pass under the plan.</summary>
    public required double PlanSeconds { get; init; }

    /// <summary>Median seconds of a forward pass under the baseline, run in turn with the plan.</summary>
    public required double BaselineSeconds { get; init; }

    /// <summary>Name of the baseline: all detached, or all but attention where its scores would not fit.</summary>
    public required string BaselineName { get; init; }

    /// <summary>Median seconds of each segment, summed over layers.</summary>
    public required ImmutableArray<double> SegmentSeconds { get; init; }

    /// <summary>The comparison with the oracle; empty if not asked for.</summary>
    public ImmutableArray<LayerVerdict> Verdicts { get; init; } = [];

    /// <summary>False if a layer was found wrong.</summary>
    public bool IsRight => Verdicts.All(verdict => verdict.Passed);
}
