using Stof.Reference.Cpu.Oracle;
using Stof.Reference.Cuda.Execution;
using Stof.Reference.Cuda.Ptx;
using Stof.Reference.Cuda.Simulator;
using Stof.Reference.Cuda.Templates;
using Stof.Reference.Graphs;
using Stof.Reference.Numerics;
using Stof.Reference.Tensors;
using Stof.Reference.Tests;

namespace Stof.Reference.Cuda.Tests.Templates;

/// <summary>Row kernels on the simulator: any finding fails the launch.</summary>
public sealed class RowChainTests : IDisposable
{
    private const int Seed = 4099;
    private const double Epsilon = 1e-5;

    private readonly SimulatedKernelDevice _device = new(Target.Sm80);
    private readonly DeviceMemory _memory;
    private readonly Random _random = new(Seed);

    public RowChainTests() => _memory = new DeviceMemory(_device);

    public void Dispose() => _memory.Dispose();

    [Theory]
    [InlineData(DType.F32)]
    [InlineData(DType.F16)]
    [InlineData(DType.BF16)]
    public void Operators_alone_and_in_a_row_agree_with_the_oracle(DType type)
    {
        foreach (var columns in new[] { 1, 5, 8, 72, 100, 768, 1030 })
        {
            foreach (var (hasBias, activation, hasResidual) in new (bool, ActivationKind?, bool)[]
            {
                (false, null, false), (true, null, false), (false, null, true), (true, null, true), (true, ActivationKind.GeluErf, false),
                (true, ActivationKind.GeluTanh, true), (false, ActivationKind.Relu, false), (true, ActivationKind.SwiGlu, true), (false, ActivationKind.SwiGlu, false),
            })
            {
                var width = activation == ActivationKind.SwiGlu ? 2 * columns : columns;
                var x = Seeded.Tensor(_random, type, InputFamily.Wide, 5, width);
                var bias = hasBias ? Seeded.Tensor(_random, type, width) : null;
                var residual = hasResidual ? Seeded.Tensor(_random, type, 5, columns) : null;
                var spec = new RowChainSpec(type, columns) { HasBias = hasBias, Activation = activation, HasResidual = hasResidual };
                var values = bias is null ? x.ToDoubles() : NaiveOperators.Bias(x.ToDoubles(), bias.ToDoubles());
                var expected = activation switch
                {
                    null => values,
                    ActivationKind.Relu => NaiveOperators.Map(values, NaiveOperators.Relu),
                    ActivationKind.GeluErf => NaiveOperators.Map(values, NaiveOperators.GeluErf),
                    ActivationKind.GeluTanh => NaiveOperators.Map(values, NaiveOperators.GeluTanh),
                    _ => NaiveOperators.SwiGlu(values, columns),
                };
                Require(spec, x, bias, residual, residual is null ? expected : NaiveOperators.Residual(expected, residual.ToDoubles()), 2 * values.Max(Math.Abs));
            }
        }
    }

    [Theory]
    [InlineData(DType.F32)]
    [InlineData(DType.F16)]
    [InlineData(DType.BF16)]
    public void Norms_of_rows_of_every_kind_of_length_agree_with_the_oracle(DType type)
    {
        foreach (var columns in new[] { 1, 7, 8, 33, 72, 100, 256, 768, 1023, 2048, 5000 })
        {
            foreach (var warps in new[] { 1, 2, 8 }.Where(count => RowPitch.Of(type, columns) <= count * 2048))
            {
                foreach (var norm in Enum.GetValues<NormKind>())
                {
                    var x = Seeded.Tensor(_random, type, InputFamily.Outliers, 6, columns);
                    var gamma = Seeded.Tensor(_random, type, columns);
                    var beta = norm == NormKind.Layer ? Seeded.Tensor(_random, type, columns) : null;
                    var spec = new RowChainSpec(type, columns)
                    {
                        Norm = norm,
                        HasBeta = beta is not null,
                        Epsilon = (float)Epsilon,
                        WarpsPerRow = warps,
                    };
                    var expected = norm == NormKind.Layer
                        ? NaiveOperators.LayerNorm(x.ToDoubles(), gamma.ToDoubles(), beta!.ToDoubles(), Epsilon)
                        : NaiveOperators.RmsNorm(x.ToDoubles(), gamma.ToDoubles(), Epsilon);

                    // One column: what is left behind the mean is nothing but the float's rounding, amplified by the root of epsilon.
                    Require(spec, x, null, null, expected, columns == 1 ? 100 : 40, gamma, beta);
                }
            }
        }
    }

