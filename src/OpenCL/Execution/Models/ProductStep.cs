using Stof.Reference.Fusion;
using Stof.Reference.Graphs;
using Stof.Reference.Numerics;
using Stof.Reference.Tensors;

namespace Stof.Reference.OpenCL.Execution.Models;

/// <summary>Products with what rides on them.</summary>
internal static class ProductStep
{
    private const int WeightCost = 2; // of a step, in rows
    private const int MostRowBlock = 48;
    private const int TasksPerUnit = 4;

    // Rows whose sums stay in registers: with 16 floats a vector 24 sums, two vectors of weights and a broadcast fit the 32 of AVX-512; with 8
    // floats 12 sums fit the 16 of AVX2.
    private static readonly int[] WideSteps = [12, 8, 4, 1];
    private static readonly int[] NarrowSteps = [6, 4, 1];

    /// <summary>Binds a segment with one product or two.</summary>
    /// <param name="builder">Device, workload, weights.</param>
    /// <param name="graph">The graph.</param>
    /// <param name="segment">Its operators.</param>
    /// <param name="parameters">Blocks.</param>
    /// <param name="weights">Weights.</param>
    public static Action<Frame> Compile(
        StepBuilder builder, OperatorGraph graph, Segment segment, ParameterSet parameters, IReadOnlyDictionary<string, HostTensor> weights)
    {
        var operators = graph.Operators.AsSpan(segment.Start, segment.Length);
        var shape = ProductShape.Parse(operators);
        var last = shape.Last;
        var arguments = new ProductArguments
        {
            Rows = builder.Workload.Rows,
            Depth = shape.First.Depth,
            Width = graph.Values[operators[^1].Output].Width,
            Activation = KernelCodes.Of(last.Activation),
            Prologue = KernelCodes.Of(shape.Prologue),
            Epilogue = KernelCodes.Of(last.Norm),
            PrologueEpsilon = (float)(shape.Prologue?.Epsilon ?? 0),
            EpilogueEpsilon = (float)(last.Norm?.Epsilon ?? 0),
        };
        int? sums = last.Norm is not null && last.Residual is { } added && graph.IsLiveAfter(added.Output, segment.End - 1) ? added.Output : null;
        var values = new Operands(operators[0].Inputs[0], operators[^1].Output, last.Residual?.Inputs[1], sums);
        return builder.Device.Mapping == Mapping.Groups
            ? new GroupsSegment(builder, shape, arguments, values, weights).Compile()
            : Lanes(builder, shape, arguments, values, parameters, weights);
    }

    /// <summary>x W^T + bias outside of any graph.</summary>
    /// <param name="builder">Device.</param>
    /// <param name="type">Type of x and of the result.</param>
    /// <param name="rows">Rows of x.</param>
    /// <param name="width">Columns of the result.</param>
    /// <param name="depth">Columns of x.</param>
    /// <param name="weight">W [width, depth].</param>
    /// <param name="bias">Or null.</param>
    /// <returns>Runs from a buffer to a buffer.</returns>
    public static Action<OpenClBuffer, OpenClBuffer> Plain(
        StepBuilder builder, DType type, int rows, int width, int depth, HostTensor weight, OpenClBuffer? bias)
    {
        var arguments = new ProductArguments { Rows = rows, Depth = depth, Width = width };
        if (builder.Device.Mapping == Mapping.Groups)
        {
            var product = new GroupsProduct(builder, type, arguments, weight, bias, GroupsProduct.MatrixFor(builder.Device, type, arguments));
            return (x, y) => product.Launch(x, null, null, y, null, null);
        }

        var (kernel, perStep) = LanesKernel(builder, "product", type, rows);
        var panels = builder.Store.Panels(weight, isGated: false);
        arguments = Blocked(builder, arguments, perStep, null, null, WeightStore.PanelCount(width, isGated: false, builder.Device.Lanes));
        return (x, y) =>
        {
            kernel.Begin().Add(arguments).Add(x).Add(panels).Add(bias).Add(null).Add(null).Add(null).Add(null).Add(null).Add(null).Add(y)
                .AddLocal(LocalBytes(builder.Device.Lanes, arguments, perStep));
            LaunchLanes(builder, kernel, arguments);
        };
    }

    /// <summary>Null if a segment's product runs on a device, or why not.</summary>
    public static Refusal? Check(KernelDevice device, SegmentContext context, ParameterSet parameters)
    {
        var shape = ProductShape.Parse(context.Operators);
        if (device.Mapping == Mapping.Groups)
        {
            return GroupsSegment.Check(device, shape, context.Workload.Rows);
        }

        var depth = parameters.Values.GetValueOrDefault(GemmTemplate.DepthBlock);
        if (shape.Second is null && depth is not (null or TunableParameter.Auto))
        {
            return new Refusal("parameter", $"{GemmTemplate.DepthBlock}={depth}: these kernels take the depth in one piece, so it would change nothing; auto is right");
        }

        var width = context.Graph.Values[context.Operators[^1].Output].Width;
        var arguments = new ProductArguments
        {
            Depth = shape.First.Depth,
            Width = width,
            Epilogue = KernelCodes.Of(shape.Last.Norm),
            Middle = shape.Second?.Depth ?? 0,
            RowBlock = RowsPerStep(device, context.Workload.Rows),
        };
        var local = LocalBytes(device.Lanes, arguments, arguments.RowBlock);
        return local > device.Device.LocalBytes
            ? new Refusal("local-memory", $"{arguments.RowBlock} rows need {local:N0} bytes of local memory, the device has {device.Device.LocalBytes:N0}")
            : null;
    }

