using Stof.Reference.Backends;
using Stof.Reference.Formats;
using Stof.Reference.Fusion;
using Stof.Reference.Graphs;
using Stof.Reference.Models;
using Stof.Reference.Numerics;
using Stof.Reference.OpenCL.Execution.Attention;
using Stof.Reference.Operators;
using Stof.Reference.Plans;
using Stof.Reference.Tensors;

namespace Stof.Reference.OpenCL.Execution.Models;

/// <summary>Turns planned segments into launches. One compiler serves a model and a workload; all its buffers go with it.</summary>
internal sealed class SegmentCompiler : ISegmentCompiler<OpenClBuffer>
{
    private readonly OpenClBackend _backend;
    private readonly ModelSpec _spec;
    private readonly Workload _workload;
    private readonly StepBuilder _builder;
    private readonly AttentionSteps _attention;
    private readonly RowSteps _rows;
    private ModelInput? _input;

    public SegmentCompiler(OpenClBackend backend, KernelDevice device, ModelSpec spec, Workload workload, WeightStore store)
    {
        (_backend, _spec, _workload) = (backend, spec, workload);
        _builder = new StepBuilder(device, workload, store, new BufferSet(device.Context));
        _attention = new AttentionSteps(_builder);
        _rows = new RowSteps(_builder, () => _input!);
    }

    private OpenClContext Context => _builder.Device.Context;

    /// <inheritdoc/>
    public Action<Frame> Compile(OperatorGraph graph, SegmentPlan plan, IReadOnlyDictionary<string, HostTensor> weights)
    {
        // A refused segment runs with other parameters, or in the longest pieces that are not refused, at last operator by operator.
        Action<Frame>[] steps = [.. Pieces(graph, plan).Select(piece => CompilePiece(graph, piece, weights))];
        return steps.Length == 1 ? steps[0] : frame => Array.ForEach(steps, step => step(frame));
    }

    /// <summary>Starts building every attention program that a search over a layer may ask for; the rest is few and quick.</summary>
    /// <param name="graph">The layer.</param>
    /// <param name="weights">Its weights: a bias changes the program.</param>
    public void BuildAhead(OperatorGraph graph, IReadOnlyDictionary<string, HostTensor> weights)
    {
        var bias = graph.Operators.OfType<AttentionOperator>().Select(op => op.Bias).FirstOrDefault(name => name is not null);
        var problem = Problem(graph, bias, weights);
        var start = graph.Operators.ToList().FindIndex(op => op is AttentionOperator);
        var template = TemplateCatalog.All.OfType<AttentionTemplate>().Single();
        var context = new SegmentContext(graph, new Segment(start, graph.Operators.Count(op => op is AttentionOperator)), _workload, _backend.Device);
        _builder.Device.Programs.BuildAhead(ParameterSet.All(template.Parameters(context))
            .Where(parameters => _backend.Supports(template, context, parameters) is null)
            .Select(parameters => PlanOf(parameters, problem).Program(_builder.Device, problem)));
    }

    /// <inheritdoc/>
    public void SetInput(ModelInput input) => _input = input;

    /// <inheritdoc/>
    public OpenClBuffer Allocate(OperatorGraph graph, int value)
    {
        var width = graph.Values[value].Width;
        var bytes = width > 0
            ? (long)_workload.Rows * width * _workload.Type.Size()
            : (long)_workload.Batch * graph.Attention!.QueryHeads * _workload.Length * _workload.Length * sizeof(float);
        var buffer = _builder.Buffers.Allocate(bytes);
        Context.Fill(buffer, 0);
        return buffer;
    }

    /// <inheritdoc/>
    public long SizeOf(OpenClBuffer buffer) => buffer.Bytes;

    /// <inheritdoc/>
    public void Read(OpenClBuffer buffer, Span<byte> bytes) => Context.Read(buffer, bytes);

