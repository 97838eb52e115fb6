using Stof.Reference.Cuda.Ptx;
using Stof.Reference.Cuda.Simulator;
using Stof.Reference.Cuda.Templates;
using Stof.Reference.Graphs;
using Stof.Reference.Numerics;

namespace Stof.Reference.Cuda.Execution;

/// <summary>A normalisation with its weights on the device, as floats.</summary>
internal sealed record RowNorm(NormKind Kind, IDeviceBuffer Gamma, IDeviceBuffer? Beta, float Epsilon)
{
    /// <summary>Sets its weights.</summary>
    public void SetWeights(LaunchParameters parameters)
    {
        parameters.Set("gamma", Gamma);
        if (Beta is not null)
        {
            parameters.Set("beta", Beta);
        }
    }
}

/// <summary>What follows a product or a row, in this order.</summary>
internal sealed record ProductEnd
{
    /// <summary>Bias in floats, in the order of the packed weight; null for none.</summary>
    public IDeviceBuffer? Bias { get; init; }

    /// <summary>Activation behind the bias.</summary>
    public ActivationKind? Activation { get; init; }

    /// <summary>Rows that are added; null for none.</summary>
    public DeviceMatrix? Residual { get; init; }

    /// <summary>Normalisation of the row; null for none.</summary>
    public RowNorm? Norm { get; init; }

    /// <summary>Receives what is normalised; null where nobody needs it.</summary>
    public DeviceMatrix? Sum { get; init; }
}

/// <summary>How a product is run: its tile and into how many ranges its depth is cut.</summary>
/// <param name="Tile">Tile.</param>
/// <param name="Splits">1, or the ranges whose sums a row kernel adds up.</param>
public sealed record GemmChoice(GemmTile Tile, int Splits);

/// <summary>
/// A product bound to its operands. One launch where the epilogue fits its tile, a norm too if a block or a cluster of blocks holds whole rows; where the depth
/// is cut, or nobody holds the rows that are to be normalised, the product stores float sums, and a row kernel makes rows of them.
/// </summary>
internal static class Product
{
    /// <summary>
    /// Binds the first of several choices that the device's compiler takes: one that an estimate put first may need more registers than were counted. A
    /// single choice is bound as it is.
    /// </summary>
    /// <exception cref="InvalidInputException">It takes none.</exception>
    public static KernelStep[] FirstThatFits(IKernelDevice device, IReadOnlyList<GemmChoice> choices, Func<GemmChoice, KernelStep[]> bind) => choices.Count == 1
        ? bind(choices[0])
        : choices.Select(bind).FirstOrDefault(steps => Array.TrueForAll(steps, step => device.Takes(step.Parameters.Kernel)))
            ?? throw new InvalidInputException("tile", "none that the device's compiler takes", "one that fits its registers");

    /// <summary>True if a product is normalised where it is computed: its depth is not cut, and a block or a cluster of them holds whole rows.</summary>
    public static bool HoldsRows(DType type, Target target, GemmChoice choice, int columns, ProductEnd end, RowNorm? prologue = null) =>
        end.Norm is not null && choice.Splits == 1 && prologue is null && end.Activation != ActivationKind.SwiGlu && GemmSpec.HoldsRows(type, choice.Tile, columns, target);

