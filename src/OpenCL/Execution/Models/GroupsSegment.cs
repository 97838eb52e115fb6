using Stof.Reference.Fusion;
using Stof.Reference.Numerics;
using Stof.Reference.Tensors;

namespace Stof.Reference.OpenCL.Execution.Models;

/// <summary>
/// Segments with a product or two in the GPU's layout. A norm in front, a norm behind and the second of two products are launches of their own. Between them
/// are floats, so that nothing is rounded that a fused kernel would keep; what matrix units multiply is rounded as they need it.
/// </summary>
/// <param name="builder">Device, workload, weights.</param>
/// <param name="shape">The products and what rides on them.</param>
/// <param name="arguments">The shape of what the segment reads and writes.</param>
/// <param name="values">Values of a frame.</param>
/// <param name="weights">Weights.</param>
internal sealed class GroupsSegment(
    StepBuilder builder, ProductShape shape, ProductArguments arguments, ProductStep.Operands values, IReadOnlyDictionary<string, HostTensor> weights)
{
    /// <summary>Null if a segment runs on a device, or why not.</summary>
    public static Refusal? Check(KernelDevice device, ProductShape shape, int rows)
    {
        var widest = Math.Max(shape.First.Depth, Math.Max(shape.Second?.Depth ?? 0, (shape.Second ?? shape.First).Width));
        var bytes = (long)rows * widest * sizeof(float);
        return bytes > device.Device.MaxBufferBytes
            ? new Refusal("buffer", $"{bytes:N0} bytes between two kernels exceed the device's largest buffer of {device.Device.MaxBufferBytes:N0}")
            : null;
    }

    /// <summary>Binds the segment.</summary>
    public Action<Frame> Compile()
    {
        var type = builder.Workload.Type;
        var (firstArguments, lastArguments) = (arguments, arguments);
        if (shape.Second is not null)
        {
            (firstArguments.Width, firstArguments.Activation) = (shape.Second.Depth, KernelCodes.Of(shape.FirstEpilogue.Activation));
            lastArguments.Depth = shape.Second.Depth;
        }

        var (firstMatrix, lastMatrix) = (GroupsProduct.MatrixFor(builder.Device, type, firstArguments), GroupsProduct.MatrixFor(builder.Device, type, lastArguments));
        var isMatrix = firstMatrix is not null && lastMatrix is not null;
        var last = new GroupsProduct(
            builder, type, lastArguments, weights[(shape.Second ?? shape.First).Weight], builder.Vector(shape.Last.Bias, weights), isMatrix ? lastMatrix : null);
        GroupsProduct? first = null;
        OpenClBuffer? middle = null;
        if (shape.Second is not null)
        {
            first = new GroupsProduct(
                builder, type, firstArguments, weights[shape.First.Weight], builder.Vector(shape.FirstEpilogue.Bias, weights), isMatrix ? firstMatrix : null);
            middle = builder.Buffers.Allocate((long)arguments.Rows * shape.Second.Depth * (isMatrix ? type.Size() : sizeof(float)));
        }

        var (prepare, normalized, inputNorm) = Prologue(isMatrix);
        var (sums, finish) = Norm();
        return frame =>
        {
            prepare?.Invoke(frame);
            var x = normalized ?? frame[values.Input];
            var residual = values.Residual is { } value ? frame[value] : null;
            var y = sums is null ? frame[values.Output] : null;
            if (first is null)
            {
                last.Launch(x, null, residual, y, sums, inputNorm);
            }
            else if (isMatrix)
            {
                first.Launch(x, null, null, middle, null, null);
                last.Launch(middle, null, residual, y, sums, null);
            }
            else
            {
                first.Launch(x, null, null, null, middle, inputNorm);
                last.Launch(null, middle, residual, y, sums, null);
            }

            finish?.Invoke(frame);
        };
    }

    // The norm of X: rows normalised for matrix units, or their means and factors for a product that applies them.
    private (Action<Frame>? Run, OpenClBuffer? Rows, GroupsProduct.InputNorm? Norm) Prologue(bool isMatrix)
    {
        if (shape.Prologue is null)
        {
            return (null, null, null);
        }

        var (gamma, beta) = builder.Norm(shape.Prologue, weights);
        if (isMatrix)
        {
            var rows = builder.Buffers.Allocate((long)arguments.Rows * arguments.Depth * builder.Workload.Type.Size());
            var normalize = builder.RowKernel("normalize_rows");
            return (Launching(normalize, frame => normalize.Begin().Add(frame[values.Input]).Add(null).Add(null).Add(gamma).Add(beta).Add(rows).Add(null)
                .Add(arguments.Depth).Add(arguments.Prologue).Add(arguments.PrologueEpsilon).AddLocal(builder.GroupFloats)), rows, null);
        }

        var statistics = builder.Buffers.Allocate(2L * arguments.Rows * sizeof(float));
        var measure = builder.RowKernel("row_statistics");
        return (
            Launching(measure, frame => measure.Begin().Add(frame[values.Input]).Add(statistics).Add(arguments.Depth).Add(arguments.Prologue)
                .Add(arguments.PrologueEpsilon).AddLocal(builder.GroupFloats)),
            null,
            new GroupsProduct.InputNorm(statistics, gamma, beta));
    }

    // The norm of the rows that the last product leaves as floats.
    private (OpenClBuffer? Sums, Action<Frame>? Run) Norm()
    {
        if (shape.Last.Norm is null)
        {
            return (null, null);
        }

        var sums = builder.Buffers.Allocate((long)arguments.Rows * arguments.Width * sizeof(float));
        var kernel = builder.RowKernel("normalize_sums");
        var (gamma, beta) = builder.Norm(shape.Last.Norm, weights);
        return (sums, Launching(kernel, frame => kernel.Begin().Add(sums).Add(gamma).Add(beta).Add(frame[values.Output]).Add(values.Sums is { } sum ? frame[sum] : null)
            .Add(arguments.Width).Add(arguments.Epilogue).Add(arguments.EpilogueEpsilon).AddLocal(builder.GroupFloats)));
    }

    private Action<Frame> Launching(OpenClKernel kernel, Action<Frame> set) => frame =>
    {
        set(frame);
        builder.LaunchRows(kernel, arguments.Rows);
    };
}
