using Stof.Reference.Cuda.Simulator;
using Stof.Reference.Cuda.Templates;
using Stof.Reference.Graphs;

namespace Stof.Reference.Cuda.Execution;

/// <summary>What follows a product, as the kernels take it.</summary>
internal sealed record ProductEnd
{
    /// <summary>Bias in floats, packed as the weight; null for none.</summary>
    public IDeviceBuffer? Bias { get; init; }

    /// <summary>Activation behind the bias.</summary>
    public ActivationKind? Activation { get; init; }

    /// <summary>Rows that are added last; null for none.</summary>
    public DeviceMatrix? Residual { get; init; }
}

/// <summary>How a product is run: its tile and into how many ranges its depth is cut.</summary>
/// <param name="Tile">Tile.</param>
/// <param name="Splits">1, or the ranges whose sums a row kernel adds up.</param>
public sealed record GemmChoice(GemmTile Tile, int Splits);

/// <summary>A product bound to its operands: one launch, or two where its depth is cut.</summary>
internal static class Product
{
    /// <summary>Binds C = epilogue(A·Wᵀ).</summary>
    /// <param name="kernels">Kernels.</param>
    /// <param name="memory">Holds the sums of a cut product.</param>
    /// <param name="choice">Tile and splits.</param>
    /// <param name="a">A [rows, depth].</param>
    /// <param name="weight">W as <see cref="PackedWeight"/> lays it out.</param>
    /// <param name="columns">Columns of the product; of SwiGLU gates and values.</param>
    /// <param name="end">Epilogue.</param>
    /// <param name="c">C.</param>
    public static KernelStep[] Bind(
        KernelLibrary kernels, DeviceMemory memory, GemmChoice choice, DeviceMatrix a, IDeviceBuffer weight, int columns, ProductEnd end, DeviceMatrix c)
    {
        var isCut = choice.Splits > 1;
        var spec = new GemmSpec(a.Type, columns, a.Columns, choice.Tile)
        {
            HasBias = !isCut && end.Bias is not null,
            Activation = isCut ? null : end.Activation,
            HasResidual = !isCut && end.Residual is not null,
            Splits = choice.Splits,
            HasWholeRows = a.Rows % choice.Tile.Rows == 0,
        };
        var parameters = new LaunchParameters(kernels.Get(spec)).Set("a", a.Buffer).Set("b", weight).Set("rows", a.Rows);
        var tiles = (a.Rows + choice.Tile.Rows - 1) / choice.Tile.Rows * spec.TileColumns;
        if (!isCut)
        {
            SetEnd(parameters, end).Set("c", c.Buffer);
            return [new KernelStep(parameters, new Grid(tiles))];
        }

        var stride = (long)a.Rows * spec.SumPitch * sizeof(float);
        var sums = memory.Allocate(stride * choice.Splits);
        parameters.Set("c", sums);
        var rows = new RowChainSpec(c.Type, c.Columns)
        {
            Source = RowSource.SplitSums,
            Splits = choice.Splits,
            SumPitch = spec.SumPitch,
            HasBias = end.Bias is not null,
            Activation = end.Activation,
            HasResidual = end.Residual is not null,
            WarpsPerRow = RowChainSpec.WarpsFor(c.Type, c.Columns, a.Rows),
        };
        return [new KernelStep(parameters, new Grid(tiles, choice.Splits)), Rows(kernels, rows, sums, stride, end, c)];
    }

    private static KernelStep Rows(KernelLibrary kernels, RowChainSpec spec, IDeviceBuffer sums, long stride, ProductEnd end, DeviceMatrix c)
    {
        var parameters = SetEnd(new LaunchParameters(kernels.Get(spec)), end).Set("x", sums).Set("y", c.Buffer).Set("rows", c.Rows).Set("sum_stride", stride);
        return new KernelStep(parameters, spec.Grid(c.Rows));
    }

    private static LaunchParameters SetEnd(LaunchParameters parameters, ProductEnd end)
    {
        if (end.Bias is not null)
        {
            parameters.Set("bias", end.Bias);
        }

        return end.Residual is null ? parameters : parameters.Set("residual", end.Residual.Buffer);
    }
}
