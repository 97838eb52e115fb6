using Stof.Reference.Graphs;
using Stof.Reference.Models;
using Stof.Reference.Numerics;
using Stof.Reference.Operators;
using Stof.Reference.Tensors;

namespace Stof.Reference.OpenCL.Execution.Models;

/// <summary>Operators that walk rows, one kernel each.</summary>
/// <param name="builder">Device, workload, weights.</param>
/// <param name="input">What the model is run on at the moment.</param>
internal sealed class RowSteps(StepBuilder builder, Func<ModelInput> input)
{
    private readonly int _rows = builder.Workload.Rows;

    /// <summary>bias + residual + norm in one walk.</summary>
    /// <param name="residual">The sum.</param>
    /// <param name="norm">Its normalisation.</param>
    /// <param name="width">Columns.</param>
    /// <param name="storesSum">True if the sum is needed later.</param>
    /// <param name="weights">Weights.</param>
    public Action<Frame> ResidualNorm(
        ResidualOperator residual, NormOperator norm, int width, bool storesSum, IReadOnlyDictionary<string, HostTensor> weights)
    {
        var run = Normalize(norm, width, weights);
        var bias = builder.Vector(residual.Bias, weights);
        return frame => run(
            frame[residual.Inputs[0]], bias, frame[residual.Inputs[1]], frame[norm.Output], storesSum ? frame[residual.Output] : null);
    }

    /// <summary>One operator on its own.</summary>
    public Action<Frame> Detached(OperatorGraph graph, GraphOperator op, IReadOnlyDictionary<string, HostTensor> weights)
    {
        var width = graph.Values[op.Output].Width;
        var from = op.Inputs[0];
        switch (op)
        {
            case BiasOperator bias:
                return Add(width, frame => frame[from], builder.Vector(bias.Bias, weights), null, op.Output);
            case ResidualOperator residual:
                return Add(width, frame => frame[from], builder.Vector(residual.Bias, weights), residual.Inputs[1], op.Output);
            case NormOperator norm:
                var normalize = Normalize(norm, width, weights);
                return frame => normalize(frame[from], null, null, frame[op.Output], null);
            case ActivationOperator activation:
                var (activate, before) = (builder.RowKernel("activate_rows"), builder.Vector(activation.Bias, weights));
                return frame =>
                {
                    activate.Begin().Add(frame[from]).Add(before).Add(frame[op.Output]).Add(width).Add(KernelCodes.Of(activation.Kind));
                    builder.LaunchRows(activate, _rows);
                };
            case RotaryOperator rotary:
                return Rotate(graph.Attention!, rotary.Theta, width, from, op.Output);
            case TokenEmbeddingOperator tokens:
                return Tokens(tokens, width, weights);
            case PatchEmbeddingOperator patches:
                return Patches(patches, weights);
            default:
                throw new ArgumentException($"no kernel for {op.Signature}", nameof(op));
        }
    }

    private Action<Frame> Add(int width, Func<Frame, OpenClBuffer> x, OpenClBuffer? bias, int? residual, int output)
    {
        var kernel = builder.RowKernel("add_rows");
        return frame =>
        {
            kernel.Begin().Add(x(frame)).Add(bias).Add(residual is { } value ? frame[value] : null).Add(frame[output]).Add(width);
            builder.LaunchRows(kernel, _rows);
        };
    }

    private Action<OpenClBuffer, OpenClBuffer?, OpenClBuffer?, OpenClBuffer, OpenClBuffer?> Normalize(
        NormOperator norm, int width, IReadOnlyDictionary<string, HostTensor> weights)
    {
        var kernel = builder.RowKernel("normalize_rows");
        var (gamma, beta) = builder.Norm(norm, weights);
        return (x, bias, residual, y, sum) =>
        {
            kernel.Begin().Add(x).Add(bias).Add(residual).Add(gamma).Add(beta).Add(y).Add(sum)
                .Add(width).Add(KernelCodes.Of(norm)).Add((float)norm.Epsilon).AddLocal(builder.GroupFloats);
            builder.LaunchRows(kernel, _rows);
        };
    }

    private Action<Frame> Rotate(AttentionGeometry geometry, double theta, int width, int from, int to)
    {
        var length = builder.Workload.Length;
        var (cosines, sines) = (new float[length * (geometry.HeadSize / 2)], new float[length * (geometry.HeadSize / 2)]);
        RotaryAngles.Fill(length, geometry.HeadSize, theta, cosines, sines);
        var (cosineBuffer, sineBuffer) = (builder.Buffers.Upload<float>(cosines), builder.Buffers.Upload<float>(sines));
        var kernel = builder.RowKernel("rotate_rows");
        return frame =>
        {
            kernel.Begin().Add(frame[from]).Add(cosineBuffer).Add(sineBuffer).Add(frame[to])
                .Add(width).Add(geometry.QueryHeads + geometry.KvHeads).Add(geometry.HeadSize).Add(length);
            builder.LaunchRows(kernel, _rows);
        };
    }

    private Action<Frame> Tokens(TokenEmbeddingOperator op, int width, IReadOnlyDictionary<string, HostTensor> weights)
    {
        var kernel = builder.RowKernel("gather_rows");
        var words = builder.Store.Plain(weights[op.Words]);
        var positions = op.Positions is null ? null : builder.Store.Plain(weights[op.Positions]);
        var types = op.Types is null ? null : builder.Store.Plain(weights[op.Types]);
        var ids = builder.Buffers.Allocate((long)_rows * sizeof(int));
        return frame =>
        {
            builder.Device.Context.Write(ids, System.Runtime.InteropServices.MemoryMarshal.AsBytes<int>([.. input().Tokens!]));
            kernel.Begin().Add(words).Add(ids).Add(positions).Add(types).Add(frame[op.Output]).Add(width).Add(builder.Workload.Length);
            builder.LaunchRows(kernel, _rows);
        };
    }

    // Pixels and the rows of patches are floats, whatever the model's type.
    private Action<Frame> Patches(PatchEmbeddingOperator op, IReadOnlyDictionary<string, HostTensor> weights)
    {
        var rows = builder.Workload.Batch * op.Side * op.Side;
        var depth = op.Channels * op.Patch * op.Patch;
        var pixels = HostTensor.Zeros(DType.F32, rows, depth);
        var (source, patches) = (builder.Buffers.Allocate((long)rows * depth * sizeof(float)), builder.Buffers.Allocate((long)rows * op.Width * sizeof(float)));
        var product = ProductStep.Plain(builder, DType.F32, rows, op.Width, depth, weights["patch.weight"].To(DType.F32), builder.Store.Vector(weights["patch.bias"]));
        var kernel = builder.RowKernel("place_patches");
        var (first, positions) = (builder.Store.Vector(weights["class"]), builder.Store.Plain(weights["positions"]));
        return frame =>
        {
            PatchRows.Cut(input().Pixels!, pixels, op);
            builder.Device.Context.Write(source, pixels.Bytes);
            product(source, patches);
            kernel.Begin().Add(patches).Add(first).Add(positions).Add(frame[op.Output]).Add(op.Width).Add(builder.Workload.Length);
            builder.LaunchRows(kernel, _rows);
        };
    }
}
