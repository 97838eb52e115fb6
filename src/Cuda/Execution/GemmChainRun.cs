using Stof.Reference.Cuda.Simulator;
using Stof.Reference.Cuda.Templates;
using Stof.Reference.Tensors;

namespace Stof.Reference.Cuda.Execution;

/// <summary>Operands of a chain of two products; what its specification has not is null.</summary>
/// <param name="X">[rows, depth].</param>
/// <param name="FirstWeight">[middle, depth].</param>
/// <param name="SecondWeight">[columns, middle].</param>
public sealed record GemmChainOperands(HostTensor X, HostTensor FirstWeight, HostTensor SecondWeight)
{
    /// <summary>[middle].</summary>
    public HostTensor? FirstBias { get; init; }

    /// <summary>[columns].</summary>
    public HostTensor? Bias { get; init; }

    /// <summary>[rows, columns].</summary>
    public HostTensor? Residual { get; init; }

    /// <summary>Factor of the norm: [depth] of one on the way in, [columns] of one on the way out.</summary>
    public HostTensor? Gamma { get; init; }

    /// <summary>Its shift.</summary>
    public HostTensor? Beta { get; init; }
}

/// <summary>One chain of two products on a device, from host tensors to a host tensor.</summary>
public static class GemmChainRun
{
    /// <summary>Y as <see cref="GemmChainSpec"/> says.</summary>
    /// <param name="device">Where.</param>
    /// <param name="spec">The kernel.</param>
    /// <param name="operands">Operands of its shapes and type.</param>
    /// <param name="sum">Receives what is normalised [rows, columns]; null where the specification keeps no sum.</param>
    /// <returns>Y [rows, columns].</returns>
    /// <exception cref="InvalidInputException">The specification does not fit the device, or a shape the specification.</exception>
    public static HostTensor Multiply(IKernelDevice device, GemmChainSpec spec, GemmChainOperands operands, HostTensor? sum = null)
    {
        ArgumentNullException.ThrowIfNull(device);
        ArgumentNullException.ThrowIfNull(spec);
        ArgumentNullException.ThrowIfNull(operands);
        var rows = operands.X.Shape[0];
        Require("x", operands.X, true, spec, rows, spec.Depth);
        Require("first weight", operands.FirstWeight, true, spec, spec.Middle, spec.Depth);
        Require("second weight", operands.SecondWeight, true, spec, spec.Columns, spec.Middle);
        Require("first bias", operands.FirstBias, spec.HasFirstBias, spec, spec.Middle);
        Require("bias", operands.Bias, spec.HasBias, spec, spec.Columns);
        Require("residual", operands.Residual, spec.HasResidual, spec, rows, spec.Columns);
        Require("gamma", operands.Gamma, (spec.Prologue ?? spec.Norm) is not null, spec, spec.Prologue is null ? spec.Columns : spec.Depth);
        Require("beta", operands.Beta, spec.PrologueHasBeta || spec.NormHasBeta, spec, spec.Prologue is null ? spec.Columns : spec.Depth);
        Require("sum", sum, spec.KeepsSum, spec, rows, spec.Columns);
        using var memory = new DeviceMemory(device);
        var (y, stored) = (DeviceMatrix.Allocate(memory, spec.Type, rows, spec.Columns), DeviceMatrix.Allocate(memory, spec.Type, rows, spec.Columns));
        var parameters = new LaunchParameters(GemmChain.Build(spec, device.Target))
            .Set("a", DeviceMatrix.Upload(memory, operands.X).Buffer)
            .Set("b", memory.Upload<byte>(PackedWeight.Pack(operands.SecondWeight, isGated: false)))
            .Set("c", y.Buffer)
            .Set("rows", rows)
            .Set("w1", memory.Upload<byte>(PackedWeight.Pack(operands.FirstWeight, isGated: false)));
        foreach (var (name, vector) in new[] { ("bias1", operands.FirstBias), ("bias", operands.Bias), ("gamma", operands.Gamma), ("beta", operands.Beta) })
        {
            if (vector is not null)
            {
                parameters.Set(name, DeviceMatrix.UploadVector(memory, vector));
            }
        }

        if (operands.Residual is { } residual)
        {
            parameters.Set("residual", DeviceMatrix.Upload(memory, residual).Buffer);
        }

        if (spec.KeepsSum)
        {
            parameters.Set("sum", stored.Buffer);
        }

        device.Launch(parameters, new Grid((rows + spec.Rows - 1) / spec.Rows));
        if (sum is not null)
        {
            stored.Download(device).Bytes.CopyTo(sum.Bytes);
        }

        return y.Download(device);
    }

    private static void Require(string name, HostTensor? tensor, bool isWanted, GemmChainSpec spec, params ReadOnlySpan<int> shape)
    {
        if ((tensor is null) == isWanted || (tensor is not null && (tensor.Type != spec.Type || !tensor.HasShape(shape))))
        {
            throw new InvalidInputException(name, tensor?.ToString() ?? "none", isWanted ? spec.Type + HostTensor.Describe(shape) : "none");
        }
    }
}
