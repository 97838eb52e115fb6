using Stof.Reference.Backends;
using Stof.Reference.Cuda.Execution;
using Stof.Reference.Cuda.Ptx;
using Stof.Reference.Cuda.Templates;
using Stof.Reference.Fusion;
using Stof.Reference.Graphs;
using Stof.Reference.Masks;
using Stof.Reference.Models;
using Stof.Reference.Numerics;
using Stof.Reference.Plans;
using Stof.Reference.Search;
using Stof.Reference.Tests;

namespace Stof.Reference.Cuda.Tests.Execution;

/// <summary>What happens to a plan before its first launch: fallbacks, tiles, buffers.</summary>
public sealed class ModelPlanTests : IDisposable
{
    private const int Seed = 77;

    private readonly SimulatedKernelDevice _device = new(Target.Sm80);
    private readonly CudaBackend _backend;

    public ModelPlanTests() => _backend = new CudaBackend(_device);

    public void Dispose() => _backend.Dispose();

    [Fact]
    public void A_plan_of_single_operators_keeps_them_and_joins_the_steps_of_attention()
    {
        foreach (var preset in ModelPresets.Names)
        {
            var (graph, workload) = Setting(preset, DType.F16, 1, 128);
            var (plan, refused) = PlanFallback.For(_backend, graph, workload, ExecutionPlan.Detached(graph, workload, _backend.Device));

            Assert.Equal(RuleBasedSchemes.AttentionOnly(graph), plan.Validated(graph, workload, _backend.Device).Scheme);
            Assert.Equal("no-kernel", Assert.Single(refused).Refusal.Code);
            Assert.Null(_backend.FirstRefusal(graph, workload, plan));
        }
    }

    [Fact]
    public void A_refused_segment_becomes_the_longest_that_run()
    {
        var (graph, workload) = Setting("bert-base", DType.F16, 1, 128);
        var scheme = FusionScheme.FromLengths([2, 5, 3, 5]); // the last one is a chain of two products
        var (plan, refused) = PlanFallback.For(_backend, graph, workload, ExecutionPlan.FromScheme(graph, workload, _backend.Device, scheme));

        Assert.Equal([("gemm-residual-norm", "norm-apart"), ("gemm-chain-residual-norm", "chain-width")], refused.Select(entry => (entry.Segment.Template, entry.Refusal.Code)));
        Assert.Equal(
            ["gemm-bias", "attention", "gemm-residual", "norm", "gemm-activation", "gemm-residual", "norm"], plan.Segments.Select(segment => segment.Template));
    }

    [Fact]
    public void Few_rows_of_a_deep_product_are_cut_and_others_normalised_where_they_are_computed()
    {
        GemmChoice First(Target target, int rows, int columns, int depth) =>
            GemmChooser.Rank(DType.F16, target, 132, rows, columns, depth, isGated: false, normalises: true).First();
        Assert.True(First(Target.Sm90, 16, 768, 3072).Splits > 1, "few rows, deep");
        Assert.True(First(Target.Sm90, 4096, 512, 512) is { Splits: 1, Tile.Columns: 256 }, "two blocks hold a row");
        Assert.True(First(Target.Sm80, 4096, 256, 256) is { Splits: 1, Tile.Columns: 256 }, "a block holds a row");
        Assert.True(First(Target.Sm80, 4096, 768, 768).Splits > 1, "nobody holds a row");
        foreach (var target in new[] { Target.Sm80, Target.Sm90 })
        {
            var (together, apart) = GemmChooser.NormSeconds(DType.F16, target, 132, 4096, 768, 768);
            Assert.True(together > apart, "of many rows of 768 a norm of its own is faster");
            (together, apart) = GemmChooser.NormSeconds(DType.F16, target, 132, 4096, 256, 256);
            Assert.True(together < apart, "many rows of 256 are normalised by the block that has them");
        }
    }

