using Stof.Reference.Backends;
using Stof.Reference.Cpu.Simd;
using Stof.Reference.Cpu.Simd.Attention;
using Stof.Reference.Cpu.Simd.Attention.Detached;
using Stof.Reference.Formats;
using Stof.Reference.Fusion;
using Stof.Reference.Graphs;
using Stof.Reference.Models;
using Stof.Reference.Numerics;
using Stof.Reference.Operators;
using Stof.Reference.Plans;
using Stof.Reference.Tensors;

namespace Stof.Reference.Cpu.Execution;

/// <summary>
/// Turns a planned segment into a step: a kernel bound to its weights, called with the frame that holds the values. One
/// compiler serves a model and a workload; what layers can share (tile lists, rotary tables, scratch) it makes once.
/// </summary>
internal sealed class SegmentCompiler : ISegmentCompiler<HostTensor>
{
    private readonly ModelSpec _spec;
    private readonly Workload _workload;
    private readonly WeightStore _store;
    private readonly KernelWorkspace _workspace;
    private readonly AttentionWorkspace _attentionWorkspace = new();
    private readonly Dictionary<TileShape, BlockMask> _tiles = [];
    private readonly Lazy<int[]> _positions;
    private readonly EmbeddingSteps _embeddings;
    private RotaryTable? _rotary;
    private ModelInput? _input;

    public SegmentCompiler(ModelSpec spec, Workload workload, WeightStore store, KernelWorkspace workspace)
    {
        _embeddings = new EmbeddingSteps(workload, store, workspace, () => _input!);
        _spec = spec;
        _workload = workload;
        _store = store;
        _workspace = workspace;
        _positions = new Lazy<int[]>(() => [.. Enumerable.Range(0, workload.Rows).Select(row => row % workload.Length)]);
    }

    /// <inheritdoc/>
    public void SetInput(ModelInput input) => _input = input;

    /// <inheritdoc/>
    public Action<Frame> Compile(OperatorGraph graph, SegmentPlan plan, IReadOnlyDictionary<string, HostTensor> weights)
    {
        var operators = graph.Operators.AsSpan(plan.Segment.Start, plan.Segment.Length);
        var first = operators[0];
        return TemplateCatalog.Named(plan.Template) switch
        {
            AttentionTemplate => Attention(graph, plan, weights),
            GemmTemplate or GemmChainTemplate => Product(graph, plan, weights),
            _ when operators.Length == 2 => ResidualNorm((ResidualOperator)first, (NormOperator)operators[1], graph, plan.Segment, weights),
            _ => Detached(graph, first, weights),
        };
    }

    /// <inheritdoc/>
    public HostTensor Allocate(OperatorGraph graph, int value)
    {
        var width = graph.Values[value].Width;
        return width > 0
            ? HostTensor.Zeros(_workload.Type, _workload.Rows, width)
            : HostTensor.Zeros(DType.F32, _workload.Batch, graph.Attention!.QueryHeads, _workload.Length, _workload.Length);
    }

    /// <inheritdoc/>
    public long SizeOf(HostTensor buffer) => buffer.Bytes.Length;

    /// <inheritdoc/>
    public void Read(HostTensor buffer, Span<byte> bytes) => buffer.Bytes[..bytes.Length].CopyTo(bytes);

    /// <inheritdoc/>
    public void Write(HostTensor buffer, ReadOnlySpan<byte> bytes, long offset) => bytes.CopyTo(buffer.Bytes[(int)offset..]);

    /// <inheritdoc/>
    public void Synchronize()
    {
        // A step has ended when it returns.
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        // Weights belong to the model, threads to the backend.
    }

    private Action<Frame> Product(OperatorGraph graph, SegmentPlan plan, IReadOnlyDictionary<string, HostTensor> weights)
    {
        var operators = graph.Operators.AsSpan(plan.Segment.Start, plan.Segment.Length);
        var shape = ProductShape.Parse(operators);
        var prologue = shape.Prologue is null ? null : Norm(shape.Prologue, weights);
        var (input, output) = (operators[0].Inputs[0], operators[^1].Output);
        var residual = shape.Last.Residual?.Inputs[1];
        int? preNorm = shape.Last.Norm is not null && shape.Last.Residual is { } added && graph.IsLiveAfter(added.Output, plan.Segment.End - 1)
            ? added.Output
            : null;
        var first = Packed(shape.First, shape.FirstEpilogue, weights);
        if (shape.Second is null)
        {
            var kernel = new GemmKernel(
                first, _workspace, prologue, Epilogue(shape.FirstEpilogue, weights), Tiling(plan.Parameters, shape));
            return frame => kernel.Run(frame.View(input), frame.View(output), Optional(frame, residual), Optional(frame, preNorm));
        }

        var chain = new GemmChainKernel(
            first,
            Packed(shape.Second, shape.SecondEpilogue, weights),
            _workspace,
            Epilogue(shape.FirstEpilogue, weights),
            prologue,
            Epilogue(shape.SecondEpilogue, weights),
            plan.Parameters.NumberOrAuto(GemmTemplate.RowBlock),
            plan.Parameters.Number(GemmTemplate.DepthBlock));
        return frame => chain.Run(frame.View(input), frame.View(output), Optional(frame, residual), Optional(frame, preNorm));
    }

