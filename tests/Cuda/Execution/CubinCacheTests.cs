using Stof.Reference.Cuda.Driver;
using Stof.Reference.Cuda.Driver.Api;
using Stof.Reference.Cuda.Execution;
using Stof.Reference.Cuda.Ptx;
using Stof.Reference.Cuda.Tests.Driver;
using Stof.Reference.Tests;

namespace Stof.Reference.Cuda.Tests.Execution;

public sealed class CubinCacheTests : IDisposable
{
    private const string Ptx = ".version 7.0\n.target sm_80\n";

    private static readonly byte[] Cubin = [.. Enumerable.Range(0, 300).Select(i => (byte)i)];

    private readonly TempFolder _folder = new();
    private readonly List<string> _warnings = [];

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void What_is_stored_comes_back_in_a_later_process_and_for_nothing_else()
    {
        Assert.Null(Cache().Load(Ptx));
        Cache().Store(Ptx, Cubin);
        Assert.Equal(Cubin, Cache().Load(Ptx));
        Assert.Null(Cache().Load(Ptx + " "));
        Assert.Null(Cache(name: "another").Load(Ptx));
        Assert.Null(Cache(capability: new CudaVersion(8, 9)).Load(Ptx));
        Assert.Null(Cache(driver: new CudaVersion(12, 9)).Load(Ptx));
        Assert.Empty(_warnings);
        Assert.Single(Directory.GetFiles(_folder.Path));
    }

    [Fact]
    public void Any_damage_is_noticed_and_named_and_storing_again_heals()
    {
        Cache().Store(Ptx, Cubin);
        var file = Cache().FileOf(Ptx);
        var whole = File.ReadAllBytes(file);
        var random = new Random(7);
        var damages = new List<byte[]> { Array.Empty<byte>(), whole[..4], whole[..20], whole[..^1] };
        damages.Add([.. whole, 0]);
        for (var place = 0; place < whole.Length; place += 1 + random.Next(12))
        {
            var flipped = (byte[])whole.Clone();
            flipped[place] ^= (byte)(1 << random.Next(8));
            damages.Add(flipped);
        }

        foreach (var damaged in damages)
        {
            _warnings.Clear();
            File.WriteAllBytes(file, damaged);
            Assert.Null(Cache().Load(Ptx));
            Assert.Contains(file, Assert.Single(_warnings), StringComparison.Ordinal);
        }

        Cache().Store(Ptx, Cubin);
        Assert.Equal(Cubin, Cache().Load(Ptx));
    }

    [Fact]
    public void A_file_of_another_kernel_under_this_name_is_not_used()
    {
        Cache().Store(Ptx + "// other", Cubin);
        File.Move(Cache().FileOf(Ptx + "// other"), Cache().FileOf(Ptx));
        Assert.Null(Cache().Load(Ptx));
        Assert.Contains("it was made for", Assert.Single(_warnings), StringComparison.Ordinal);
    }

    [Fact]
    public void A_folder_that_cannot_be_is_a_warning_and_no_failure()
    {
        var file = Path.Combine(_folder.Path, "file");
        File.WriteAllText(file, "");
        var cache = new CubinCache(Path.Combine(file, "cubin"), "device", new CudaVersion(9, 0), new CudaVersion(13, 0), _warnings.Add);
        cache.Store(Ptx, Cubin);
        Assert.Null(cache.Load(Ptx));
        Assert.Contains("is not written", Assert.Single(_warnings), StringComparison.Ordinal);
    }

    [Fact]
    public void A_device_compiles_a_kernel_once_for_all_processes_and_again_if_the_driver_refuses_what_was_kept()
    {
        var api = new FakeCudaApi();
        api.Kernels.Add("empty");
        void Process(int compiled, int loaded)
        {
            using var device = new DriverKernelDevice(api.Open(), _folder.Path, _warnings.Add);
            device.Load(new KernelBuilder("empty", Target.Sm80).Build(32));
            Assert.Equal((compiled, loaded), (api.Calls("cuLinkComplete"), api.Calls("cuModuleLoadDataEx")));
        }

        Process(1, 1);
        Process(1, 2);
        Assert.Empty(_warnings);

        api.Script("cuModuleLoadDataEx", CudaResult.InvalidImage);
        Process(2, 4);
        Assert.Contains("is not used", Assert.Single(_warnings), StringComparison.Ordinal);
        Process(2, 5);
        Assert.Empty(api.Mistakes);
    }

    private CubinCache Cache(string name = "device", CudaVersion? capability = null, CudaVersion? driver = null) =>
        new(_folder.Path, name, capability ?? new CudaVersion(9, 0), driver ?? new CudaVersion(13, 0), _warnings.Add);
}