    [Fact]
    public void What_no_kernel_computes_at_all_is_an_error_with_its_reason()
    {
        var (graph, workload) = Setting("bert-base", DType.F64, 1, 128);
        var plan = ExecutionPlan.Detached(graph, workload, _backend.Device);
        Assert.Contains("F64", Assert.Throws<InvalidInputException>(() => PlanFallback.For(_backend, graph, workload, plan)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Values_share_memory_only_where_their_lives_do_not_meet()
    {
        var random = new Random(Seed);
        foreach (var preset in ModelPresets.Names)
        {
            var (graph, workload) = Setting(preset, DType.F16, 1, 128);
            for (var draw = 0; draw < 20; draw++)
            {
                var plan = RandomPlans.Draw(graph, workload, _backend, random);
                using var memory = new DeviceMemory(_device);
                var frame = new DeviceFrame(graph, workload, memory);
                frame.Share(plan);
                Assert.True(frame.SharedBytes < frame.ValueBytes || frame.ValueBytes == 0 || plan.Segments.Length < 4, $"seed {Seed}, {preset}: nothing is shared");
                for (var i = 0; i < plan.Segments.Length; i++)
                {
                    // Whatever is stored before the end of a segment and read from its start on must lie apart while it runs.
                    var (start, end) = (plan.Segments[i].Segment.Start, plan.Segments[i].Segment.End);
                    var live = graph.Operators.Take(end).Select(op => op.Output)
                        .Where(value => value != graph.OutputValue && IsStored(graph, plan, value) && graph.IsLiveAfter(value, start - 1)).ToArray();
                    Assert.Equal(live.Length, live.Select(value => frame[value].Buffer).Distinct().Count());
                }
            }
        }
    }

    [Fact]
    public void Tiles_read_what_they_write_and_those_of_the_search_fit()
    {
        foreach (var type in new[] { DType.F16, DType.BF16, DType.F32 })
        {
            Assert.All(GemmTiles.For(type, Target.Sm90), tile => Assert.Equal(tile, GemmTile.Parse(tile.ToString())));
            Assert.NotEmpty(GemmTiles.For(type, Target.Sm86));
        }

        Assert.True(GemmTiles.For(DType.F16, Target.Sm86).Count() < GemmTiles.For(DType.F16, Target.Sm90).Count());
        foreach (var text in new[] { "", "128x128", "128x128x64x3-2x2x1", "axbxcxd-exf", "128x128x64x3x2x2" })
        {
            Assert.Throws<InvalidInputException>(() => GemmTile.Parse(text));
        }

        Assert.Equal("tile-shape", GemmTile.Parse("128x128x96x3-2x2").Check(DType.F16, Target.Sm80)?.Code);
        Assert.Equal("tile-shape", GemmTile.Parse("64x64x128x2-1x1").Check(DType.F16, Target.Sm80)?.Code);
        Assert.Equal("registers", GemmTile.Parse("256x256x64x2-2x2").Check(DType.F16, Target.Sm90)?.Code);
        Assert.Equal("shared-memory", GemmTile.Parse("128x256x128x4-2x4").Check(DType.F16, Target.Sm80)?.Code);
    }

    [Fact]
    public void The_estimate_chooses_what_fits_any_shape()
    {
        var random = new Random(Seed);
        for (var i = 0; i < 200; i++)
        {
            var type = random.Next(2) == 0 ? DType.F16 : DType.F32;
            var (rows, columns, depth) = (1 + random.Next(random.Next(2) == 0 ? 64 : 40_000), 16 * random.Next(1, 300), random.Next(1, 6000));
            var isGated = random.Next(3) == 0;
            var choice = GemmChooser.Choose(type, Target.Sm90, 132, rows, columns, depth, isGated);

            Assert.Null(choice.Tile.Check(type, Target.Sm90));
            Assert.True(GemmChooser.Takes(choice.Tile, isGated), $"seed {Seed}: {choice}");
            Assert.Equal(0, (depth + choice.Tile.Depth(type) - 1) / choice.Tile.Depth(type) % choice.Splits);
        }

        Assert.True(GemmChooser.Choose(DType.F16, Target.Sm90, 132, 1, 4096, 4096, isGated: false) is { Tile.Rows: 16, Splits: > 1 }, "a single row is cut along the depth");
        Assert.True(GemmChooser.Choose(DType.F16, Target.Sm90, 132, 8192, 8192, 8192, isGated: false) is { Tile: { Rows: >= 128, Columns: >= 128 }, Splits: 1 }, "a large product takes large tiles");
    }

    private static bool IsStored(OperatorGraph graph, ExecutionPlan plan, int value) => plan.Segments.Any(segment =>
        Enumerable.Range(segment.Segment.Start, segment.Segment.Length).Any(op => graph.Operators[op].Output == value) && graph.IsLiveAfter(value, segment.Segment.End - 1));

    private static (OperatorGraph Graph, Workload Workload) Setting(string preset, DType type, int batch, int length)
    {
        var spec = ModelPresets.Spec(preset);
        return (ModelGraph.Build(spec).Layer, new Workload(batch, spec.FixedLength ?? length, type, MaskText.Parse("sliding(16)"), spec.QueryHeads));
    }
}
