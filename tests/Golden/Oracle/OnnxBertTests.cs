using Stof.Reference.Cpu.Oracle;
using Stof.Reference.Masks;
using Stof.Reference.Models;
using Stof.Reference.Models.Checkpoints;
using Stof.Reference.Numerics;
using Stof.Reference.Tensors;
using Stof.Reference.Tests;

namespace Stof.Reference.Golden.Tests.Oracle;

/// <summary>The layers of a whole BERT by ONNX Runtime's fused operators against our double-precision oracle: two independent models.</summary>
public sealed class OnnxBertTests
{
    [Theory]
    [InlineData(1, 64, "full")]
    [InlineData(2, 17, "full")]
    [InlineData(1, 64, "bigbird(band=8,global=4,fill=0.1,seed=0)")]
    [InlineData(2, 17, "causal & sliding(5)")]
    public void All_layers_agree_with_the_oracle(int batch, int length, string text)
    {
        Assert.SkipUnless(OnnxRuntime.IsAvailable, OnnxRuntime.Missing);
        var mask = MaskText.Parse(text);
        var model = ModelLoader.Load(TestData.Path("hf", "bert-bigbird")).To(DType.F32);
        var input = ModelInput.Random(model.Spec, batch, length, seed: 5);
        var states = new OracleModel(model, mask).Run(input);
        var embedded = HostTensor.From(states[0].Select(x => (float)x).ToArray(), batch, length, model.Spec.Hidden);
        var output = HostTensor.Zeros(DType.F32, batch, length, model.Spec.Hidden);
        using var session = OnnxBert.Layers(model, batch, length, threads: 1, mask is FullMask ? null : mask);
        session.Run([embedded], [output]);

        var difference = output.ToDoubles().Zip(states[^1], (a, b) => Math.Abs(a - b)).Max();
        Assert.True(difference < 5e-6, $"off by {difference:e2}");
        Assert.True(states[^1].Max(Math.Abs) > 0.5, "the states are all small: nothing was compared");
    }
}
