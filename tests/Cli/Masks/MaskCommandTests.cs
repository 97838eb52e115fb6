using System.CommandLine;
using System.Text.Json;
using Stof.Reference.Cli.Commands;
using Stof.Reference.Formats;
using Stof.Reference.Interchange;
using Stof.Reference.Masks;
using Stof.Reference.Numerics;
using Stof.Reference.Tensors;
using Stof.Reference.Tests;

namespace Stof.Reference.Cli.Tests.Masks;

[Collection("console")]
public sealed class MaskCommandTests
{
    [Fact]
    public void Masks_come_from_text_JSON_npy_and_npz_and_are_equal()
    {
        using var folder = new TempFolder();
        var extent = new MaskExtent(40, 40);
        var bound = MaskText.Parse("causal & sliding(9)").Bind(extent);
        NpyFile.Write(folder.File("m.npy"), bound.ToDense());
        NpzArchive.Write(folder.File("m.npz"), [new("mask", bound.ToDense()), new("other", MaskText.Parse("full").Bind(extent).ToDense())]);
        NpzArchive.Write(folder.File("tiles.npz"), BlockMaskBuilder.Build(bound, new TileShape(16, 8)).ToArrays());
        File.WriteAllText(folder.File("m.json"), MaskJson.Print(MaskText.Parse("causal & sliding(9)")));
        var expected = PackedBits.Rows(bound, 0, 0);
        foreach (var argument in new[] { "causal&sliding(9)", folder.File("m.npy"), folder.File("m.npz"), folder.File("m.npz") + ":mask", folder.File("tiles.npz"), folder.File("m.json") })
        {
            Assert.Equal(expected, PackedBits.Rows(MaskSource.Load(argument).Bind(extent), 0, 0));
        }

        Assert.NotEqual(expected, PackedBits.Rows(MaskSource.Load(folder.File("m.npz") + ":other").Bind(extent), 0, 0));
    }

    [Fact]
    public void Bad_mask_arguments_are_refused_in_one_line()
    {
        using var folder = new TempFolder();
        NpzArchive.Write(folder.File("a.npz"), [new("x", HostTensor.Zeros(DType.Bool, 2, 2))]);
        NpyFile.Write(folder.File("f.npy"), HostTensor.Zeros(DType.F32, 2, 2));
        foreach (var (argument, part) in new[]
        {
            (folder.File("none.npy"), "no such file"),
            (folder.File("none.json"), "no such file"),
            (folder.File("a.npz"), "arrays x; expected 'mask'"),
            (folder.File("a.npz") + ":y", "no array"),
            (folder.File("f.npy"), "F32[2, 2]"),
            ("slidng(3)", "unknown pattern 'slidng'"),
        })
        {
            var message = Assert.Throws<InvalidInputException>(() => MaskSource.Load(argument)).Message;
            Assert.Contains(part, message);
            Assert.DoesNotContain('\n', message);
        }
    }

    [Fact]
    public void Conversions_hold_the_same_mask()
    {
        using var folder = new TempFolder();
        const string Text = "bigbird(band=3,global=5,fill=0.05,seed=4)";
        var bound = MaskText.Parse(Text).Bind(new MaskExtent(96, 96, 2));
        foreach (var (to, file) in new[] { ("tiles", "t.npz"), ("dense", "d.npz"), ("dense", "d.npy"), ("rows", "r.npz") })
        {
            Assert.Equal(0, MaskCli.Run("convert", Text, "--seq", "96", "--batch-size", "2", "--tile", "16x32", "--to", to, "--out", folder.File(file)).Code);
        }

        Assert.Equal(bound.ToDense().Bytes, BlockMaskArrays.FromArrays(NpzArchive.Read(folder.File("t.npz"))).AsMask().ToDense().Bytes);
        Assert.Equal(bound.ToDense().Bytes, NpzArchive.Read(folder.File("d.npz"), "mask").Bytes);
        Assert.Equal(bound.ToDense().Bytes, NpyFile.Read(folder.File("d.npy")).Bytes);
        Assert.Equal(RowLists.Build(bound).ColIdx, NpzArchive.Read(folder.File("r.npz"), "col_idx").Span<int>().ToArray());
        Assert.Equal(0, MaskCli.Run("convert", folder.File("d.npy"), "--to", "json", "--out", folder.File("m.json")).Code);
        Assert.Equal(bound.ToDense().Bytes, MaskSource.Load(folder.File("m.json")).Bind(bound.Extent).ToDense().Bytes);
        Assert.Equal(Text + "\n", MaskCli.Run("convert", Text, "--to", "text").Output.ReplaceLineEndings("\n"));
    }