    [Theory]
    [InlineData(DType.F32, 64, 4, 2)]
    [InlineData(DType.F16, 64, 4, 2)]
    [InlineData(DType.BF16, 18, 3, 3)]
    [InlineData(DType.F16, 20, 2, 1)]
    public void Rotary_rows_agree_with_the_oracle(DType type, int size, int heads, int kvHeads)
    {
        const int Length = 7;
        var spec = new RotarySpec(type, heads, kvHeads, size, Length);
        var x = Seeded.Tensor(_random, type, 2 * Length, spec.Columns);
        var expected = NaiveOperators.Rope(x.ToDoubles(), spec.Columns, heads + kvHeads, size, Length, 10_000);
        var (cosines, sines) = RotaryAngles.Of(Length, size, 10_000);
        var y = DeviceMatrix.Allocate(_memory, type, 2 * Length, spec.Columns);
        var parameters = new LaunchParameters(RotaryRows.Build(spec, Target.Sm80))
            .Set("x", DeviceMatrix.Upload(_memory, x).Buffer)
            .Set("y", y.Buffer)
            .Set("cosines", _memory.Upload<float>(cosines))
            .Set("sines", _memory.Upload<float>(sines));
        _device.Launch(parameters, new Grid(2 * Length));
        RequireClose(type, expected, y.Download(_device), 4, $"seed {Seed}, {spec}");
    }

    [Fact]
    public void A_gather_sums_its_tables()
    {
        foreach (var type in new[] { DType.F32, DType.F16, DType.BF16 })
        {
            foreach (var columns in new[] { 8, 100, 768 })
            {
                var tables = Enumerable.Range(0, 3).Select(_ => Seeded.Tensor(_random, type, 11, columns)).ToArray();
                var indices = tables.Select(_ => Enumerable.Range(0, 9).Select(_ => _random.Next(11)).ToArray()).ToArray();
                var y = DeviceMatrix.Allocate(_memory, type, 9, columns);
                var parameters = new LaunchParameters(EmbeddingRows.Build(new EmbeddingSpec(type, columns, 3), Target.Sm80)).Set("y", y.Buffer);
                var expected = new double[9 * columns];
                for (var table = 0; table < 3; table++)
                {
                    parameters.Set($"table{table}", DeviceMatrix.Upload(_memory, tables[table]).Buffer).Set($"index{table}", _memory.Upload<int>(indices[table]));
                    expected = NaiveOperators.Residual(expected, NaiveOperators.Embedding(tables[table].ToDoubles(), indices[table], columns));
                }

                _device.Launch(parameters, new Grid(9));
                RequireClose(type, expected, y.Download(_device), 8, $"seed {Seed}, {type}, {columns} columns");
            }
        }
    }

    [Fact]
    public void What_does_not_fit_is_refused()
    {
        Assert.Throws<InvalidInputException>(() => RowChain.Build(new RowChainSpec(DType.F64, 8), Target.Sm80));
        Assert.Throws<InvalidInputException>(() => RowChain.Build(new RowChainSpec(DType.F32, 0), Target.Sm80));
        Assert.Throws<InvalidInputException>(() => RowChain.Build(new RowChainSpec(DType.F32, RowChainSpec.LongestRow + 1), Target.Sm80));
        Assert.Throws<InvalidInputException>(() => RowChain.Build(new RowChainSpec(DType.F32, 2049) { WarpsPerRow = 1 }, Target.Sm80));
        Assert.Throws<InvalidInputException>(() => RowChain.Build(new RowChainSpec(DType.F32, 8) { HasBeta = true }, Target.Sm80));
        Assert.Throws<InvalidInputException>(() => RowChain.Build(new RowChainSpec(DType.F32, 8) { Splits = 2 }, Target.Sm80));
        Assert.Throws<InvalidInputException>(() => RotaryRows.Build(new RotarySpec(DType.F32, 1, 1, 7, 4), Target.Sm80));
        Assert.Throws<InvalidInputException>(() => EmbeddingRows.Build(new EmbeddingSpec(DType.F32, 8, 4), Target.Sm80));
    }

    private void Require(
        RowChainSpec spec, HostTensor x, HostTensor? bias, HostTensor? residual, double[] expected, double scale, HostTensor? gamma = null, HostTensor? beta = null)
    {
        var rows = x.Shape[0];
        var y = DeviceMatrix.Allocate(_memory, spec.Type, rows, spec.Columns);
        var parameters = new LaunchParameters(RowChain.Build(spec, Target.Sm80)).Set("x", DeviceMatrix.Upload(_memory, x).Buffer).Set("y", y.Buffer).Set("rows", rows);
        foreach (var (name, vector) in new[] { ("bias", bias), ("gamma", gamma), ("beta", beta) })
        {
            if (vector is not null)
            {
                parameters.Set(name, DeviceMatrix.UploadVector(_memory, vector));
            }
        }

        if (residual is not null)
        {
            parameters.Set("residual", DeviceMatrix.Upload(_memory, residual).Buffer);
        }

        _device.Launch(parameters, spec.Grid(rows));
        RequireClose(spec.Type, expected, y.Download(_device), scale, $"seed {Seed}, {spec}");
    }

    // Within one rounding of the type, and a few of floats of a size.
    private static void RequireClose(DType type, double[] expected, HostTensor y, double scale, string label)
    {
        var actual = y.ToDoubles();
        var activation = type == DType.F32 ? 4e-6 : 9e-5;
        for (var i = 0; i < expected.Length; i++)
        {
            var limit = (((type.UnitRoundoff() * 1.01) + activation) * Math.Abs(expected[i])) + (16 * DType.F32.UnitRoundoff() * scale) + type.HalfSubnormal();
            Assert.True(Math.Abs(actual[i] - expected[i]) <= limit, $"{label}: element {i} is {actual[i]:g9}, expected {expected[i]:g9} within {limit:g3}");
        }
    }
}
