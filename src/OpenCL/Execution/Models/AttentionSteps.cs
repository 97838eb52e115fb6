using Stof.Reference.Graphs;
using Stof.Reference.Masks;
using Stof.Reference.OpenCL.Execution.Attention;
using Stof.Reference.Operators;
using Stof.Reference.Tensors;

namespace Stof.Reference.OpenCL.Execution.Models;

/// <summary>Attention inside a model, fused or step by step.</summary>
/// <param name="builder">Device, workload.</param>
internal sealed class AttentionSteps(StepBuilder builder) : IDisposable
{
    private readonly List<IDisposable> _owned = [];
    private readonly Dictionary<(HostTensor? Bias, AttentionLayoutPlan Plan), PreparedAttention> _fused = [];

    /// <summary>The fused kernel over the joined rows of queries, keys and values.</summary>
    /// <param name="geometry">Heads.</param>
    /// <param name="problem">The problem.</param>
    /// <param name="plan">Kernel and tile.</param>
    /// <param name="qkv">Value that holds the joined rows.</param>
    /// <param name="output">Value that receives the result.</param>
    public Action<Frame> Fused(AttentionGeometry geometry, AttentionProblem problem, AttentionLayoutPlan plan, int qkv, int output)
    {
        // Layers differ in nothing but weights: they share tile lists.
        var key = ((problem.Bias as RelativeBias)?.Table, plan);
        if (!_fused.TryGetValue(key, out var step))
        {
            step = new PreparedAttention(builder.Device, problem, plan, shape => Place(shape, geometry));
            _fused.Add(key, step);
            _owned.Add(step);
        }

        return frame => step.Run(frame[qkv], frame[output]);
    }

    /// <summary>One of the five steps; scale, mask and softmax work in place.</summary>
    /// <param name="geometry">Heads.</param>
    /// <param name="problem">The problem.</param>
    /// <param name="step">Which.</param>
    public Action<Frame> Detached(AttentionGeometry geometry, AttentionProblem problem, AttentionOperator step)
    {
        var bias = problem.Bias is null || step.Step != Graphs.AttentionStep.ScaleMask ? null : DeviceBias.Of(problem);
        var shape = Place(AttentionShape.Of(problem, bias), geometry);
        var rows = (long)problem.Batch * problem.QueryHeads * problem.QueryLength;
        var kernel = Kernel(problem, step.Step switch
        {
            Graphs.AttentionStep.Scores => "score_rows",
            Graphs.AttentionStep.ScaleMask => "mask_rows",
            Graphs.AttentionStep.Softmax => "softmax_rows",
            Graphs.AttentionStep.WeightedSum => "weigh_rows",
            _ => "merge_heads",
        });
        var (input, output) = (step.Inputs[0], step.Output);
        switch (step.Step)
        {
            case Graphs.AttentionStep.Scores:
                return Launching(rows, kernel, frame => kernel.Begin().Add(shape).Add(frame[input]).Add(frame[input]).Add(frame[output]));
            case Graphs.AttentionStep.ScaleMask:
                var bits = Bits(problem, out var words, out var batchStride, out var headStride);
                var values = bias is null ? null : builder.Buffers.Upload<float>(bias.Values);
                var origins = bias is null ? null : builder.Buffers.Upload<int>(bias.Origins);
                return Launching(rows, kernel, frame => kernel.Begin().Add(shape).Add(frame[output] = frame[input])
                    .Add(bits).Add(words).Add(batchStride).Add(headStride).Add(values).Add(origins));
            case Graphs.AttentionStep.Softmax:
                return Launching(rows, kernel, frame => kernel.Begin().Add(shape).Add(frame[output] = frame[input]).AddLocal(builder.GroupFloats));
            case Graphs.AttentionStep.WeightedSum:
                var qkv = step.Inputs[1];
                return Launching(rows, kernel, frame => kernel.Begin().Add(shape).Add(frame[input]).Add(frame[qkv]).Add(frame[output]));
            default:
                return Launching(rows, kernel, frame => kernel.Begin().Add(shape).Add(frame[input]).Add(frame[output]));
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var owned in _owned)
        {
            owned.Dispose();
        }
    }

    // Queries, keys and values are columns of one row; results are columns of another.
    private AttentionShape Place(AttentionShape shape, AttentionGeometry geometry)
    {
        var (length, size, width) = (builder.Workload.Length, geometry.HeadSize, geometry.QkvWidth);
        var keys = geometry.QueryHeads * size;
        shape.Q = RowStrides.Columns(0, width, length, size);
        shape.K = RowStrides.Columns(keys, width, length, size);
        shape.V = RowStrides.Columns(keys + (geometry.KvHeads * size), width, length, size);
        shape.O = RowStrides.Columns(0, geometry.OutputWidth, length, size);
        return shape;
    }

    private OpenClKernel Kernel(AttentionProblem problem, string name) => builder.Device.Programs.Kernel(
        ProgramSpec.Of("attention_steps.cl", builder.Device.Numbers(problem.Type), AttentionParameters.Of(problem), builder.RowParameters),
        name);

    private Action<Frame> Launching(long rows, OpenClKernel kernel, Action<Frame> set) => frame =>
    {
        set(frame);
        builder.LaunchRows(kernel, rows);
    };

    private OpenClBuffer Bits(AttentionProblem problem, out int words, out int batchStride, out int headStride)
    {
        var mask = problem.BindMask();
        var (batches, heads) = (mask.VariesByBatch ? problem.Batch : 1, mask.VariesByHead ? problem.QueryHeads : 1);
        words = (problem.KvLength + BoundMask.RowBits - 1) / BoundMask.RowBits;
        headStride = heads == 1 ? 0 : problem.QueryLength;
        batchStride = batches == 1 ? 0 : heads * problem.QueryLength;
        var bits = new ulong[batches * heads * problem.QueryLength * words];
        var next = 0;
        for (var b = 0; b < batches; b++)
        {
            for (var h = 0; h < heads; h++)
            {
                for (var q = 0; q < problem.QueryLength; q++)
                {
                    for (var word = 0; word < words; word++)
                    {
                        bits[next++] = mask.Row64(b, h, q, word * BoundMask.RowBits);
                    }
                }
            }
        }

        return builder.Buffers.Upload<ulong>(bits);
    }
}