    /// <summary>Binds C = epilogue(A·Wᵀ).</summary>
    /// <param name="kernels">Kernels.</param>
    /// <param name="scratch">Gives memory of a size for float sums, which nobody needs behind the product.</param>
    /// <param name="choice">Tile and splits.</param>
    /// <param name="a">A [rows, depth].</param>
    /// <param name="weight">W as <see cref="PackedWeight"/> lays it out.</param>
    /// <param name="columns">Columns of the product; of SwiGLU gates and values.</param>
    /// <param name="end">Epilogue.</param>
    /// <param name="c">C.</param>
    /// <param name="prologue">Normalisation of A's rows on the way in; null for none.</param>
    public static KernelStep[] Bind(
        KernelLibrary kernels,
        Func<long, IDeviceBuffer> scratch,
        GemmChoice choice,
        DeviceMatrix a,
        IDeviceBuffer weight,
        int columns,
        ProductEnd end,
        DeviceMatrix c,
        RowNorm? prologue = null)
    {
        var holdsRows = HoldsRows(a.Type, kernels.Target, choice, columns, end, prologue);
        var storesSums = choice.Splits > 1 || (end.Norm is not null && !holdsRows);
        var spec = new GemmSpec(a.Type, columns, a.Columns, choice.Tile)
        {
            HasBias = !storesSums && end.Bias is not null,
            Activation = storesSums ? null : end.Activation,
            HasResidual = !storesSums && end.Residual is not null,
            StoresSums = storesSums,
            Splits = choice.Splits,
            HasWholeRows = a.Rows % choice.Tile.Rows == 0,
            Prologue = prologue?.Kind,
            PrologueHasBeta = prologue?.Beta is not null,
            PrologueEpsilon = prologue?.Epsilon ?? 0,
            Norm = holdsRows ? end.Norm?.Kind : null,
            NormHasBeta = holdsRows && end.Norm?.Beta is not null,
            NormEpsilon = holdsRows ? end.Norm!.Epsilon : 0,
            KeepsSum = holdsRows && end.Sum is not null,
        };
        var parameters = new LaunchParameters(kernels.Get(spec)).Set("a", a.Buffer).Set("b", weight).Set("rows", a.Rows);
        if (prologue is not null)
        {
            prologue.SetWeights(parameters);
        }

        var grid = new Grid((a.Rows + choice.Tile.Rows - 1) / choice.Tile.Rows * spec.TileColumns, choice.Splits);
        if (!storesSums)
        {
            RowStep.SetEnd(parameters, end).Set("c", c.Buffer);
            RowStep.SetNorm(parameters, end);
            return [new KernelStep(parameters, grid)];
        }

        var stride = (long)a.Rows * spec.SumPitch * sizeof(float);
        var sums = scratch(stride * choice.Splits);
        return [new KernelStep(parameters.Set("c", sums), grid), RowStep.BindSums(kernels, sums, choice.Splits, spec.SumPitch, stride, c, end)];
    }
}

/// <summary>A row kernel bound to its operands.</summary>
internal static class RowStep
{
    /// <summary>Binds y = end(x).</summary>
    public static KernelStep Bind(KernelLibrary kernels, DeviceMatrix x, DeviceMatrix y, ProductEnd end)
    {
        var spec = Spec(y, end);
        return Bind(kernels, spec, x.Buffer, y, end);
    }

    /// <summary>Binds y = end(sum of splits).</summary>
    public static KernelStep BindSums(KernelLibrary kernels, IDeviceBuffer sums, int splits, int pitch, long stride, DeviceMatrix y, ProductEnd end)
    {
        var spec = Spec(y, end) with { Source = RowSource.SplitSums, Splits = splits, SumPitch = pitch };
        var step = Bind(kernels, spec, sums, y, end);
        if (splits > 1)
        {
            step.Parameters.Set("sum_stride", stride);
        }

        return step;
    }

    /// <summary>Sets bias and residual where there are some.</summary>
    public static LaunchParameters SetEnd(LaunchParameters parameters, ProductEnd end)
    {
        if (end.Bias is not null)
        {
            parameters.Set("bias", end.Bias);
        }

        return end.Residual is null ? parameters : parameters.Set("residual", end.Residual.Buffer);
    }

    /// <summary>Sets a norm's weights, and where its argument goes, where there are some.</summary>
    public static void SetNorm(LaunchParameters parameters, ProductEnd end)
    {
        end.Norm?.SetWeights(parameters);
        if (end.Sum is not null)
        {
            parameters.Set("sum", end.Sum.Buffer);
        }
    }

    private static RowChainSpec Spec(DeviceMatrix y, ProductEnd end) => new(y.Type, y.Columns)
    {
        HasBias = end.Bias is not null,
        Activation = end.Activation,
        HasResidual = end.Residual is not null,
        Norm = end.Norm?.Kind,
        HasBeta = end.Norm?.Beta is not null,
        Epsilon = end.Norm?.Epsilon ?? 0,
        StoresSum = end.Sum is not null,
        WarpsPerRow = RowChainSpec.WarpsFor(y.Type, y.Columns, y.Rows),
    };

    private static KernelStep Bind(KernelLibrary kernels, RowChainSpec spec, IDeviceBuffer x, DeviceMatrix y, ProductEnd end)
    {
        var parameters = SetEnd(new LaunchParameters(kernels.Get(spec)), end).Set("x", x).Set("y", y.Buffer).Set("rows", y.Rows);
        SetNorm(parameters, end);
        return new KernelStep(parameters, spec.Grid(y.Rows));
    }
}
