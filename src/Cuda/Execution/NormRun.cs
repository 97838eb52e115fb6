using Stof.Reference.Cuda.Templates;
using Stof.Reference.Graphs;
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

        var spec = new RowChainSpec(x.Type, columns)
        {
            HasBias = true,
            HasResidual = true,
            Norm = NormKind.Layer,
            HasBeta = true,
            Epsilon = epsilon,
            StoresSum = sum is not null,
            WarpsPerRow = RowChainSpec.WarpsFor(x.Type, columns, rows),
        };
        var kernel = RowChain.Build(spec, device.Target);
        if (rows == 0)
        {
            return HostTensor.Uninitialized(x.Type, 0, columns);
        }

        using var memory = new DeviceMemory(device);
        var output = DeviceMatrix.Allocate(memory, x.Type, rows, columns);
        var parameters = new LaunchParameters(kernel)
            .Set("x", DeviceMatrix.Upload(memory, x).Buffer)
            .Set("residual", DeviceMatrix.Upload(memory, residual).Buffer)
            .Set("bias", DeviceMatrix.UploadVector(memory, bias))
            .Set("gamma", DeviceMatrix.UploadVector(memory, gamma))
            .Set("beta", DeviceMatrix.UploadVector(memory, beta))
            .Set("y", output.Buffer)
            .Set("rows", rows);
        var stored = sum is null ? null : DeviceMatrix.Allocate(memory, x.Type, rows, columns);
        if (stored is not null)
        {
            parameters.Set("sum", stored.Buffer);
        }

        device.Launch(parameters, spec.Grid(rows));
        stored?.Download(device).Bytes.CopyTo(sum!.Bytes);
        return output.Download(device);
    }

    private static void Require(string name, HostTensor tensor, DType type, params ReadOnlySpan<int> shape)
    {
        ArgumentNullException.ThrowIfNull(tensor);
        if (tensor.Type != type || !tensor.HasShape(shape))
        {
            throw new InvalidInputException(name, tensor.ToString(), type + HostTensor.Describe(shape));
        }
    }
}
