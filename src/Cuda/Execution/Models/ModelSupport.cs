using Stof.Reference.Cuda.Templates;
using Stof.Reference.Formats;
using Stof.Reference.Fusion;
using Stof.Reference.Graphs;
using Stof.Reference.Numerics;

namespace Stof.Reference.Cuda.Execution;

/// <summary>Which segments have kernels, and why others have none.</summary>
internal static class ModelSupport
{

    private const int MostNormalisedRows = 16;

    /// <summary>Templates without a kernel of any shape.</summary>
    public static string[] Missing { get; } = [TemplateCatalog.Named("attention-step").Name];

    /// <summary>Null if a segment has kernels, or why not.</summary>
    public static Refusal? Check(FusionTemplate template, SegmentContext context, ParameterSet parameters, IKernelDevice device)
    {
        if (context.Workload.Type is not (DType.F32 or DType.F16 or DType.BF16))
        {
            return new Refusal("dtype", $"{context.Workload.Type} is not F32, F16 or BF16; double precision is the oracle's");
        }

        if (template.Check(context, parameters) is { } refusal)
        {
            return refusal;
        }

        return template switch
        {
            AttentionTemplate => CheckAttention(context, parameters, device),
            GemmTemplate => CheckProduct(context, parameters, device),
            GemmChainTemplate => CheckChain(context, device),
            _ => CheckRows(context),
        };
    }

    /// <summary>What runs a segment that is supported.</summary>
    public static string Describe(FusionTemplate template, SegmentContext context, ParameterSet parameters, IKernelDevice device)
    {
        if (template is AttentionTemplate)
        {
            var problem = context.Workload.Attention(context.Graph.Attention!);
            var tiling = problem.Type == DType.F32
                ? BlockwiseTiling.Exact
                : BlockwiseTiling.Of(parameters.Number(AttentionTemplate.TileRows), parameters.Number(AttentionTemplate.TileColumns));
            return parameters[AttentionTemplate.Algorithm] == "blockwise" && BlockwiseRun.Computes(problem, device.Target)
                ? $"block-wise attention, {tiling}"
                : "row-wise attention, a warp a query";
        }

        if (template is GemmChainTemplate)
        {
            var chain = SegmentCompiler.ChainOf(ProductShape.Parse(context.Operators), context.Workload.Type, context.Workload.Rows, device);
            return $"chain {chain.Depth} to {chain.Middle} to {chain.Columns}, {chain.Rows} rows a block";
        }

        if (template is not GemmTemplate)
        {
            return "row kernel, one walk";
        }

        var shape = ProductShape.Parse(context.Operators);
        var choice = SegmentCompiler.ChoicesOf(parameters, context.Workload.Type, device, context.Workload.Rows, shape).First();
        var blocks = (context.Workload.Rows + choice.Tile.Rows - 1) / choice.Tile.Rows * ((shape.First.Width + choice.Tile.Columns - 1) / choice.Tile.Columns) * choice.Splits;
        var before = shape.Prologue is null ? "" : "rows normalised on the way in, ";
        var blocksOfRow = (shape.First.Width + choice.Tile.Columns - 1) / choice.Tile.Columns;
        var rest = choice.Splits > 1 ? ", float sums, then a row kernel"
            : shape.FirstEpilogue.Norm is null ? ""
            : blocksOfRow == 1 ? ", rows normalised by the block that holds them" : $", rows normalised by clusters of {blocksOfRow} blocks";
        return $"{before}product {context.Workload.Rows}x{shape.First.Width}x{shape.First.Depth}, tile {choice.Tile}, {(choice.Splits == 1 ? "" : $"{choice.Splits} splits, ")}{blocks} blocks{rest}";
    }

    private static Refusal? CheckAttention(SegmentContext context, ParameterSet parameters, IKernelDevice device)
    {
        if (parameters[AttentionTemplate.Algorithm] != "blockwise")
        {
            return null; // row by row, whatever the tile
        }

        // Where the block-wise kernel does not compute the problem (F32, odd head sizes), the row-wise one does, as for a bare attention.
        var problem = context.Workload.Attention(context.Graph.Attention!);
        var (rows, columns) = (parameters.Number(AttentionTemplate.TileRows), parameters.Number(AttentionTemplate.TileColumns));
        if (problem.Type == DType.F32 || !BlockwiseRun.Computes(problem, device.Target))
        {
            return null; // one tile, or none
        }

        return BlockwiseTiling.Of(rows, columns) is not { } tiling
            ? new Refusal("tile-shape", $"the block-wise kernel takes tiles of 16 to 128 queries by 32 to 128 keys, powers of two, not {rows}x{columns}")
            : BlockwiseRun.Fits(problem, tiling, device.Target) ? null
            : new Refusal("registers", $"tiles of {rows}x{columns} with heads of {problem.HeadSize} need more registers or shared memory than a block has");
    }

