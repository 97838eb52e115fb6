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
        using var memory = new DeviceMemory(device);
        return Run(device, memory, choice, a, weight, bias, activation, residual, norm: null, sum: null).Download(device);
    }

    /// <summary>C = norm(A·Wᵀ + bias + residual), row by row; float sums, one rounding at each store.</summary>
    /// <param name="device">Where.</param>
    /// <param name="choice">Tile and splits. With one split and a tile of which one block, or a cluster of blocks, holds whole rows, it is one kernel.</param>
    /// <param name="a">A [rows, depth] in F32, F16 or BF16.</param>
    /// <param name="weight">W [width, depth].</param>
    /// <param name="bias">[width], or null.</param>
    /// <param name="residual">[rows, width], or null.</param>
    /// <param name="kind">LayerNorm or RMSNorm.</param>
    /// <param name="gamma">[width].</param>
    /// <param name="beta">[width], or null.</param>
    /// <param name="epsilon">Added to the variance or the mean square.</param>
    /// <param name="sum">Receives what is normalised [rows, width]; null where it is not wanted.</param>
    /// <returns>C.</returns>
    /// <exception cref="InvalidInputException">Dtypes, shapes or the tile do not fit.</exception>
    public static HostTensor MultiplyNormalised(
        IKernelDevice device,
        GemmChoice choice,
        HostTensor a,
        HostTensor weight,
        HostTensor? bias,
        HostTensor? residual,
        NormKind kind,
        HostTensor gamma,
        HostTensor? beta,
        float epsilon,
        HostTensor? sum = null)
    {
        ArgumentNullException.ThrowIfNull(device);
        ArgumentNullException.ThrowIfNull(a);
        ArgumentNullException.ThrowIfNull(weight);
        ArgumentNullException.ThrowIfNull(gamma);
        Require(nameof(gamma), gamma, a, weight.Shape[0]);
        Require(nameof(beta), beta, a, weight.Shape[0]);
        Require(nameof(sum), sum, a, a.Shape[0], weight.Shape[0]);
        using var memory = new DeviceMemory(device);
        var norm = new RowNorm(kind, DeviceMatrix.UploadVector(memory, gamma), beta is null ? null : DeviceMatrix.UploadVector(memory, beta), epsilon);
        var stored = sum is null ? null : DeviceMatrix.Allocate(memory, a.Type, a.Shape[0], weight.Shape[0]);
        var c = Run(device, memory, choice, a, weight, bias, activation: null, residual, norm, stored);
        stored?.Download(device).Bytes.CopyTo(sum!.Bytes);
        return c.Download(device);
    }

    private static DeviceMatrix Run(
        IKernelDevice device,
        DeviceMemory memory,
        GemmChoice choice,
        HostTensor a,
        HostTensor weight,
        HostTensor? bias,
        ActivationKind? activation,
        HostTensor? residual,
        RowNorm? norm,
        DeviceMatrix? sum)
    {
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
        var c = DeviceMatrix.Allocate(memory, a.Type, rows, columns);
        var end = new ProductEnd
        {
            Bias = bias is null ? null : memory.Upload<byte>(PackedWeight.PackBias(bias, isGated)),
            Activation = activation,
            Residual = residual is null ? null : DeviceMatrix.Upload(memory, residual),
            Norm = norm,
            Sum = sum,
        };
        var packed = memory.Upload<byte>(PackedWeight.Pack(weight, isGated));
        foreach (var step in Product.Bind(new KernelLibrary(device.Target), memory.Allocate, choice, DeviceMatrix.Upload(memory, a), packed, width, end, c))
        {
            step.Launch(device);
        }

        return c;
    }

    private static void Require(string name, HostTensor? tensor, HostTensor a, params ReadOnlySpan<int> shape)
    {
        if (tensor is not null && (tensor.Type != a.Type || !tensor.HasShape(shape)))
        {
            throw new InvalidInputException(name, tensor.ToString(), a.Type + HostTensor.Describe(shape));
        }
    }
}
