using Stof.Reference.Cuda.Execution;
using Stof.Reference.Cuda.Ptx;
using Stof.Reference.Cuda.Simulator;
using Stof.Reference.Cuda.Templates;
using Stof.Reference.Graphs;
using Stof.Reference.Numerics;
using Stof.Reference.Tensors;
using Stof.Reference.Tests;

namespace Stof.Reference.Cuda.Tests.Templates;

/// <summary>Product kernels on the simulator: any finding fails the launch.</summary>
public class GemmTests
{
    private const int Seed = 2027;

    /// <summary>Tiles of both kinds of kernels: every number of stages, both steps, all splits of a block into warps.</summary>
    public static TheoryData<string, DType> Tiles
    {
        get
        {
            var data = new TheoryData<string, DType>();
            foreach (var tile in new[]
            {
                "16x64x128x4-1x4", "16x32x128x3-1x2", "32x64x64x2-1x4", "32x64x128x3-2x2", "64x64x64x3-2x2", "64x128x128x2-2x2", "128x128x128x3-2x2",
                "128x128x64x4-2x4", "128x256x64x3-2x4", "64x64x64x2-1x1", "128x64x64x4-4x1",
            })
            {
                data.Add(tile, DType.F16);
            }

            data.Add("32x64x128x3-2x2", DType.BF16);
            data.Add("16x64x128x4-1x4", DType.BF16);
            data.Add("64x64x64x2-2x2", DType.F32);
            data.Add("128x128x128x2-2x4", DType.F32);
            data.Add("16x32x128x3-2x2", DType.F32);
            data.Add("8x32x128x4-1x4", DType.F32);
            return data;
        }
    }

    [Theory]
    [MemberData(nameof(Tiles))]
    public void Shapes_that_no_tile_divides_agree_with_the_oracle(string text, DType type)
    {
        var tile = GemmTile.Parse(text);
        var random = new Random(Seed);
        using var device = new SimulatedKernelDevice(Target.Sm80);
        foreach (var (rows, width, depth) in new[]
        {
            (1, 8, 8), (tile.Rows + 3, tile.Columns + 8, 200), (tile.Rows - 1, 40, tile.Depth(type) * 9), (2 * tile.Rows, tile.Columns, 5 * tile.Depth(type)), (7, 13, 29),
        })
        {
            var trial = new GemmTrial(random, type, rows, width, depth);
            var c = GemmRun.Multiply(device, new GemmChoice(tile, 1), trial.A, trial.Weight);
            trial.Require(c, $"seed {Seed}, {type}, {tile}, {rows}x{width}x{depth}");
            Assert.Equal(0, device.LastReport!.Counters.SharedConflicts);
        }
    }

    [Theory]
    [InlineData(DType.F32)]
    [InlineData(DType.F16)]
    [InlineData(DType.BF16)]
    public void Epilogues_agree_with_the_oracle_fused_and_behind_splits(DType type)
    {
        var random = new Random(Seed);
        using var device = new SimulatedKernelDevice(Target.Sm80);
        foreach (var text in type == DType.F32 ? new[] { "16x64x64x2-1x2" } : ["16x64x64x2-1x2", "64x128x64x3-2x2"])
        {
            var tile = GemmTile.Parse(text);
            foreach (var activation in new ActivationKind?[] { null, ActivationKind.GeluErf, ActivationKind.GeluTanh, ActivationKind.Relu, ActivationKind.SwiGlu })
            {
                foreach (var (hasBias, hasResidual) in new[] { (false, false), (true, false), (false, true), (true, true) })
                {
                    var depth = 6 * tile.Depth(type);
                    var trial = new GemmTrial(random, type, 21, 80, depth, hasBias, activation, hasResidual, InputFamily.Wide);
                    foreach (var splits in new[] { 1, 3 })
                    {
                        var c = GemmRun.Multiply(device, new GemmChoice(tile, splits), trial.A, trial.Weight, trial.Bias, activation, trial.Residual);
                        trial.Require(c, $"seed {Seed}, {type}, {tile}, {activation}, bias {hasBias}, residual {hasResidual}, {splits} splits");
                        Assert.Equal(0, device.LastReport!.Counters.SharedConflicts);
                    }
                }
            }
        }
    }