    private static Refusal? CheckProduct(SegmentContext context, ParameterSet parameters, IKernelDevice device)
    {
        var shape = ProductShape.Parse(context.Operators);
        var isGated = shape.FirstEpilogue.Activation == ActivationKind.SwiGlu;
        if (isGated && shape.First.Width % (2 * GemmSpec.GatedWidth) != 0)
        {
            return new Refusal("gated-width", $"{shape.First.Width} columns of gates and values are not whole pairs of {GemmSpec.GatedWidth}");
        }

        if (SegmentCompiler.ChoicesOf(parameters, context.Workload.Type, device, context.Workload.Rows, shape).FirstOrDefault() is not { } choice)
        {
            return shape.Prologue is null
                ? new Refusal("uncut", $"no tile holds whole rows of {shape.First.Width}, and the depth of {shape.First.Depth} is too short to be cut")
                : new Refusal("norm-prologue", $"no tile holds whole rows of {shape.First.Depth} beside its ring in the {device.Target.SharedBytes:N0} bytes of {device.Target.Name}");
        }

        if (choice.Tile.Check(context.Workload.Type, device.Target) is { } refusal)
        {
            return refusal;
        }

        if (!GemmChooser.Takes(choice.Tile, isGated))
        {
            return new Refusal("gated-tile", $"{choice.Tile} gives a warp {choice.Tile.WarpTileColumns} columns, and gates need {4 * GemmSpec.GatedWidth}");
        }

        if (shape.Prologue is not null)
        {
            return CheckPrologue(shape, choice, context, device);
        }

        var steps = (shape.First.Depth + choice.Tile.Depth(context.Workload.Type) - 1) / choice.Tile.Depth(context.Workload.Type);
        return steps % choice.Splits != 0
            ? new Refusal("splits", $"{choice.Splits} ranges do not divide the {steps} steps of a depth of {shape.First.Depth}")
            : shape.FirstEpilogue.Norm is null ? null : RowLength(context) ?? CheckRowNorm(shape, choice, context, parameters, device);
    }

    private static Refusal? CheckChain(SegmentContext context, IKernelDevice device)
    {
        var rows = context.Workload.Rows;
        var chain = SegmentCompiler.ChainOf(ProductShape.Parse(context.Operators), context.Workload.Type, rows, device);
        if (chain.Check(device.Target) is { } refusal)
        {
            return refusal;
        }

        // Each block goes through all of both weights.
        var blocks = (rows + chain.Rows - 1) / chain.Rows;
        return blocks < device.Multiprocessors / 2
            ? new Refusal("chain-blocks", $"{rows} rows are {blocks} blocks, each with all weights to go through, for {device.Multiprocessors} multiprocessors")
            : null;
    }

    private static Refusal? CheckPrologue(ProductShape shape, GemmChoice choice, SegmentContext context, IKernelDevice device)
    {
        if (choice.Splits != 1)
        {
            return new Refusal("splits", $"{choice.Splits} ranges of the depth, where whole rows are normalised");
        }

        if (!GemmChooser.TakesNormalised(context.Workload.Type, device.Target, choice.Tile, shape.First.Width, shape.First.Depth))
        {
            return new Refusal("norm-prologue", $"{choice.Tile} does not hold whole rows of {shape.First.Depth} beside its ring in steps of {GemmSpec.PrologueDepthBytes} bytes");
        }

        // Each tile of columns normalises its rows again.
        return context.Workload.Rows > MostNormalisedRows
            ? new Refusal("norm-again", $"{context.Workload.Rows} rows would be normalised once for each {choice.Tile.Columns} columns; beyond {MostNormalisedRows} a kernel of their own is faster")
            : null;
    }

    private static Refusal? CheckRowNorm(ProductShape shape, GemmChoice choice, SegmentContext context, ParameterSet parameters, IKernelDevice device)
    {
        var (type, gemm) = (context.Workload.Type, shape.First);
        if (choice.Splits == 1 && !GemmChooser.HoldsRows(type, device.Target, choice.Tile, gemm.Width, gemm.Depth))
        {
            return new Refusal(
                "uncut", $"no block or cluster of {choice.Tile} holds rows of {gemm.Width} on {device.Target.Name}, and float sums stored for the norm alone cost more than a norm of its own");
        }

        // A tile that somebody names is somebody's choice.
        if (parameters[GemmTemplate.Tile] != TunableParameter.Auto)
        {
            return null;
        }

        var (together, apart) = GemmChooser.NormSeconds(type, device.Target, device.Multiprocessors, context.Workload.Rows, gemm.Width, gemm.Depth);
        return together > apart
            ? new Refusal("norm-apart", $"a product of {context.Workload.Rows}x{gemm.Width}x{gemm.Depth} that normalises its rows takes {together * 1e6:f1} µs by the estimate, and {apart * 1e6:f1} with a norm of its own")
            : null;
    }

    private static Refusal? CheckRows(SegmentContext context) => context.Operators[^1] is NormOperator ? RowLength(context) : null;

    private static Refusal? RowLength(SegmentContext context)
    {
        var width = context.Graph.Values[context.Operators[^1].Output].Width;
        return width > RowChainSpec.LongestRow ? new Refusal("row-length", $"a row of {width} is longer than a block's {RowChainSpec.LongestRow}") : null;
    }
}
