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

/// <summary>Conversions between the stored forms of masks, by files.</summary>
[Collection("console")]
public sealed class MaskFormatCommandTests
{
    // Block diagonal, in squares of 16, one mask for all: what every format can hold.
    private const string Common = "local(16)";

    public static TheoryData<string> Formats => [.. MaskFormats.Entries.Select(f => f.Name)];

    [Theory]
    [MemberData(nameof(Formats))]
    public void From_this_format_to_every_other_and_back_nothing_changes(string from)
    {
        using var folder = new TempFolder();
        var extent = new MaskExtent(48, 64, 3, 2, PositionAlignment.TopLeft);
        var expected = MaskText.Parse(Common).Bind(extent);
        Convert(Common, from, folder.File("a.npz"), "--seq", "48", "--seq-kv", "64", "--batch-size", "3", "--heads", "2", "--alignment", "top-left");
        foreach (var to in MaskFormats.Entries.Select(f => f.Name))
        {
            Convert(folder.File("a.npz"), to, folder.File("b.npz"));
            Convert(folder.File("b.npz"), from, folder.File("c.npz"));
            foreach (var file in new[] { "b.npz", "c.npz" })
            {
                var stored = Assert.IsType<StoredPattern>(MaskSource.Load(folder.File(file)));
                Assert.Equal(file == "b.npz" ? to : from, stored.Form);
                Assert.Equal(extent, stored.Mask.Extent);
                Assert.Equal(expected.ToDense().Bytes, stored.Mask.ToDense().Bytes);
            }

            Assert.Equal(File.ReadAllBytes(folder.File("a.npz")), File.ReadAllBytes(folder.File("c.npz")));
        }
    }

    [Theory]
    [InlineData("bigbird(band=3,global=5,fill=0.05,seed=4)", "tiles", "stof_blocks", "rows", "row_intervals", "column_intervals", "bits", "dense", "flex", "flashinfer")]
    [InlineData("causal & sliding(20)", "flashmask", "flashinfer_bsr")]
    public void Masks_that_differ_by_item_and_masks_of_ragged_lengths_travel_too(string text, params string[] formats)
    {
        using var folder = new TempFolder();
        var bound = MaskText.Parse(text).Bind(new MaskExtent(70, 90, 2));
        foreach (var from in formats)
        {
            foreach (var to in formats)
            {
                Convert(text, from, folder.File("a.npz"), "--seq", "70", "--seq-kv", "90", "--batch-size", "2", "--tile", "16x24");
                Convert(folder.File("a.npz"), to, folder.File("b.npz"), "--tile", "32x8");
                var mask = Assert.IsType<StoredPattern>(MaskSource.Load(folder.File("b.npz"))).Mask;
                Assert.Equal(bound.ToDense().Bytes, mask.ToDense().Bytes);
                Assert.Equal(bound.Extent, mask.Extent);
            }
        }
    }

    [Theory]
    [InlineData("sliding(3)", "xformers", "tile row 0, tile column 0 of head 0 has allowed and masked pairs")]
    [InlineData("sliding(3)", "cu_seqlens", "blocks on the diagonal")]
    [InlineData("strided(4)", "flashmask", "at most two masked runs a key")]
    [InlineData("stof_cells(fill=0.1,seed=0)", "flashinfer_bsr", "2 batch items and 1 heads that differ")]
    [InlineData("stof_cells(fill=0.1,seed=0)", "xformers", "2 batch items that differ")]
    public void What_a_format_cannot_hold_exits_with_2_and_the_reason(string text, string format, string reason)
    {
        using var folder = new TempFolder();
        var run = StofProcess.Run(
            "mask", "convert", text, "--seq", "64", "--batch-size", "2", "--tile", "16x16", "--to", format, "--out", folder.File("m.npz"));
        Assert.Equal(2, run.ExitCode);
        Assert.StartsWith("error: mask: ", run.Error);
        Assert.Contains(reason, run.Error);
        Assert.False(File.Exists(folder.File("m.npz")));
    }

