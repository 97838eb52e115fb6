using Stof.Reference.Cuda.Simulator;
using Stof.Reference.Cuda.Templates;
using Stof.Reference.Formats;
using Stof.Reference.Fusion;
using Stof.Reference.Graphs;
using Stof.Reference.Models;
using Stof.Reference.Numerics;
using Stof.Reference.Operators;
using Stof.Reference.Plans;
using Stof.Reference.Tensors;

namespace Stof.Reference.Cuda.Execution;

/// <summary>
/// Turns a planned segment into launches, bound to weights and to the frame that holds the values. One compiler serves a model and a workload; what
/// layers can share (an attention's lists and bits, rotary tables, the sums of cut products) it makes once.
/// </summary>
internal sealed class SegmentCompiler : IDisposable
{
    private const int LargeChainWarps = 8;
    private const int SmallChainWarps = 4;

    private readonly ModelSpec _spec;
    private readonly Workload _workload;
    private readonly DeviceWeights _weights;
    private readonly KernelLibrary _kernels;
    private readonly IKernelDevice _device;
    private readonly DeviceMemory _memory;
    private readonly Dictionary<object, (AttentionLaunch Launch, IReadOnlyList<KernelStep> Steps)> _attentions = [];
    private readonly Dictionary<long, IDeviceBuffer> _scratch = [];
    private (IDeviceBuffer Cosines, IDeviceBuffer Sines)? _angles;

    public SegmentCompiler(ModelSpec spec, Workload workload, DeviceWeights weights, KernelLibrary kernels, IKernelDevice device)
    {
        (_spec, _workload, _weights, _kernels, _device) = (spec, workload, weights, kernels, device);
        _memory = new DeviceMemory(device);
        Embedding = new EmbeddingCompiler(workload, weights, kernels, device, _memory);
    }

    /// <summary>Compiles embeddings, and brings their input to the device.</summary>
    public EmbeddingCompiler Embedding { get; }

    /// <summary>Tile and splits that parameters name, or all that the estimate ranks, best first.</summary>
    public static IEnumerable<GemmChoice> ChoicesOf(ParameterSet parameters, DType type, IKernelDevice device, int rows, ProductShape shape)
    {
        var (gemm, isGated, isNormalised) = (shape.First, shape.FirstEpilogue.Activation == ActivationKind.SwiGlu, shape.Prologue is not null);
        var splits = parameters.NumberOrAuto(GemmTemplate.Splits);
        return parameters[GemmTemplate.Tile] is var tile && tile != TunableParameter.Auto
            ? [new GemmChoice(GemmTile.Parse(tile), splits ?? 1)]
            : GemmChooser.Rank(type, device.Target, device.Multiprocessors, rows, gemm.Width, gemm.Depth, isGated, isNormalised, shape.FirstEpilogue.Norm is not null)
                .Select(choice => splits is { } count ? choice with { Splits = count } : choice)
                .Distinct();
    }

    /// <summary>Binds one segment.</summary>
    /// <param name="graph">The graph.</param>
    /// <param name="plan">Segment, template, parameters.</param>
    /// <param name="weights">Weights under the graph's names.</param>
    /// <param name="frame">The values.</param>
    public IReadOnlyList<KernelStep> Compile(OperatorGraph graph, SegmentPlan plan, IReadOnlyDictionary<string, HostTensor> weights, DeviceFrame frame)
    {
        var operators = graph.Operators.AsSpan(plan.Segment.Start, plan.Segment.Length);
        return TemplateCatalog.Named(plan.Template) switch
        {
            AttentionTemplate => Attention(graph, plan, weights, frame),
            GemmTemplate => Multiply(graph, plan, weights, frame),
            GemmChainTemplate => [Chain(graph, plan, weights, frame)],
            _ => operators switch
            {
                [ResidualOperator residual, NormOperator norm] => [ResidualNorm(graph, plan.Segment, residual, norm, weights, frame)],
                [var single] => Single(graph, single, weights, frame),
                _ => throw new ArgumentException($"no kernel for {plan.Template}", nameof(plan)),
            },
        };
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var (attention, _) in _attentions.Values)
        {
            attention.Dispose();
        }