    [Theory]
    [InlineData(DType.F16, "16x64x128x3-1x2")]
    [InlineData(DType.BF16, "32x64x128x2-2x2")]
    [InlineData(DType.F16, "64x64x128x2-2x2")]
    [InlineData(DType.F32, "16x64x128x3-1x4")]
    public void Rows_normalised_on_the_way_in_give_what_rows_normalised_before_give(DType type, string text)
    {
        var tile = GemmTile.Parse(text);
        var random = new Random(Seed);
        using var device = new SimulatedKernelDevice(Target.Sm80);
        using var memory = new DeviceMemory(device);
        var kernels = new KernelLibrary(device.Target);
        foreach (var (rows, width, depth) in new[] { (5, 24, 72), (tile.Rows, 64, 256), (tile.Rows + 9, 90, 500), (3, 16, 730) })
        {
            foreach (var kind in Enum.GetValues<NormKind>())
            {
                var x = Seeded.Tensor(random, type, InputFamily.Outliers, rows, depth);
                var trial = new GemmTrial(random, type, rows, width, depth, hasBias: true, ActivationKind.GeluErf);
                var gamma = DeviceMatrix.UploadVector(memory, Seeded.Tensor(random, type, depth));
                var beta = kind == NormKind.Layer ? DeviceMatrix.UploadVector(memory, Seeded.Tensor(random, type, depth)) : null;
                var norm = new RowNorm(kind, gamma, beta, 1e-5f);
                var (a, normalised) = (DeviceMatrix.Upload(memory, x), DeviceMatrix.Allocate(memory, type, rows, depth));
                var (fused, apart) = (DeviceMatrix.Allocate(memory, type, rows, width), DeviceMatrix.Allocate(memory, type, rows, width));
                var weight = memory.Upload<byte>(PackedWeight.Pack(trial.Weight, isGated: false));
                var end = new ProductEnd { Bias = DeviceMatrix.UploadVector(memory, trial.Bias!), Activation = trial.Activation };
                var choice = new GemmChoice(tile, 1);
                KernelStep[] steps =
                [
                    .. Product.Bind(kernels, memory.Allocate, choice, a, weight, width, end, fused, norm),
                    RowStep.Bind(kernels, a, normalised, new ProductEnd { Norm = norm }),
                    .. Product.Bind(kernels, memory.Allocate, choice, normalised, weight, width, end, apart),
                ];
                foreach (var step in steps)
                {
                    step.Launch(device);
                    Assert.Equal(0, device.LastReport!.Counters.SharedConflicts);
                }

                // Means are summed in another order: a normalised element may round the other way.
                var (found, expected) = (fused.Download(device).ToDoubles(), apart.Download(device).ToDoubles());
                var error = ErrorMetrics.Compare(expected, found, type).RelativeFrobenius;
                Assert.True(error <= 1.5 * type.UnitRoundoff() + 1e-6, $"seed {Seed}, {type}, {tile}, {rows}x{width}x{depth}, {kind}: {error:e2}");
            }
        }
    }

    [Fact]
    public void Batched_products_take_their_own_operands()
    {
        const int Items = 3;
        var random = new Random(Seed);
        using var device = new SimulatedKernelDevice(Target.Sm80);
        using var memory = new DeviceMemory(device);
        foreach (var type in new[] { DType.F16, DType.F32 })
        {
            var (rows, width, depth) = (37, 48, 96);
            var spec = new GemmSpec(type, width, depth, GemmTile.Parse("32x64x64x3-2x2")) { IsBatched = true, HasResidual = true, Activation = ActivationKind.Relu };
            var trials = Enumerable.Range(0, Items).Select(_ => new GemmTrial(random, type, rows, width, depth, activation: ActivationKind.Relu, hasResidual: true)).ToArray();
            IDeviceBuffer Join(Func<GemmTrial, byte[]> part) => memory.Upload<byte>(trials.SelectMany(part).ToArray());
            var c = DeviceMatrix.Allocate(memory, type, Items * rows, width);
            var parameters = new LaunchParameters(GemmKernel.Build(spec, Target.Sm80))
                .Set("a", Join(trial => DeviceMatrix.Pitched(trial.A)))
                .Set("b", Join(trial => PackedWeight.Pack(trial.Weight, isGated: false)))
                .Set("c", c.Buffer)
                .Set("residual", Join(trial => DeviceMatrix.Pitched(trial.Residual!)))
                .Set("rows", rows)
                .Set("a_batch_stride", (long)DeviceMatrix.BytesOf(type, rows, depth))
                .Set("b_batch_stride", (long)PackedWeight.Rows(width) * PackedWeight.Pitch(type, depth) * type.Size())
                .Set("c_batch_stride", DeviceMatrix.BytesOf(type, rows, width));
            device.Launch(parameters, new Grid((rows + 31) / 32, 1, Items));
            var result = c.Download(device);
            for (var item = 0; item < Items; item++)
            {
                var part = HostTensor.Uninitialized(type, rows, width);
                result.Bytes.Slice(item * part.Bytes.Length, part.Bytes.Length).CopyTo(part.Bytes);
                trials[item].Require(part, $"seed {Seed}, {type}, item {item}");
            }
        }
    }

    [Fact]
    public void What_does_not_fit_is_refused()
    {
        var tile = GemmTile.Parse("64x64x128x3-2x2");
        var good = new GemmSpec(DType.F16, 64, 256, tile);
        GemmSpec[] bad =
        [
            good with { Type = DType.F64 }, good with { Columns = 0 }, good with { Depth = 0 }, good with { InputPitch = 255 }, good with { InputPitch = 260 },
            good with { Splits = 2 }, good with { Splits = 3, StoresSums = true }, good with { StoresSums = true, HasBias = true },
            good with { Columns = 40, Activation = ActivationKind.SwiGlu }, good with { Tile = GemmTile.Parse("64x64x128x3-1x4"), Activation = ActivationKind.SwiGlu },
            good with { Tile = tile with { Stages = 5 } }, good with { Tile = tile with { DepthBytes = 64 }, Prologue = NormKind.Layer },
            good with { Depth = 4096, Prologue = NormKind.Layer }, good with { Prologue = NormKind.Layer, IsBatched = true },
        ];
        GemmKernel.Build(good, Target.Sm80);
        Assert.All(bad, spec => Assert.Throws<InvalidInputException>(() => GemmKernel.Build(spec, Target.Sm80)));
    }
}