    private static Action<Frame> Lanes(
        StepBuilder builder, ProductShape shape, ProductArguments arguments, Operands values, ParameterSet parameters, IReadOnlyDictionary<string, HostTensor> weights)
    {
        var lanes = builder.Device.Lanes;
        var isGated = shape.Last.Activation == ActivationKind.SwiGlu;
        var product = shape.Second ?? shape.First;
        var (kernel, perStep) = LanesKernel(builder, shape.Second is null ? "product" : "product_chain", builder.Workload.Type, arguments.Rows);
        var panels = builder.Store.Panels(weights[product.Weight], isGated);
        var bias = builder.Vector(shape.Last.Bias, weights);
        var (before, after) = (builder.Norm(shape.Prologue, weights), builder.Norm(shape.Last.Norm, weights));
        OpenClBuffer? firstPanels = null;
        OpenClBuffer? firstBias = null;
        if (shape.Second is not null)
        {
            var isFirstGated = shape.FirstEpilogue.Activation == ActivationKind.SwiGlu;
            firstPanels = builder.Store.Panels(weights[shape.First.Weight], isFirstGated);
            firstBias = builder.Vector(shape.FirstEpilogue.Bias, weights);
            arguments.Middle = shape.Second.Depth;
            arguments.MiddleActivation = KernelCodes.Of(shape.FirstEpilogue.Activation);
            arguments.MiddlePanels = WeightStore.PanelCount(shape.First.Width, isFirstGated, lanes);
        }

        arguments = Blocked(
            builder,
            arguments,
            perStep,
            parameters.NumberOrAuto(GemmTemplate.RowBlock),
            parameters.Values.ContainsKey(GemmTemplate.ColumnBlock) ? parameters.NumberOrAuto(GemmTemplate.ColumnBlock) : null,
            WeightStore.PanelCount(product.Width, isGated, lanes));
        var local = LocalBytes(lanes, arguments, perStep);
        return frame =>
        {
            kernel.Begin().Add(arguments).Add(frame[values.Input]);
            if (firstPanels is not null)
            {
                kernel.Add(firstPanels).Add(firstBias);
            }

            kernel.Add(panels).Add(bias).Add(values.Residual is { } residual ? frame[residual] : null)
                .Add(before.Gamma).Add(before.Beta).Add(after.Gamma).Add(after.Beta)
                .Add(values.Sums is { } sums ? frame[sums] : null).Add(frame[values.Output]).AddLocal(local);
            LaunchLanes(builder, kernel, arguments);
        };
    }

    private static (OpenClKernel Kernel, int RowsPerStep) LanesKernel(StepBuilder builder, string name, DType type, int rows)
    {
        var perStep = RowsPerStep(builder.Device, rows);
        var program = ProgramSpec.Of("product_lanes.cl", builder.Device.Numbers(type), new ProductLanesParameters { Rows = perStep });
        return (builder.Device.Programs.Kernel(program, name), perStep);
    }

    // The fewest steps count, but rows of a step that are not there cost as much as others; each step reads the weights again.
    private static int RowsPerStep(KernelDevice device, int rows) =>
        (device.Lanes == 16 ? WideSteps : NarrowSteps).MinBy(step => Ceiling(rows, step) * (step + WeightCost));

    private static void LaunchLanes(StepBuilder builder, OpenClKernel kernel, ProductArguments a) =>
        builder.Device.Context.Launch(kernel, new WorkSize((long)Ceiling(a.Rows, a.RowBlock) * Ceiling(a.Panels, a.PanelBlock)), WorkSize.One);

    /// <summary>
    /// Blocks that give every compute unit something to do. Rows wait in the cache, so a row block is limited by it; what reads whole rows owns
    /// every column.
    /// </summary>
    private static ProductArguments Blocked(StepBuilder builder, ProductArguments arguments, int perStep, int? rowBlock, int? columnBlock, int panels)
    {
        var device = builder.Device;
        var tasks = device.Device.ComputeUnits * TasksPerUnit;
        arguments.Panels = panels;
        var wanted = rowBlock ?? Math.Min(MostRowBlock, Ceiling(arguments.Rows, arguments.Epilogue != KernelCodes.None || arguments.Middle > 0 ? tasks : 1));
        arguments.RowBlock = Math.Max(1, Ceiling(wanted, perStep)) * perStep;
        while (arguments.RowBlock > perStep && LocalBytes(device.Lanes, arguments, perStep) > device.Device.LocalBytes)
        {
            arguments.RowBlock -= perStep;
        }

        if (arguments.Epilogue != KernelCodes.None || arguments.Middle > 0)
        {
            arguments.PanelBlock = panels;
            return arguments;
        }

        var columnTasks = Math.Min(panels, Ceiling(tasks, Ceiling(arguments.Rows, arguments.RowBlock)));
        var isGated = arguments.Activation == KernelCodes.Of(ActivationKind.SwiGlu);
        arguments.PanelBlock = columnBlock is { } columns
            ? Math.Max(1, columns / (isGated ? device.Lanes : 2 * device.Lanes))
            : Ceiling(panels, columnTasks);
        return arguments;
    }

    private static long LocalBytes(int lanes, ProductArguments a, int perStep)
    {
        long panel = 2 * lanes;
        var padded = (a.Width + panel - 1) / panel * panel;
        var line = (a.Depth + lanes - 1) / lanes * (long)lanes;
        var staged = a.Middle > 0 ? perStep : a.RowBlock;
        var whole = a.Epilogue == KernelCodes.None ? 0 : staged * padded;
        return sizeof(float) * (line + (perStep * panel) + whole + (staged * (long)a.Depth) + (perStep * (long)a.Middle));
    }

    private static int Ceiling(int value, int unit) => (value + unit - 1) / unit;

    /// <summary>Values of a frame that a product reads and writes.</summary>
    internal sealed record Operands(int Input, int Output, int? Residual, int? Sums);
}
