using Stof.Reference.Cpu.Oracle;
using Stof.Reference.Numerics;
using Stof.Reference.Tensors;
using Stof.Reference.Tests;

namespace Stof.Reference.Golden.Tests.Oracle;

/// <summary>The oracle's operators against ONNX Runtime's, in single precision.</summary>
public class OnnxRuntimeOperatorTests
{
    private const int Seed = 811;

    [Fact]
    public void Matrix_products_agree()
    {
        var (a, w) = (Tensor(7, 96), Tensor(96, 40));
        AssertClose(
            CompensatedGemm.Run(a.ToDoubles(), w.ToDoubles(), WeightOrder.InputsByOutputs, 40, 96),
            Run("MatMul", 13, [a, w], 7, 40),
            2e-6);
        var bias = Tensor(40);
        var transposed = CompensatedGemm.Run(
            a.ToDoubles(), Tensor(40, 96).ToDoubles(), WeightOrder.OutputsByInputs, 40, 96, bias.ToDoubles());
        AssertClose(transposed, Run("Gemm", 13, [a, Tensor(40, 96), bias], 7, 40, ("transB", 1L)), 2e-6);
    }

    [Fact]
    public void Both_kinds_of_GELU_agree()
    {
        var x = Seeded.Tensor(new Random(Seed), DType.F32, InputFamily.Wide, 1000);
        AssertClose(CompensatedActivation.GeluErf(x.ToDoubles()), Run("Gelu", 20, [x], 1000, 0), 2e-6);
        AssertClose(CompensatedActivation.GeluTanh(x.ToDoubles()), Run("Gelu", 20, [x], 1000, 0, ("approximate", "tanh")), 2e-6);
        AssertClose(CompensatedActivation.Relu(x.ToDoubles()), Run("Relu", 14, [x], 1000, 0), 0);
    }

    [Fact]
    public void Norms_agree()
    {
        var (x, gamma, beta) = (Tensor(9, 64), Tensor(64), Tensor(64));
        var layer = CompensatedNorm.LayerNorm(x.ToDoubles(), gamma.ToDoubles(), beta.ToDoubles(), 1e-5f);
        AssertClose(layer, Run("LayerNormalization", 17, [x, gamma, beta], 9, 64, ("epsilon", 1e-5f)), 2e-6);
        var rms = CompensatedNorm.RmsNorm(x.ToDoubles(), gamma.ToDoubles(), 1e-6f);
        AssertClose(rms, Run("RMSNormalization", 23, [x, gamma], 9, 64, ("epsilon", 1e-6f)), 2e-6);
    }

    [Fact]
    public void Rotary_embedding_agrees()
    {
        const int Length = 30;
        const int Size = 16;
        var x = Tensor(1, 1, Length, Size);
        var cos = HostTensor.Zeros(DType.F32, 1, Length, Size / 2);
        var sin = HostTensor.Zeros(DType.F32, 1, Length, Size / 2);
        for (var i = 0; i < cos.Count; i++)
        {
            var angle = i / (Size / 2) * Math.Pow(10000, -2.0 * (i % (Size / 2)) / Size);
            (cos.Span<float>()[i], sin.Span<float>()[i]) = ((float)Math.Cos(angle), (float)Math.Sin(angle));
        }

        Assert.SkipUnless(OnnxRuntime.IsAvailable, OnnxRuntime.Missing);
        OnnxValue[] inputs = [Value("x", x), Value("cos", cos), Value("sin", sin)];
        var model = OnnxModel.OneNode("RotaryEmbedding", string.Empty, 23, inputs, [new OnnxValue("y", OnnxType.Float, null)]);
        using var session = new OnnxSession(model, ["x", "cos", "sin"], ["y"]);
        var output = HostTensor.Zeros(DType.F32, 1, 1, Length, Size);
        session.Run([x, cos, sin], [output]);
        AssertClose(CompensatedPosition.Rope(x.ToDoubles(), Enumerable.Range(0, Length).ToArray(), Size), output, 2e-6);
    }

    [Fact]
    public void Wrong_models_and_shapes_are_reported_and_not_computed()
    {
        var failure = Assert.Throws<InvalidOperationException>(() => Run("Relu", 14, [Tensor(4)], 5, 0));
        Assert.Contains("invalid dimensions", failure.Message, StringComparison.Ordinal);
        Assert.Throws<InvalidOperationException>(() => Run("NoSuchOperator", 14, [Tensor(4)], 4, 0));
    }

    private static HostTensor Tensor(params ReadOnlySpan<int> shape) =>
        Seeded.Tensor(new Random(Seed + shape[0]), DType.F32, shape);

    private static OnnxValue Value(string name, HostTensor tensor) =>
        new(name, OnnxSession.TypeOf(tensor.Type), tensor.Shape.ToArray());

    private static HostTensor Run(
        string operatorType,
        int opset,
        HostTensor[] tensors,
        int rows,
        int columns,
        params (string Name, object Value)[] attributes)
    {
        Assert.SkipUnless(OnnxRuntime.IsAvailable, OnnxRuntime.Missing);
        var output = columns == 0 ? HostTensor.Zeros(DType.F32, rows) : HostTensor.Zeros(DType.F32, rows, columns);
        var inputs = tensors.Select((tensor, i) => Value($"x{i}", tensor)).ToArray();
        var model = OnnxModel.OneNode(
            operatorType, string.Empty, opset, inputs, [new OnnxValue("y", OnnxType.Float, null)], attributes);
        using var session = new OnnxSession(model, inputs.Select(input => input.Name), ["y"]);
        session.Run(tensors, [output]);
        return output;
    }

    private static void AssertClose(double[] expected, HostTensor actual, double tolerance)
    {
        var metrics = ErrorMetrics.Compare(expected, actual);
        Assert.Equal(default, metrics.NonFinite);
        Assert.True(
            metrics.RelativeFrobenius <= tolerance && metrics.MaxAbsolute <= tolerance * 10,
            $"seed {Seed}: relative error {metrics.RelativeFrobenius:g3}, largest {metrics.MaxAbsolute:g3}");
    }
}
