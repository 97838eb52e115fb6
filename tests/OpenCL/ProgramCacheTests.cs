using Stof.Reference.OpenCL.Api;
using Stof.Reference.Tests;

namespace Stof.Reference.OpenCL.Tests;

public sealed class ProgramCacheTests
{
    private readonly List<string> _warnings = [];

    [Fact]
    public void The_second_build_comes_from_the_cache()
    {
        using var folder = new TempFolder();
        var (api, cache) = (new FakeOpenClApi(), Cache(folder));

        Assert.False(Build(api, cache).IsFromCache);
        Assert.True(Build(api, cache).IsFromCache);

        Assert.Equal((1, 1), (api.Calls("clCreateProgramWithSource"), api.Calls("clCreateProgramWithBinary")));
        Assert.Empty(_warnings);
        Assert.Equal([Path.GetFileName(cache.FileOf(ContextTests.Source(), OpenClProgram.OptionsFor(api.Device()), api.Device()))], Directory.GetFiles(folder.Path).Select(Path.GetFileName));
    }

    [Fact]
    public void Another_driver_another_source_or_other_options_make_another_program()
    {
        using var folder = new TempFolder();
        var (api, cache, source) = (new FakeOpenClApi(), Cache(folder), ContextTests.Source());
        var file = cache.FileOf(source, "-a", api.Device());

        Assert.NotEqual(file, cache.FileOf(source, "-b", api.Device()));
        Assert.NotEqual(file, cache.FileOf(KernelSource.Expand("k.cl", "#define N 2\n", _ => ""), "-a", api.Device()));
        api.DeviceFacts[ClConstants.DriverVersion] = "1.1";
        Assert.NotEqual(file, cache.FileOf(source, "-a", api.Device()));
        api.DeviceFacts[ClConstants.DriverVersion] = "1.0";
        Assert.Equal(file, cache.FileOf(source, "-a", api.Device()));
    }

    [Theory]
    [InlineData("cut")]
    [InlineData("changed")]
    [InlineData("empty")]
    [InlineData("foreign")]
    public void A_damaged_file_is_built_again_with_a_warning(string damage)
    {
        using var folder = new TempFolder();
        var (api, cache) = (new FakeOpenClApi(), Cache(folder));
        Build(api, cache);
        var file = Directory.GetFiles(folder.Path).Single();
        var bytes = File.ReadAllBytes(file);
        File.WriteAllBytes(file, damage switch
        {
            "cut" => bytes[..^1],
            "changed" => [.. bytes[..^1], (byte)(bytes[^1] ^ 1)],
            "empty" => [],
            _ => "not ours"u8.ToArray(),
        });

        Assert.False(Build(api, cache).IsFromCache);

        Assert.Contains(file, Assert.Single(_warnings), StringComparison.Ordinal);
        Assert.True(Build(api, cache).IsFromCache);
        Assert.Equal(bytes, File.ReadAllBytes(file));
    }

    [Theory]
    [InlineData("clCreateProgramWithBinary")]
    [InlineData("clBuildProgram")]
    public void A_program_that_the_driver_refuses_is_built_again_with_a_warning(string call)
    {
        using var folder = new TempFolder();
        var (api, cache) = (new FakeOpenClApi(), Cache(folder));
        Build(api, cache);
        api.Script(call, ClResult.InvalidBinary);

        Assert.False(Build(api, cache).IsFromCache);

        Assert.Contains("the driver does not take it", Assert.Single(_warnings), StringComparison.Ordinal);
    }

    [Fact]
    public void A_folder_that_cannot_be_written_is_a_warning()
    {
        using var folder = new TempFolder();
        var blocked = Path.Combine(folder.Path, "file");
        File.WriteAllText(blocked, "");
        var cache = new ProgramCache(Path.Combine(blocked, "below"), _warnings.Add);

        Assert.False(Build(new FakeOpenClApi(), cache).IsFromCache);

        Assert.Contains("is not written", Assert.Single(_warnings), StringComparison.Ordinal);
    }

    [Fact]
    public void A_failed_build_tells_file_line_and_message_and_keeps_nothing()
    {
        using var folder = new TempFolder();
        var api = new FakeOpenClApi { BuildLog = "<kernel>:3:1: error: expected ';'" };
        api.Script("clBuildProgram", ClResult.BuildProgramFailure);

        var exception = Assert.Throws<OpenClBuildException>(() => Build(api, Cache(folder)));

        Assert.EndsWith("\nk.cl:2:1: expected ';'", exception.Message, StringComparison.Ordinal);
        Assert.Empty(Directory.GetFiles(folder.Path));
        Assert.Empty(api.Alive);
    }

    [Fact]
    public async Task Programs_are_built_ahead_once_each()
    {
        var api = new FakeOpenClApi();
        using var context = new OpenClContext(api.Device());
        using var library = new ProgramLibrary(context, null);
        var specs = Enumerable.Range(0, 20).Select(i => ProgramSpec.Of("rows.cl", new { Lanes = 1, N = i % 4 })).ToArray();

        await library.BuildAhead(specs);

        Assert.Equal((4, 4), (library.Count, api.Calls("clBuildProgram")));
        Assert.Same(library.Kernel(specs[0], "k"), library.Kernel(specs[4], "k"));
        Assert.Equal(4, api.Calls("clBuildProgram"));
    }

    private static OpenClProgram Build(FakeOpenClApi api, ProgramCache cache)
    {
        using var context = new OpenClContext(api.Device());
        using var program = OpenClProgram.Build(context, ContextTests.Source(), cache);
        return program;
    }

    private ProgramCache Cache(TempFolder folder) => new(folder.Path, _warnings.Add);
}
