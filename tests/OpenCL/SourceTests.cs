using Stof.Reference.Numerics;
using Stof.Reference.OpenCL.Execution;
using Stof.Reference.OpenCL.Execution.Attention;
using Stof.Reference.OpenCL.Execution.Models;
using Stof.Reference.Tests;

namespace Stof.Reference.OpenCL.Tests;

public sealed class SourceTests
{
    [Fact]
    public void A_records_properties_become_definitions()
    {
        var header = ParameterHeader.Of(
            new NumberParameters { Type = DType.BF16, Lanes = 1 },
            new AttentionParameters { Bias = BiasForm.ByPair, HasSoftcap = true },
            new BlockwiseGroupsParameters { TileQ = 32 });

        Assert.Contains("#define TYPE_BF16 ", header, StringComparison.Ordinal);
        Assert.Contains("#define TYPE TYPE_BF16\n", header, StringComparison.Ordinal);
        Assert.Contains("#define BIAS BIAS_BY_PAIR\n", header, StringComparison.Ordinal);
        Assert.Contains("#define HAS_SOFTCAP 1\n", header, StringComparison.Ordinal);
        Assert.Contains("#define TILE_Q 32\n", header, StringComparison.Ordinal);
        Assert.Equal("#define ONE_FLOAT 0.5f\n#define WHOLE 2.0f\n", ParameterHeader.Of(new { OneFloat = 0.5f, Whole = 2f }));
        Assert.Throws<ArgumentException>(() => ParameterHeader.Of(new { Text = "no" }));
    }

    [Fact]
    public void Includes_are_written_out_once_and_every_line_knows_its_origin()
    {
        var files = new Dictionary<string, string>
        {
            ["a.cl"] = "#include \"b.cl\"\n#include \"c.cl\"\nint a;\n",
            ["b.cl"] = "int b;\n#include \"c.cl\"\n",
            ["c.cl"] = "\nint c;\n",
        };

        var source = KernelSource.Expand("a.cl", "#define X 1\n", name => files[name]);

        Assert.Equal("#define X 1\nint b;\n\nint c;\nint a;\n", source.Text);
        Assert.Equal(
            [new("parameters", 1), new("b.cl", 1), new("c.cl", 1), new("c.cl", 2), new("a.cl", 3)],
            source.Lines);
    }

    [Fact]
    public void A_file_that_is_not_there_is_named() => Assert.Contains(
        "'none.cl'", Assert.Throws<InvalidInputException>(() => KernelSource.Expand("none.cl", "")).Message, StringComparison.Ordinal);

    [Theory]
    [InlineData("<kernel>:3:7: error: use of undeclared identifier 'z'", true)]
    [InlineData("error: /tmp/pocl/tempfile.cl:3:7: use of undeclared identifier 'z'", true)]
    [InlineData("1:3:7: warning: use of undeclared identifier 'z'", false)]
    [InlineData("/tmp/OCL123T0.cl:3:7: fatal error: use of undeclared identifier 'z'", true)]
    public void Logs_of_every_vendor_lead_to_our_files(string log, bool isError)
    {
        var source = KernelSource.Expand("a.cl", "#define X 1\n", _ => "int a;\nint b = z;\n");

        var message = Assert.Single(BuildLog.Parse($"some words\n{log}\n   int b = z;\n1 error generated.\n", source));

        Assert.Equal(new BuildMessage("a.cl", 2, 7, isError, "use of undeclared identifier 'z'"), message);
    }

    [Fact]
    public void A_log_without_a_place_is_kept_whole()
    {
        var source = KernelSource.Expand("a.cl", "", _ => "int a;\n");

        Assert.Equal(new BuildMessage("", 0, 0, true, "internal compiler error"), Assert.Single(BuildLog.Parse(" internal compiler error\n", source)));
        Assert.Empty(BuildLog.Parse("", source));
    }

    [Fact]
    public void A_log_tells_registers_and_spills_kernel_by_kernel()
    {
        const string Log = """
            ptxas info    : 0 bytes gmem
            ptxas info    : Compiling entry function 'attention_blockwise' for 'sm_90'
            ptxas info    : Function properties for attention_blockwise
            ptxas         .     16 bytes stack frame, 12 bytes spill stores, 8 bytes spill loads
            ptxas info    : Used 168 registers, used 1 barriers, 32772 bytes smem, 700 bytes cmem[0]
            ptxas info    : Compiling entry function 'attention_merge' for 'sm_90'
            ptxas info    : Function properties for attention_merge
                0 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads
            ptxas info    : Used 32 registers, 640 bytes cmem[0]
            """;

        Assert.Equal([new("attention_blockwise", 168, 16), new("attention_merge", 32, 0)], RegisterUse.Parse(Log));
        Assert.Empty(RegisterUse.Parse("Build succeeded\n"));
    }

    [Fact]
    public void Templates_take_named_values()
    {
        var template = KernelCatalog.Named("attention-blockwise-groups");

        Assert.Contains("#define TILE_K 16\n", template.Specialise(new Dictionary<string, string> { ["tile-k"] = "16" }).Text, StringComparison.Ordinal);
        Assert.Contains("#define TILE_K 32\n", template.Specialise(new Dictionary<string, string>()).Text, StringComparison.Ordinal);
        Assert.Contains("'tile-z'", Message(template, "tile-z", "1"), StringComparison.Ordinal);
        Assert.Contains("a whole number", Message(template, "tile-k", "x"), StringComparison.Ordinal);
        Assert.Contains("by-pair", Message(template, "bias", "x"), StringComparison.Ordinal);
        Assert.Contains("true or false", Message(template, "has-softcap", "x"), StringComparison.Ordinal);
    }

    [Fact]
    public void Every_kernel_file_is_a_template_or_included_by_one()
    {
        var reached = KernelCatalog.All.SelectMany(template => template.Specialise(new Dictionary<string, string>()).Lines).Select(line => line.File).ToHashSet();

        Assert.Empty(KernelFiles.Names.Except(reached));
    }

    [Fact]
    public void Parameters_as_the_compiler_gets_them() => GoldenFile.Verify(
        ParameterHeader.Of(new NumberParameters(), new ProductLanesParameters()) + "\n"
        + ParameterHeader.Of(new NumberParameters { Type = DType.F16, HasFp16 = true }, new AttentionParameters(), new BlockwiseLanesParameters()));

    private static string Message(KernelTemplate template, string name, string value) =>
        Assert.Throws<InvalidInputException>(() => template.Specialise(new Dictionary<string, string> { [name] = value })).Message;
}