        _memory.Dispose();
    }

    private KernelStep[] Multiply(OperatorGraph graph, SegmentPlan plan, IReadOnlyDictionary<string, HostTensor> weights, DeviceFrame frame)
    {
        var operators = graph.Operators.AsSpan(plan.Segment.Start, plan.Segment.Length);
        var shape = ProductShape.Parse(operators);
        var end = shape.FirstEpilogue;
        var isGated = end.Activation == ActivationKind.SwiGlu;
        var norm = end.Norm is null ? null : Norm(end.Norm, weights);
        var bound = new ProductEnd
        {
            Bias = end.Bias is null ? null : _weights.Vector(weights[end.Bias], isGated),
            Activation = end.Activation,
            Residual = end.Residual is null ? null : frame[end.Residual.Inputs[1]],
            Norm = norm,
            Sum = SumOf(graph, plan, end, frame),
        };
        var prologue = shape.Prologue is null ? null : Norm(shape.Prologue, weights);
        var (input, weight) = (frame[operators[0].Inputs[0]], _weights.Packed(weights[shape.First.Weight], isGated));
        var output = frame[operators[^1].Output];
        KernelStep[] Bind(GemmChoice choice) => Product.Bind(_kernels, Scratch, choice, input, weight, shape.First.Width, bound, output, prologue);

        return Product.FirstThatFits(_device, [.. ChoicesOf(plan.Parameters, _workload.Type, _device, _workload.Rows, shape)], Bind);
    }

    // Where what is normalised goes if somebody behind the segment reads it.
    private static DeviceMatrix? SumOf(OperatorGraph graph, SegmentPlan plan, ProductEpilogue end, DeviceFrame frame) =>
        end.Norm is not null && graph.IsLiveAfter(end.Residual!.Output, plan.Segment.End - 1) ? frame[end.Residual.Output] : null;

    /// <summary>The kernel of a chain of two products.</summary>
    public static GemmChainSpec ChainOf(ProductShape shape, DType type, int rows, IKernelDevice device, bool keepsSum = false)
    {
        var spec = new GemmChainSpec(type, shape.First.Depth, shape.First.Width, shape.Second!.Width, LargeChainWarps)
        {
            Activation = shape.FirstEpilogue.Activation!.Value,
            HasFirstBias = shape.FirstEpilogue.Bias is not null,
            HasBias = shape.SecondEpilogue.Bias is not null,
            HasResidual = shape.SecondEpilogue.Residual is not null,
            Prologue = shape.Prologue?.Kind,
            PrologueHasBeta = shape.Prologue?.Beta is not null,
            PrologueEpsilon = (float)(shape.Prologue?.Epsilon ?? 0),
            Norm = shape.SecondEpilogue.Norm?.Kind,
            NormHasBeta = shape.SecondEpilogue.Norm?.Beta is not null,
            NormEpsilon = (float)(shape.SecondEpilogue.Norm?.Epsilon ?? 0),
            KeepsSum = keepsSum,
        };
        var isLarge = rows >= spec.Rows * device.Multiprocessors && spec.Check(device.Target) is null;
        spec = isLarge ? spec : spec with { Warps = SmallChainWarps };
        return spec with { HasWholeRows = rows % spec.Rows == 0 };
    }

    private KernelStep Chain(OperatorGraph graph, SegmentPlan plan, IReadOnlyDictionary<string, HostTensor> weights, DeviceFrame frame)
    {
        var operators = graph.Operators.AsSpan(plan.Segment.Start, plan.Segment.Length);
        var shape = ProductShape.Parse(operators);
        var sum = SumOf(graph, plan, shape.SecondEpilogue, frame);
        var spec = ChainOf(shape, _workload.Type, _workload.Rows, _device, sum is not null);
        var (x, y) = (frame[operators[0].Inputs[0]], frame[operators[^1].Output]);
        var end = new ProductEnd
        {
            Bias = Vector(shape.SecondEpilogue.Bias, weights),
            Residual = shape.SecondEpilogue.Residual is { } added ? frame[added.Inputs[1]] : null,
            Norm = shape.SecondEpilogue.Norm is { } norm ? Norm(norm, weights) : null,
            Sum = sum,
        };
        var parameters = RowStep.SetEnd(new LaunchParameters(_kernels.Get(spec, GemmChain.Build)), end)
            .Set("a", x.Buffer)
            .Set("b", _weights.Packed(weights[shape.Second!.Weight], isGated: false))
            .Set("c", y.Buffer)
            .Set("rows", x.Rows)
            .Set("w1", _weights.Packed(weights[shape.First.Weight], isGated: false));
        if (shape.FirstEpilogue.Bias is { } bias)
        {
            parameters.Set("bias1", _weights.Vector(weights[bias]));
        }

        RowStep.SetNorm(parameters, end);
        if (shape.Prologue is not null)
        {
            Norm(shape.Prologue, weights).SetWeights(parameters);
        }

        return new KernelStep(parameters, new Grid((x.Rows + spec.Rows - 1) / spec.Rows));
    }

    private IReadOnlyList<KernelStep> Attention(OperatorGraph graph, SegmentPlan plan, IReadOnlyDictionary<string, HostTensor> weights, DeviceFrame frame)
    {
        var geometry = graph.Attention!;
        var first = graph.Operators[plan.Segment.Start];
        var bias = ((AttentionOperator)graph.Operators[plan.Segment.Start + 1]).Bias is { } name ? weights[name] : null;
        var (qkv, output) = (frame[first.Inputs[0]], frame[graph.Operators[plan.Segment.End - 1].Output]);
        var tiling = plan.Parameters[AttentionTemplate.Algorithm] == "blockwise"
            ? BlockwiseTiling.Of(plan.Parameters.Number(AttentionTemplate.TileRows), plan.Parameters.Number(AttentionTemplate.TileColumns))
            : null;

        // Layers lie in the same buffers: one attention serves them all, unless each has a bias of its own.
        var key = (qkv.Buffer, output.Buffer, bias, tiling);
        if (!_attentions.TryGetValue(key, out var attention))
        {
            var problem = _workload.Attention(geometry, bias is null ? null : new RelativeBias(bias, _spec.RelativeMaxDistance)).Validated();
            AttentionOperand Operand(DeviceMatrix rows, int firstColumn) => new(
                firstColumn == 0 ? rows.Buffer : new BufferSlice(rows.Buffer, firstColumn * (long)rows.Type.Size()),
                rows.PitchBytes,
                geometry.HeadSize * rows.Type.Size(),
                checked(_workload.Length * rows.PitchBytes));
            var keys = geometry.QueryHeads * geometry.HeadSize;
            var launch = new AttentionLaunch(
                _device, problem, Operand(qkv, 0), Operand(qkv, keys), Operand(qkv, keys + (geometry.KvHeads * geometry.HeadSize)), Operand(output, 0));
            var kernels = new AttentionKernels(_kernels);
            attention = (launch, tiling is not null && BlockwiseRun.Computes(problem, _device.Target)
                ? BlockwiseRun.Plan(kernels, launch, tiling).Launches
                : RowwiseRun.Plan(kernels, launch));
            _attentions.Add(key, attention);
        }

        return attention.Steps;
    }

    private KernelStep ResidualNorm(
        OperatorGraph graph, Segment segment, ResidualOperator residual, NormOperator norm, IReadOnlyDictionary<string, HostTensor> weights, DeviceFrame frame)
    {
        var sum = graph.IsLiveAfter(residual.Output, segment.End - 1) ? frame[residual.Output] : null;
        return RowStep.Bind(
            _kernels,
            frame[residual.Inputs[0]],
            frame[norm.Output],
            new ProductEnd { Bias = Vector(residual.Bias, weights), Residual = frame[residual.Inputs[1]], Norm = Norm(norm, weights), Sum = sum });
    }

    private IReadOnlyList<KernelStep> Single(OperatorGraph graph, GraphOperator op, IReadOnlyDictionary<string, HostTensor> weights, DeviceFrame frame)
    {
        var end = op switch
        {
            BiasOperator bias => new ProductEnd { Bias = Vector(bias.Bias, weights) },
            ActivationOperator activation => new ProductEnd { Bias = Vector(activation.Bias, weights), Activation = activation.Kind },
            ResidualOperator residual => new ProductEnd { Bias = Vector(residual.Bias, weights), Residual = frame[residual.Inputs[1]] },
            NormOperator norm => new ProductEnd { Norm = Norm(norm, weights) },
            _ => null,
        };
        if (end is not null)
        {
            return [RowStep.Bind(_kernels, frame[op.Inputs[0]], frame[op.Output], end)];
        }

        return op is RotaryOperator rotary
            ? [Rotary(graph.Attention!, rotary, frame[op.Inputs[0]], frame[op.Output])]
            : [.. Embedding.Compile(op, weights, frame[op.Output])];
    }

    private KernelStep Rotary(AttentionGeometry geometry, RotaryOperator op, DeviceMatrix x, DeviceMatrix y)
    {
        if (_angles is not { } angles)
        {
            var (cosines, sines) = RotaryAngles.Of(_workload.Length, geometry.HeadSize, op.Theta);
            _angles = angles = (_memory.Upload<float>(cosines), _memory.Upload<float>(sines));
        }

        var spec = new RotarySpec(x.Type, geometry.QueryHeads, geometry.KvHeads, geometry.HeadSize, _workload.Length);
        var parameters = new LaunchParameters(_kernels.Get(spec, RotaryRows.Build))
            .Set("x", x.Buffer)
            .Set("y", y.Buffer)
            .Set("cosines", angles.Cosines)
            .Set("sines", angles.Sines);
        return new KernelStep(parameters, new Grid(x.Rows));
    }

    // Launches follow each other: sums of one size may lie in one place.
    private IDeviceBuffer Scratch(long bytes)
    {
        if (!_scratch.TryGetValue(bytes, out var buffer))
        {
            _scratch[bytes] = buffer = _memory.Allocate(bytes);
        }

        return buffer;
    }

    private IDeviceBuffer? Vector(string? name, IReadOnlyDictionary<string, HostTensor> weights) => name is null ? null : _weights.Vector(weights[name]);

    private RowNorm Norm(NormOperator norm, IReadOnlyDictionary<string, HostTensor> weights) =>
        new(norm.Kind, _weights.Vector(weights[norm.Gamma]), Vector(norm.Beta, weights), (float)norm.Epsilon);
}
