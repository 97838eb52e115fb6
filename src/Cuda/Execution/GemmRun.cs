using Stof.Reference.Cuda.Templates;
using Stof.Reference.Graphs;
using Stof.Reference.Tensors;

namespace Stof.Reference.Cuda.Execution;

/// <summary>One product on a device, from host tensors to a host tensor.</summary>
public static class GemmRun
{
    /// <summary>C = activation(A·Wᵀ + bias) + residual; float sums, one rounding.</summary>
    /// <param name="device">Where.</param>
    /// <param name="choice">Tile and splits.</param>
    /// <param name="a">A [rows, depth] in F32, F16 or BF16.</param>
    /// <param name="weight">W [width, depth]; for SwiGLU all gates before all values.</param>
    /// <param name="bias">[width], or null.</param>
    /// <param name="activation">Function, or null; SwiGLU halves the width.</param>
    /// <param name="residual">[rows, columns of C], or null.</param>
    /// <returns>C.</returns>
    /// <exception cref="InvalidInputException">Dtypes, shapes or the tile do not fit.</exception>
    public static HostTensor Multiply(
        IKernelDevice device,
        GemmChoice choice,
        HostTensor a,
        HostTensor weight,
        HostTensor? bias = null,
        ActivationKind? activation = null,
        HostTensor? residual = null)
    {
        ArgumentNullException.ThrowIfNull(device);
        ArgumentNullException.ThrowIfNull(choice);
        ArgumentNullException.ThrowIfNull(a);
        ArgumentNullException.ThrowIfNull(weight);
        if (a.Rank != 2 || a.Shape[0] < 1)
        {
            throw new InvalidInputException(nameof(a), a.ToString(), "[rows, depth], a row at least");
        }

        var (rows, width) = (a.Shape[0], weight.Shape[0]);
        var isGated = activation == ActivationKind.SwiGlu;
        var columns = isGated ? width / 2 : width;
        Require(nameof(weight), weight, a, width, a.Shape[1]);
        Require(nameof(bias), bias, a, width);
        Require(nameof(residual), residual, a, rows, columns);
        using var memory = new DeviceMemory(device);
        var c = DeviceMatrix.Allocate(memory, a.Type, rows, columns);
        var end = new ProductEnd
        {
            Bias = bias is null ? null : memory.Upload<byte>(PackedWeight.PackBias(bias, isGated)),
            Activation = activation,
            Residual = residual is null ? null : DeviceMatrix.Upload(memory, residual),
        };
        var packed = memory.Upload<byte>(PackedWeight.Pack(weight, isGated));
        foreach (var step in Product.Bind(new KernelLibrary(device.Target), memory.Allocate, choice, DeviceMatrix.Upload(memory, a), packed, width, end, c))
        {
            step.Launch(device);
        }

        return c.Download(device);
    }

    private static void Require(string name, HostTensor? tensor, HostTensor a, params ReadOnlySpan<int> shape)
    {
        if (tensor is not null && (tensor.Type != a.Type || !tensor.HasShape(shape)))
        {
            throw new InvalidInputException(name, tensor.ToString(), a.Type + HostTensor.Describe(shape));
        }
    }
}