    [Fact]
    public void Options_reach_the_format_that_knows_them_and_no_other()
    {
        using var folder = new TempFolder();
        Convert("causal", "bits", folder.File("big.npz"), "--seq", "16", "--bit-order", "big");
        Assert.Equal(0x80, NpzArchive.Read(folder.File("big.npz"), "mask_bits").Bytes[0]);
        Convert("causal", "flashmask", folder.File("two.npz"), "--seq", "16", "--causal", "false");
        Assert.Equal("I32[1, 1, 16, 2]", NpzArchive.Read(folder.File("two.npz"), "startend_row_indices").ToString());
        Convert("local(8)", "flashmask", folder.File("no.npz"), "--seq", "16");
        Assert.Contains("none before query 1", Refusal("local(8)", "--seq", "16", "--to", "flashmask", "--causal", "--out", folder.File("x.npz")));
        Assert.Contains(
            "--bit-order: given for rows; expected it with bits or flashinfer only",
            Refusal("causal", "--seq", "16", "--to", "rows", "--bit-order", "big", "--out", folder.File("x.npz")));
        Assert.Contains(
            "--causal: given for tiles; expected it with flashmask or cu_seqlens only",
            Refusal("causal", "--seq", "16", "--to", "tiles", "--causal", "--out", folder.File("x.npz")));
    }

    [Fact]
    public void Stored_masks_are_shown_counted_and_written_as_text()
    {
        using var folder = new TempFolder();
        Convert("causal", "tiles", folder.File("t.npz"), "--seq", "128");
        var (_, shown) = Run("show", folder.File("t.npz"));
        Assert.Contains("stored(tiles,128x128)", shown);
        var counted = JsonDocument.Parse(Run("stats", folder.File("t.npz"), "--json").Output).RootElement;
        Assert.Equal("stored(tiles,128x128)", counted.GetProperty("mask").GetString());
        Assert.Equal(8256, counted.GetProperty("allowed").GetInt64());
        var text = Run("convert", folder.File("t.npz"), "--to", "text").Output.Trim();
        Assert.Equal(new CausalMask().Bind(new MaskExtent(128, 128)).ToDense().Bytes, MaskText.Parse(text).Bind(new MaskExtent(128, 128)).ToDense().Bytes);
        Assert.Contains("expected 64 and 128", Refusal(folder.File("t.npz"), "--seq", "64", "--to", "rows", "--out", folder.File("x.npz")));
    }

    [Fact]
    public void A_dense_mask_among_other_arrays_and_two_formats_in_a_file()
    {
        using var folder = new TempFolder();
        var bound = MaskText.Parse("causal").Bind(new MaskExtent(16, 16));
        NpzArchive.Write(folder.File("some.npz"), [new("mask", bound.ToDense()), new("q", HostTensor.Zeros(DType.F32, 2)), new("extent", HostTensor.Zeros(DType.F32, 2))]);
        Assert.IsType<DenseMask>(MaskSource.Load(folder.File("some.npz")));
        NpzArchive.Write(folder.File("two.npz"), RowLists.Build(bound).ToArrays().Append(new("mask", bound.ToDense())));
        Assert.Contains("'col_idx' of rows beside 'mask' of dense", Assert.Throws<InvalidInputException>(() => MaskSource.Load(folder.File("two.npz"))).Message);
        Assert.IsType<DenseMask>(MaskSource.Load(folder.File("two.npz") + ":mask"));
        NpzArchive.Write(folder.File("damaged.npz"), RowLists.Build(bound).ToArrays().Where(a => a.Key != "row_ptr"));
        Assert.Contains("no array 'row_ptr'", Assert.Throws<InvalidInputException>(() => MaskSource.Load(folder.File("damaged.npz"))).Message);
    }

    [Fact]
    public void The_list_of_formats_names_each_with_its_arrays_and_limits()
    {
        var list = Run("formats").Output;
        Assert.All(MaskFormats.Entries, format =>
        {
            Assert.Contains($"{format.Name}\n    {format.Summary}\n", list.ReplaceLineEndings("\n"));
            Assert.Contains(format.CannotHold.Length == 0 ? "holds every mask" : $"refuses {format.CannotHold}", list);
            Assert.Contains($"arrays {string.Join(", ", format.Arrays)}", list);
        });
    }

    private static void Convert(string mask, string to, string file, params string[] more) =>
        Assert.Equal(0, Run(["convert", mask, "--to", to, "--out", file, .. more.Contains("--tile") ? [] : new[] { "--tile", "16x16" }, .. more]).Code);

    private static string Refusal(params string[] arguments) =>
        Assert.Throws<InvalidInputException>(() => Run(["convert", .. arguments])).Message;

    private static (int Code, string Output) Run(params string[] arguments)
    {
        var (before, errors) = (Console.Out, Console.Error);
        using var output = new StringWriter();
        Console.SetOut(output);
        Console.SetError(TextWriter.Null);
        try
        {
            var code = MaskCommand.Create().Parse(arguments)
                .Invoke(new InvocationConfiguration { EnableDefaultExceptionHandler = false, Output = output, Error = TextWriter.Null });
            return (code, output.ToString());
        }
        finally
        {
            Console.SetOut(before);
            Console.SetError(errors);
        }
    }
}
