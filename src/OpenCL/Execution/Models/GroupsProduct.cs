using Stof.Reference.Fusion;
using Stof.Reference.Graphs;
using Stof.Reference.Numerics;
using Stof.Reference.Tensors;

namespace Stof.Reference.OpenCL.Execution.Models;

/// <summary>
/// Products in the GPU's layout. A norm behind a product and the second of two products follow in launches of their own, with floats between: nothing is
/// rounded that a fused kernel would keep.
/// </summary>
internal sealed class GroupsProduct
{
    private const int Tile = 64;
    private const int Side = 16;

    private readonly StepBuilder _builder;
    private readonly OpenClKernel _kernel;
    private readonly ProductArguments _arguments;
    private readonly OpenClBuffer _weights;
    private readonly OpenClBuffer? _bias;

    /// <summary>Binds a product.</summary>
    /// <param name="builder">Device, weights.</param>
    /// <param name="type">Type of X, weights and result.</param>
    /// <param name="arguments">Its shape.</param>
    /// <param name="weight">W [columns, depth].</param>
    /// <param name="bias">Or null.</param>
    public GroupsProduct(StepBuilder builder, DType type, ProductArguments arguments, HostTensor weight, OpenClBuffer? bias)
    {
        (_builder, _arguments, _bias) = (builder, arguments, bias);
        _weights = builder.Store.Plain(weight);
        _kernel = builder.Device.Programs.Kernel(
            ProgramSpec.Of("product_groups.cl", new ProductGroupsParameters { Type = type, Lanes = 1, FastExp2 = builder.Device.HasFastExp2, Tile = Tile }), "product");
    }

    /// <summary>Null if a segment's product runs on a device, or why not.</summary>
    public static Refusal? Check(KernelDevice device, ProductShape shape, int rows)
    {
        var floats = (long)rows * Math.Max(shape.Second is null ? 0 : shape.Second.Depth, shape.Last.Norm is null ? 0 : (shape.Second ?? shape.First).Width);
        return floats * sizeof(float) > device.Device.MaxBufferBytes
            ? new Refusal("buffer", $"{floats:N0} floats between two kernels exceed the device's largest buffer of {device.Device.MaxBufferBytes:N0} bytes")
            : null;
    }

    /// <summary>Binds a segment.</summary>
    /// <param name="builder">Device, workload, weights.</param>
    /// <param name="shape">Its products and what rides on them.</param>
    /// <param name="arguments">The shape of what the segment reads and writes.</param>
    /// <param name="values">Values of a frame.</param>
    /// <param name="weights">Weights.</param>
    public static Action<Frame> Compile(
        StepBuilder builder, ProductShape shape, ProductArguments arguments, ProductStep.Operands values, IReadOnlyDictionary<string, HostTensor> weights)
    {
        var statistics = Statistics(builder, shape, arguments, values);
        var before = new Before(statistics?.Values, builder.Norm(shape.Prologue, weights));
        var lastArguments = arguments;
        GroupsProduct? first = null;
        OpenClBuffer? middle = null;
        if (shape.Second is not null)
        {
            var firstArguments = arguments;
            (firstArguments.Width, firstArguments.Activation) = (shape.Second.Depth, KernelCodes.Of(shape.FirstEpilogue.Activation));
            first = new GroupsProduct(
                builder, builder.Workload.Type, firstArguments, weights[shape.First.Weight], builder.Vector(shape.FirstEpilogue.Bias, weights));
            middle = builder.Buffers.Allocate((long)arguments.Rows * shape.Second.Depth * sizeof(float));
            lastArguments.Depth = shape.Second.Depth;
        }

        var last = new GroupsProduct(
            builder, builder.Workload.Type, lastArguments, weights[(shape.Second ?? shape.First).Weight], builder.Vector(shape.Last.Bias, weights));
        var norm = Norm(builder, shape, arguments, values, weights);
        return frame =>
        {
            statistics?.Run(frame);
            var residual = values.Residual is { } value ? frame[value] : null;
            first?.Launch(frame[values.Input], null, null, null, middle, before);
            last.Launch(
                first is null ? frame[values.Input] : null, residual, norm is null ? frame[values.Output] : null, middle, norm?.Sums, first is null ? before : null);
            norm?.Run(frame);
        };
    }

    /// <summary>Starts the product of a tensor into a tensor.</summary>
    public void Launch(OpenClBuffer x, OpenClBuffer? residual, OpenClBuffer y) => Launch(x, residual, y, null, null, null);

    private void Launch(OpenClBuffer? x, OpenClBuffer? residual, OpenClBuffer? y, OpenClBuffer? xFloats, OpenClBuffer? yFloats, Before? before)
    {
        _kernel.Begin().Add(_arguments).Add(x).Add(xFloats).Add(_weights).Add(_bias).Add(residual)
            .Add(before?.Statistics).Add(before?.Norm.Gamma).Add(before?.Norm.Beta).Add(y).Add(yFloats);
        var perTile = _arguments.Activation == KernelCodes.Of(ActivationKind.SwiGlu) ? Tile / 2 : Tile;
        var groups = (long)((_arguments.Rows + Tile - 1) / Tile) * ((_arguments.Width + perTile - 1) / perTile);
        _builder.Device.Context.Launch(_kernel, new WorkSize(groups), new WorkSize(Side * Side));
    }

    // Mean and factor of the rows of X.
    private static (OpenClBuffer Values, Action<Frame> Run)? Statistics(
        StepBuilder builder, ProductShape shape, ProductArguments arguments, ProductStep.Operands values)
    {
        if (shape.Prologue is null)
        {
            return null;
        }

        var statistics = builder.Buffers.Allocate(2L * arguments.Rows * sizeof(float));
        var kernel = builder.RowKernel("row_statistics");
        return (statistics, frame =>
        {
            kernel.Begin().Add(frame[values.Input]).Add(statistics).Add(arguments.Depth).Add(arguments.Prologue).Add(arguments.PrologueEpsilon)
                .AddLocal(builder.GroupFloats);
            builder.LaunchRows(kernel, arguments.Rows);
        });
    }

    // The norm of the rows that the last product leaves as floats.
    private static (OpenClBuffer Sums, Action<Frame> Run)? Norm(
        StepBuilder builder, ProductShape shape, ProductArguments arguments, ProductStep.Operands values, IReadOnlyDictionary<string, HostTensor> weights)
    {
        if (shape.Last.Norm is null)
        {
            return null;
        }

        var sums = builder.Buffers.Allocate((long)arguments.Rows * arguments.Width * sizeof(float));
        var kernel = builder.RowKernel("normalize_sums");
        var (gamma, beta) = builder.Norm(shape.Last.Norm, weights);
        return (sums, frame =>
        {
            kernel.Begin().Add(sums).Add(gamma).Add(beta).Add(frame[values.Output]).Add(values.Sums is { } sum ? frame[sum] : null)
                .Add(arguments.Width).Add(arguments.Epilogue).Add(arguments.EpilogueEpsilon).AddLocal(builder.GroupFloats);
            builder.LaunchRows(kernel, arguments.Rows);
        });
    }

    /// <summary>A norm of X.</summary>
    private sealed record Before(OpenClBuffer? Statistics, (OpenClBuffer? Gamma, OpenClBuffer? Beta) Norm);
}