    [Fact]
    public void Show_draws_the_batch_item_that_is_asked_for()
    {
        using var folder = new TempFolder();
        var dense = HostTensor.Zeros(DType.Bool, 2, 1, 64, 64);
        dense.Bytes[(64 * 64)..].Fill(1);
        NpyFile.Write(folder.File("m.npy"), dense);
        Assert.Contains("tiles 0 full, 0 part, 1 empty", MaskCli.Run("show", folder.File("m.npy")).Output);
        Assert.Contains("██", MaskCli.Run("show", folder.File("m.npy"), "--batch", "1").Output);
        var exception = Assert.Throws<InvalidInputException>(() => MaskCli.Run("show", folder.File("m.npy"), "--batch", "2"));
        Assert.Contains("at most the 2", exception.Message);
        Assert.Throws<InvalidInputException>(() => MaskCli.Run("show", folder.File("m.npy"), "--head", "-1"));
        Assert.Contains("--seq", Assert.Throws<InvalidInputException>(() => MaskCli.Run("show", "causal")).Message);
    }

    [Fact]
    public void Reports_are_JSON_with_the_counts()
    {
        var shown = JsonDocument.Parse(MaskCli.Run("show", "causal", "--seq", "128", "--json").Output).RootElement;
        Assert.Equal(["P.", "FP"], shown.GetProperty("tiles").EnumerateArray().Select(e => e.GetString()));
        Assert.Equal(8256, shown.GetProperty("allowed").GetInt64());
        var counted = JsonDocument.Parse(MaskCli.Run("stats", "causal", "--seq", "128", "--seq-kv", "64", "--alignment", "top-left", "--json").Output).RootElement;
        Assert.Equal(64, counted.GetProperty("keys").GetInt32());
        Assert.Equal("top-left", counted.GetProperty("alignment").GetString());
        Assert.Equal(new CausalMask(), MaskJson.Parse(counted.GetProperty("mask")));
        var tiny = JsonDocument.Parse(MaskCli.Run("stats", "causal", "--seq", "16", "--json").Output).RootElement;
        Assert.Equal(JsonValueKind.Null, tiny.GetProperty("paper_threshold").ValueKind);
        Assert.Equal("row-wise", tiny.GetProperty("paper_choice").GetString());
    }

    [Fact]
    public void A_picture_is_written_and_the_same_each_time()
    {
        using var folder = new TempFolder();
        Assert.Equal(0, MaskCli.Run("show", "longformer(8,8)", "--seq", "128", "--png", folder.File("a.png")).Code);
        Assert.Equal(0, MaskCli.Run("show", "longformer(8,8)", "--seq", "128", "--png", folder.File("b.png")).Code);
        Assert.Equal(File.ReadAllBytes(folder.File("a.png")), File.ReadAllBytes(folder.File("b.png")));
        Assert.Equal("PNG", System.Text.Encoding.ASCII.GetString(File.ReadAllBytes(folder.File("a.png")), 1, 3));
    }

    [Fact]
    public void The_list_shows_every_pattern_and_the_table_its_rows()
    {
        var list = MaskCli.Run("list").Output;
        Assert.All(MaskCatalog.Entries, entry => Assert.Contains(entry.Signature, list));
        var table = MaskCli.Run("stats", "sliding(32)", "--seq", "512").Output;
        Assert.Contains("32224 of 262144", table);
        Assert.Contains("0 full, 22 part, 42 empty", table);
    }