    /// <inheritdoc/>
    public void Write(OpenClBuffer buffer, ReadOnlySpan<byte> bytes, long offset) => Context.Write(buffer, bytes, offset);

    /// <inheritdoc/>
    public void Synchronize() => Context.Finish();

    /// <inheritdoc/>
    public void Dispose()
    {
        _attention.Dispose();
        _builder.Buffers.Dispose();
    }

    private List<SegmentPlan> Pieces(OperatorGraph graph, SegmentPlan plan)
    {
        if (Refusal(graph, plan) is not { } refusal)
        {
            return [plan];
        }

        var pieces = new List<SegmentPlan>();
        for (var start = plan.Segment.Start; start < plan.Segment.End; start = pieces[^1].Segment.End)
        {
            pieces.Add(Longest(graph, start, plan.Segment)
                ?? throw new InvalidInputException($"plan, segment {plan.Segment} {plan.Template}", refusal.Reason, "a segment that this backend runs"));
        }

        return pieces;
    }

    private SegmentPlan? Longest(OperatorGraph graph, int start, Segment whole)
    {
        for (var length = whole.End - start; length >= 1; length--)
        {
            var segment = new Segment(start, length);
            if (TemplateCatalog.Match(graph, segment) is not { } template)
            {
                continue;
            }

            var choices = ParameterSet.All(template.Parameters(new SegmentContext(graph, segment, _workload, _backend.Device)));
            var plans = choices.Select(parameters => new SegmentPlan(segment, template.Name, parameters));
            if (plans.FirstOrDefault(plan => Refusal(graph, plan) is null) is { } plan)
            {
                return plan;
            }
        }

        return null;
    }

    private Refusal? Refusal(OperatorGraph graph, SegmentPlan plan) => _backend.Supports(
        TemplateCatalog.Named(plan.Template), new SegmentContext(graph, plan.Segment, _workload, _backend.Device), plan.Parameters);

    private Action<Frame> CompilePiece(OperatorGraph graph, SegmentPlan plan, IReadOnlyDictionary<string, HostTensor> weights)
    {
        var operators = graph.Operators.AsSpan(plan.Segment.Start, plan.Segment.Length);
        switch (TemplateCatalog.Named(plan.Template))
        {
            case AttentionTemplate:
                var bias = ((AttentionOperator)operators[1]).Bias;
                var problem = Problem(graph, bias, weights);
                return _attention.Fused(graph.Attention!, problem, PlanOf(plan.Parameters, problem), operators[0].Inputs[0], operators[^1].Output);
            case GemmTemplate or GemmChainTemplate:
                return ProductStep.Compile(_builder, graph, plan.Segment, plan.Parameters, weights);
            case var _ when operators.Length == 2:
                var (residual, norm) = ((ResidualOperator)operators[0], (NormOperator)operators[1]);
                return _rows.ResidualNorm(
                    residual, norm, graph.Values[norm.Output].Width, graph.IsLiveAfter(residual.Output, plan.Segment.End - 1), weights);
            default:
                return operators[0] is AttentionOperator step
                    ? _attention.Detached(graph.Attention!, Problem(graph, step.Bias, weights), step)
                    : _rows.Detached(graph, operators[0], weights);
        }
    }

    private AttentionLayoutPlan PlanOf(ParameterSet parameters, AttentionProblem problem)
    {
        var isRowwise = parameters[AttentionTemplate.Algorithm] == "rowwise";
        var tile = new TileShape(parameters.Number(AttentionTemplate.TileRows), parameters.Number(AttentionTemplate.TileColumns));
        return AttentionChooser.Named(_builder.Device, problem, isRowwise, tile)!;
    }

    private AttentionProblem Problem(OperatorGraph graph, string? bias, IReadOnlyDictionary<string, HostTensor> weights) =>
        _workload.Attention(graph.Attention!, bias is null ? null : new RelativeBias(weights[bias], _spec.RelativeMaxDistance));
}
