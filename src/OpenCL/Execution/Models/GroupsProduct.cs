using Stof.Reference.Graphs;
using Stof.Reference.Numerics;
using Stof.Reference.Tensors;

namespace Stof.Reference.OpenCL.Execution.Models;

/// <summary>
/// A product in the GPU's layout, on matrix units where there are some. On these, what is multiplied is rounded to 16 bits; elsewhere it may be floats.
/// </summary>
internal sealed class GroupsProduct
{
    private const int Side = 16;
    private const int LongStep = 32; // of the depth, where local memory has room for it
    private const int ShortStep = 16;

    // Of the plain kernel; with larger ones some devices' registers allow no group of 256.
    private static readonly int[] PlainTiles = [64, 32];

    private readonly StepBuilder _builder;
    private readonly OpenClKernel _kernel;
    private readonly ProductArguments _arguments;
    private readonly OpenClBuffer _weights;
    private readonly OpenClBuffer? _bias;
    private readonly MatrixTile? _matrix;
    private readonly ProductGroupsParameters _plain;

    /// <summary>Binds a product.</summary>
    /// <param name="builder">Device, weights.</param>
    /// <param name="type">Type of X, weights and result.</param>
    /// <param name="arguments">Its shape.</param>
    /// <param name="weight">W [columns, depth].</param>
    /// <param name="bias">Or null.</param>
    /// <param name="matrix">How matrix units compute it; null in float.</param>
    public GroupsProduct(StepBuilder builder, DType type, ProductArguments arguments, HostTensor weight, OpenClBuffer? bias, MatrixTile? matrix)
    {
        (_builder, _arguments, _bias, _matrix) = (builder, arguments, bias, matrix);
        _weights = builder.Store.Plain(weight);
        _plain = PlainFor(builder.Device, arguments.Rows, IsGated ? 2 * arguments.Width : arguments.Width);
        _kernel = builder.Device.Programs.Kernel(matrix?.Program(builder.Device, type) ?? ProgramSpec.Of("product_groups.cl", builder.Device.Numbers(type), _plain), "product");
    }

    private bool IsGated => _arguments.Activation == KernelCodes.Of(ActivationKind.SwiGlu);

    /// <summary>The tile of a product on matrix units, or null.</summary>
    public static MatrixTile? MatrixFor(KernelDevice device, DType type, ProductArguments arguments) => MatrixTile.For(
        device, type, arguments.Rows, arguments.Activation == KernelCodes.Of(ActivationKind.SwiGlu) ? 2 * arguments.Width : arguments.Width, arguments.Depth);

    /// <summary>Parameters of the plain kernel: large tiles read less for what they compute, small ones give every unit something to do.</summary>
    /// <param name="device">The device.</param>
    /// <param name="rows">Rows of the product.</param>
    /// <param name="columns">Its columns.</param>
    public static ProductGroupsParameters PlainFor(KernelDevice device, int rows, int columns)
    {
        var tile = PlainTiles.MinBy(tile =>
        {
            var groups = (double)((rows + tile - 1) / tile) * ((columns + tile - 1) / tile);
            return Math.Max(1, groups / Math.Max(1, device.Device.ComputeUnits)) * tile * (tile + 32);
        });
        return new ProductGroupsParameters
        {
            Tile = tile,
            StepK = 2L * sizeof(float) * LongStep * (tile + 1) <= device.Device.LocalBytes ? LongStep : ShortStep,
        };
    }

    /// <summary>Starts it.</summary>
    /// <param name="x">X; null for floats.</param>
    /// <param name="xFloats">X as floats, not on matrix units.</param>
    /// <param name="residual">Added to the result, or null.</param>
    /// <param name="y">Y; null for floats.</param>
    /// <param name="yFloats">Y as floats.</param>
    /// <param name="norm">A norm of X, not on matrix units.</param>
    public void Launch(OpenClBuffer? x, OpenClBuffer? xFloats, OpenClBuffer? residual, OpenClBuffer? y, OpenClBuffer? yFloats, InputNorm? norm)
    {
        if (_matrix is not null)
        {
            _kernel.Begin().Add(_arguments).Add(x).Add(_weights).Add(_bias).Add(residual).Add(y).Add(yFloats);
            _builder.Device.Context.Launch(
                _kernel, new WorkSize(_matrix.Groups(_arguments.Rows, IsGated ? 2 * _arguments.Width : _arguments.Width)), new WorkSize(MatrixTile.GroupSize));
            return;
        }

        _kernel.Begin().Add(_arguments).Add(x).Add(xFloats).Add(_weights).Add(_bias).Add(residual)
            .Add(norm?.Statistics).Add(norm?.Gamma).Add(norm?.Beta).Add(y).Add(yFloats);
        var tile = _plain.Tile;
        var perTile = IsGated ? tile / 2 : tile;
        var groups = (long)((_arguments.Rows + tile - 1) / tile) * ((_arguments.Width + perTile - 1) / perTile);
        _builder.Device.Context.Launch(_kernel, new WorkSize(groups), new WorkSize(Side * Side));
    }

    /// <summary>A norm that a product applies to X as it loads it.</summary>
    /// <param name="Statistics">Mean and factor of each row.</param>
    /// <param name="Gamma">Factors.</param>
    /// <param name="Beta">Or null.</param>
    public sealed record InputNorm(OpenClBuffer Statistics, OpenClBuffer? Gamma, OpenClBuffer? Beta);
}