    [Theory]
    [InlineData("convert", "causal", "--seq", "8")]
    [InlineData("convert", "causal", "--seq", "8", "--to", "bytes")]
    [InlineData("show", "causal", "--seq", "x")]
    [InlineData("show", "causal", "--seq", "8", "--alignment", "left")]
    public void Wrong_usage_is_an_error(params string[] arguments) => Assert.NotEqual(0, MaskCli.Run(arguments).Code);

    [Fact]
    public void Arrays_need_a_file_of_a_fitting_name()
    {
        Assert.Contains("--out", Assert.Throws<InvalidInputException>(() => MaskCli.Run("convert", "causal", "--seq", "8", "--to", "tiles")).Message);
        Assert.Contains(".npz", Assert.Throws<InvalidInputException>(() => MaskCli.Run("convert", "causal", "--seq", "8", "--to", "tiles", "--out", "t.txt")).Message);
    }

    [Fact]
    public void Pictures_zoom_and_stand_side_by_side()
    {
        using var folder = new TempFolder();
        string[] show = ["show", "heads([causal,full])", "--seq", "64", "--tile", "16x16", "--grid", "--zoom-queries", "0..20", "--zoom-keys", "10..60"];
        Assert.Equal(0, MaskCli.Run([.. show, "--svg", folder.File("m.svg"), "--png", folder.File("m.png")]).Code);
        var svg = File.ReadAllText(folder.File("m.svg"));
        Assert.Contains("head 0: 50.78%", svg);
        Assert.Contains("head 1: 100%", svg);
        Assert.Contains("queries 0-19, keys 10-59", svg);
        Assert.True(new FileInfo(folder.File("m.png")).Length > 200);
    }

    [Theory]
    [InlineData("--zoom-queries", "5..5")]
    [InlineData("--zoom-queries", "0..65")]
    [InlineData("--zoom-keys", "7")]
    [InlineData("--zoom-keys", "-1..4")]
    public void A_window_must_lie_in_the_mask(string option, string window)
    {
        var message = Assert.Throws<InvalidInputException>(() => MaskCli.Run("show", "causal", "--seq", "64", option, window)).Message;
        Assert.Contains($"{option}: {window}; expected first..end", message);
    }

    [Theory]
    [InlineData("--seq", "0")]
    [InlineData("--seq", "-5")]
    [InlineData("--seq-kv", "0")]
    public void A_length_must_be_positive(string option, string length)
    {
        string[] other = option == "--seq" ? [] : ["--seq", "8"];
        var message = Assert.Throws<InvalidInputException>(() => MaskCli.Run(["show", "causal", .. other, option, length])).Message;
        Assert.Equal($"{option}: {length}; expected 1 or more", message);
    }

    [Fact]
    public void Statistics_compare_tile_sizes_and_forecast_the_work()
    {
        var counted = JsonDocument.Parse(MaskCli.Run("stats", "causal", "--seq", "128", "--head-size", "32", "--dtype", "f32", "--json").Output).RootElement;
        Assert.Equal(["16x16", "32x32", "64x64", "128x64", "128x128"], counted.GetProperty("tile_sizes").EnumerateArray().Select(t => t.GetProperty("tile").GetString()));
        Assert.Equal(8256.0 * 4 * 32, counted.GetProperty("useful_flops").GetDouble());
        Assert.Equal(3.0 * 64 * 64 * 4 * 32, counted.GetProperty("tile_flops").GetDouble());
        Assert.Equal(4.0 / 3, counted.GetProperty("row_imbalance").GetDouble(), 1e-12);
    }

    [Fact]
    public void The_gallery_command_writes_what_the_gallery_holds()
    {
        using var folder = new TempFolder();
        Assert.Contains("files in", MaskCli.Run("gallery", "--out", folder.File("new/sub")).Output);
        Assert.Equal(MaskCatalog.Entries.Count + 2, Directory.GetFiles(folder.File("new/sub")).Length);
    }
}
