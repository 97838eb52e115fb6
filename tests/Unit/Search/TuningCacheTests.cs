using Stof.Reference.Backends;
using Stof.Reference.Fusion;
using Stof.Reference.Graphs;
using Stof.Reference.Masks;
using Stof.Reference.Models;
using Stof.Reference.Numerics;
using Stof.Reference.Plans;
using Stof.Reference.Search;
using Stof.Reference.Tests;

namespace Stof.Reference.Unit.Tests.Search;

public sealed class TuningCacheTests : IDisposable
{
    private static readonly DeviceDescription Device = new("test", "a device", 2, 1 << 20, 512);
    private static readonly OperatorGraph Graph = ModelGraph.Build(ModelPresets.Spec("bert-base")).Layer;
    private static readonly Workload Small = new(1, 128, DType.F32, new CausalMask());

    private readonly TempFolder _folder = new();
    private readonly List<string> _warnings = [];

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void What_is_stored_is_loaded()
    {
        var result = Tuned();
        Cache().Store(Graph, Small, Device, result);
        var loaded = Cache().Load(Graph, Small, Device);

        Assert.NotNull(loaded);
        Assert.Equal(PlanJson.Print(result.Plan), PlanJson.Print(loaded.Plan));
        Assert.Equal(result.PlanSeconds, loaded.PlanSeconds);
        Assert.Equal(result.Measurements, loaded.Measurements);
        Assert.Empty(_warnings);
    }

    [Fact]
    public void Another_workload_or_device_has_another_file()
    {
        Cache().Store(Graph, Small, Device, Tuned());

        Assert.Null(Cache().Load(Graph, new Workload(2, 128, DType.F32, new CausalMask()), Device));
        Assert.Null(Cache().Load(Graph, new Workload(1, 128, DType.F16, new CausalMask()), Device));
        Assert.Null(Cache().Load(Graph, Small, Device with { Workers = 3 }));
        Assert.Null(Cache().Load(Graph, Small, Device with { Kernels = "of another build" }));
        Assert.Empty(_warnings);
    }

    [Fact]
    public void A_file_cut_or_changed_at_any_byte_is_ignored_with_a_warning()
    {
        var cache = Cache();
        cache.Store(Graph, Small, Device, Tuned());
        var file = cache.FileOf(Graph, Small, Device);
        var good = File.ReadAllBytes(file);
        var step = Math.Max(1, good.Length / 97);
        for (var i = 0; i < good.Length - 1; i += step)
        {
            _warnings.Clear();
            File.WriteAllBytes(file, good[..i]);
            Assert.Null(cache.Load(Graph, Small, Device));
            Assert.Single(_warnings);

            _warnings.Clear();
            var changed = (byte[])good.Clone();
            changed[i] ^= 1;
            File.WriteAllBytes(file, changed);
            var loaded = cache.Load(Graph, Small, Device);
            Assert.True(loaded is null == (_warnings.Count == 1), $"byte {i}");
            Assert.True(loaded is null, $"byte {i} of {good.Length} was changed and nobody noticed");
        }
    }

    [Fact]
    public void A_file_that_belongs_to_another_key_is_ignored_with_a_warning()
    {
        var cache = Cache();
        cache.Store(Graph, Small, Device, Tuned());
        var other = new Workload(1, 64, DType.F32, new CausalMask());
        File.Copy(cache.FileOf(Graph, Small, Device), cache.FileOf(Graph, other, Device));

        Assert.Null(cache.Load(Graph, other, Device));
        Assert.Contains("another graph, workload, device", Assert.Single(_warnings), StringComparison.Ordinal);
    }

    [Fact]
    public void A_folder_that_cannot_be_made_is_a_warning()
    {
        var file = Path.Combine(_folder.Path, "file");
        File.WriteAllText(file, "not a folder");
        new TuningCache(Path.Combine(file, "cache"), _warnings.Add).Store(Graph, Small, Device, Tuned());

        Assert.Contains("is not written", Assert.Single(_warnings), StringComparison.Ordinal);
    }

    private TuningCache Cache() => new(_folder.Path, _warnings.Add);

    private static TuningResult Tuned()
    {
        using var clock = new CostModelMeasurer(Graph, Small, Device, 4e10, 5e11, 5e-6);
        return new Tuner(Graph, Small, Device, clock, new TuningOptions { Budget = new TuningBudget(40, null) }).Run();
    }
}