    private GemmTiling Tiling(ParameterSet parameters, ProductShape shape)
    {
        var isGated = shape.FirstEpilogue.Activation == ActivationKind.SwiGlu;
        var work = new GemmWork(_workload.Rows, isGated ? shape.First.Width / 2 : shape.First.Width, shape.First.Depth)
        {
            IsGated = isGated,
            NormalisesInput = shape.Prologue is not null,
            NormalisesOutput = shape.FirstEpilogue.Norm is not null,
        };
        var columns = parameters.Values.ContainsKey(GemmTemplate.ColumnBlock) ? parameters.NumberOrAuto(GemmTemplate.ColumnBlock) : null;
        var tiling = GemmTiling.For(
            in work, _workspace.Pool.Threads, rowBlock: parameters.NumberOrAuto(GemmTemplate.RowBlock), columnBlock: columns);
        return parameters.NumberOrAuto(GemmTemplate.DepthBlock) is { } depth ? tiling with { DepthBlock = depth } : tiling;
    }

    private Action<Frame> Attention(OperatorGraph graph, SegmentPlan plan, IReadOnlyDictionary<string, HostTensor> weights)
    {
        var geometry = graph.Attention!;
        var (start, end) = (plan.Segment.Start, plan.Segment.End - 1);
        var (qkv, output) = (graph.Operators[start].Inputs[0], graph.Operators[end].Output);
        var problem = Problem(graph, ((AttentionOperator)graph.Operators[start + 1]).Bias, weights);
        var tile = new TileShape(plan.Parameters.Number(AttentionTemplate.TileRows), plan.Parameters.Number(AttentionTemplate.TileColumns));
        var algorithm = Enum.Parse<AttentionAlgorithm>(plan.Parameters[AttentionTemplate.Algorithm], ignoreCase: true);
        var kernel = new AttentionKernel(problem, Tiles(problem, tile), algorithm, _attentionWorkspace);
        return frame => kernel.Run(Operands(geometry, frame[qkv], frame[output]), _workspace.Pool);
    }

    /// <summary>
    /// One step of attention on its own, the scores stored. Scale, mask and softmax work in place: their values share a buffer.
    /// </summary>
    private Action<Frame> AttentionStepOf(OperatorGraph graph, AttentionOperator step, IReadOnlyDictionary<string, HostTensor> weights)
    {
        var geometry = graph.Attention!;
        var (length, size) = (_workload.Length, geometry.HeadSize);
        var problem = Problem(graph, step.Bias, weights);
        var (input, output) = (step.Inputs[0], step.Output);
        switch (step.Step)
        {
            case AttentionStep.Scores:
                var product = new ScoreProduct(problem);
                return frame =>
                {
                    var qkv = Operands(geometry, frame[input], frame[input]);
                    product.Run(qkv.Query, qkv.Key, frame[output], _workspace.Pool);
                };
            case AttentionStep.ScaleMask:
                var scaleMask = new ScaleMask(problem);
                return frame => scaleMask.Run(frame[output] = frame[input], _workspace.Pool);
            case AttentionStep.Softmax:
                var softmax = new RowSoftmax(problem);
                return frame => softmax.Run(frame[output] = frame[input], _workspace.Pool);
            case AttentionStep.WeightedSum:
                var sum = new WeightedSum(problem);
                var qkvValue = step.Inputs[1];
                return frame => sum.Run(
                    frame[input], Operands(geometry, frame[qkvValue], frame[qkvValue]).Value, HeadsApart(frame[output], geometry), _workspace.Pool);
            default:
                return frame => MergeHeads.Run(
                    HeadsApart(frame[input], geometry),
                    AttentionView.Columns(frame[output], length, 0, size),
                    _workload.Batch,
                    geometry.QueryHeads,
                    length,
                    size,
                    _workspace.Pool);
        }
    }

    /// <summary>A value's buffer read as [batch, heads, length, size].</summary>
    private AttentionView HeadsApart(HostTensor rows, AttentionGeometry geometry)
    {
        var head = (long)_workload.Length * geometry.HeadSize;
        return new AttentionView(rows, 0, geometry.QueryHeads * head, head, geometry.HeadSize);
    }

