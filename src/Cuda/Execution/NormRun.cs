using Stof.Reference.Cuda.Simulator;
using Stof.Reference.Cuda.Templates;
using Stof.Reference.Numerics;
using Stof.Reference.Tensors;

namespace Stof.Reference.Cuda.Execution;

/// <summary>bias + residual + LayerNorm on a device.</summary>
public static class NormRun
{
    /// <summary>y = LayerNorm(x + bias + residual)·gamma + beta, row by row.</summary>
    /// <param name="device">Where.</param>
    /// <param name="x">[rows, columns] in F32, F16 or BF16.</param>
    /// <param name="bias">[columns].</param>
    /// <param name="residual">[rows, columns].</param>
    /// <param name="gamma">[columns].</param>
    /// <param name="beta">[columns].</param>
    /// <param name="epsilon">Added to the variance.</param>
    /// <param name="sum">Receives x + bias + residual [rows, columns]; null where it is not wanted.</param>
    /// <returns>y [rows, columns].</returns>
    /// <exception cref="InvalidInputException">Dtypes or shapes do not fit, or the rows are too long.</exception>
    public static HostTensor BiasResidualLayerNorm(
        IKernelDevice device, HostTensor x, HostTensor bias, HostTensor residual, HostTensor gamma, HostTensor beta, float epsilon, HostTensor? sum = null)
    {
        ArgumentNullException.ThrowIfNull(device);
        ArgumentNullException.ThrowIfNull(x);
        if (x.Rank != 2)
        {
            throw new InvalidInputException(nameof(x), x.ToString(), "[rows, columns]");
        }

        var (rows, columns) = (x.Shape[0], x.Shape[1]);
        Require(nameof(residual), residual, x.Type, rows, columns);
        Require(nameof(bias), bias, x.Type, columns);
        Require(nameof(gamma), gamma, x.Type, columns);
        Require(nameof(beta), beta, x.Type, columns);
        if (sum is not null)
        {
            Require(nameof(sum), sum, x.Type, rows, columns);
        }

        var kernel = BiasResidualNorm.Build(new BiasResidualNormSpec(x.Type, columns) { Threads = ThreadsFor(columns), StoresSum = sum is not null }, device.Target);
        var y = HostTensor.Uninitialized(x.Type, rows, columns);
        if (rows == 0)
        {
            return y;
        }

        using var memory = new DeviceMemory(device);
        var output = memory.Allocate(y.Bytes.Length);
        var parameters = new LaunchParameters(kernel)
            .Set("x", memory.Upload<byte>(x.Bytes))
            .Set("residual", memory.Upload<byte>(residual.Bytes))
            .Set("bias", memory.Upload<byte>(bias.Bytes))
            .Set("gamma", memory.Upload<byte>(gamma.Bytes))
            .Set("beta", memory.Upload<byte>(beta.Bytes))
            .Set("y", output)
            .Set("epsilon", epsilon);
        var stored = sum is null ? null : memory.Allocate(sum.Bytes.Length);
        if (stored is not null)
        {
            parameters.Set("sum", stored);
        }

        device.Launch(parameters, new Grid(rows));
        device.Read(output, y.Bytes);
        if (stored is not null)
        {
            device.Read(stored, sum!.Bytes);
        }

        return y;
    }

    // Eight elements a thread keep enough loads in flight; a short row takes a single warp.
    private static int ThreadsFor(int columns) => Math.Clamp((int)System.Numerics.BitOperations.RoundUpToPowerOf2((uint)(columns + 7) / 8), 32, 1024);

    private static void Require(string name, HostTensor tensor, DType type, params ReadOnlySpan<int> shape)
    {
        ArgumentNullException.ThrowIfNull(tensor);
        if (tensor.Type != type || !tensor.HasShape(shape))
        {
            throw new InvalidInputException(name, tensor.ToString(), type + HostTensor.Describe(shape));
        }
    }
}