    private AttentionOperands Operands(AttentionGeometry geometry, HostTensor qkv, HostTensor output)
    {
        var (length, size) = (_workload.Length, geometry.HeadSize);
        var keys = geometry.QueryHeads * size;
        return new AttentionOperands(
            AttentionView.Columns(qkv, length, 0, size),
            AttentionView.Columns(qkv, length, keys, size),
            AttentionView.Columns(qkv, length, keys + (geometry.KvHeads * size), size),
            AttentionView.Columns(output, length, 0, size));
    }

    private AttentionProblem Problem(OperatorGraph graph, string? bias, IReadOnlyDictionary<string, HostTensor> weights) =>
        _workload.Attention(graph.Attention!, bias is null ? null : new RelativeBias(weights[bias], _spec.RelativeMaxDistance));

    private Action<Frame> ResidualNorm(
        ResidualOperator residual, NormOperator norm, OperatorGraph graph, Segment segment, IReadOnlyDictionary<string, HostTensor> weights)
    {
        var rowNorm = Norm(norm, weights);
        var bias = Vector(residual.Bias, weights);
        int? preNorm = graph.IsLiveAfter(residual.Output, segment.End - 1) ? residual.Output : null;
        return frame => Normalize.Run(
            _workspace,
            frame.View(residual.Inputs[0]),
            bias,
            frame.View(residual.Inputs[1]),
            rowNorm,
            frame.View(norm.Output),
            Optional(frame, preNorm));
    }

    private Action<Frame> Detached(OperatorGraph graph, GraphOperator op, IReadOnlyDictionary<string, HostTensor> weights)
    {
        var input = op.Inputs[0];
        switch (op)
        {
            case BiasOperator bias:
                var added = _store.Vector(weights[bias.Bias]);
                return frame => BiasAdd.Run(_workspace, frame.View(input), added, frame.View(op.Output));
            case ActivationOperator activation:
                var before = Vector(activation.Bias, weights);
                var function = Function(activation.Kind);
                return frame => BiasActivation.Run(_workspace, frame.View(input), before, function, frame.View(op.Output));
            case ResidualOperator residual:
                var shift = Vector(residual.Bias, weights);
                return frame => ResidualAdd.Run(_workspace, frame.View(input), shift, frame.View(residual.Inputs[1]), frame.View(op.Output));
            case NormOperator norm:
                var rowNorm = Norm(norm, weights);
                return frame => Normalize.Run(_workspace, frame.View(input), rowNorm, frame.View(op.Output));
            case RotaryOperator rotary:
                var geometry = graph.Attention!;
                var table = _rotary ??= new RotaryTable(_workload.Length, geometry.HeadSize, rotary.Theta);
                return frame => RotaryEmbedding.Run(
                    _workspace, frame.View(input), table, geometry.QueryHeads, geometry.KvHeads, _positions.Value, frame.View(op.Output));
            case AttentionOperator step:
                return AttentionStepOf(graph, step, weights);
            default:
                return _embeddings.Compile(op, weights);
        }
    }

    private static MatrixView Optional(Frame frame, int? value) => value is { } index ? frame.View(index) : default;

    private PackedMatrix Packed(GemmOperator gemm, ProductEpilogue epilogue, IReadOnlyDictionary<string, HostTensor> weights) =>
        _store.Packed(weights[gemm.Weight], epilogue.Activation == ActivationKind.SwiGlu);

    private GemmEpilogue Epilogue(ProductEpilogue epilogue, IReadOnlyDictionary<string, HostTensor> weights) => new(
        Vector(epilogue.Bias, weights),
        epilogue.Activation is { } kind ? Function(kind) : Activation.None,
        epilogue.Norm is null ? null : Norm(epilogue.Norm, weights));

    private RowNorm Norm(NormOperator norm, IReadOnlyDictionary<string, HostTensor> weights) =>
        new(norm.Kind, _store.Vector(weights[norm.Gamma]), Vector(norm.Beta, weights), (float)norm.Epsilon);

    private float[]? Vector(string? name, IReadOnlyDictionary<string, HostTensor> weights) =>
        name is null ? null : _store.Vector(weights[name]);

    private BlockMask Tiles(AttentionProblem problem, TileShape tile)
    {
        if (!_tiles.TryGetValue(tile, out var tiles))
        {
            _tiles[tile] = tiles = BlockMaskBuilder.Build(problem.BindMask(), tile);
        }

        return tiles;
    }

    private static Activation Function(ActivationKind kind) => kind switch
    {
        ActivationKind.GeluErf => Activation.GeluErf,
        ActivationKind.GeluTanh => Activation.GeluTanh,
        ActivationKind.Relu => Activation.Relu,
        _ => Activation.SwiGlu,
    };
}
