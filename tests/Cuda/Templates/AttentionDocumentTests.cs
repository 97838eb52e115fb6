using System.Text.RegularExpressions;
using Stof.Reference.Cuda.Ptx;
using Stof.Reference.Cuda.Templates;
using Stof.Reference.Numerics;
using Stof.Reference.Tests;

namespace Stof.Reference.Cuda.Tests.Templates;

/// <summary>What docs/attention-kernel.md quotes stands in the source, and each kernel's text at one configuration is the committed one.</summary>
public sealed partial class AttentionDocumentTests
{
    [Fact]
    public void Quotations_stand_in_the_source()
    {
        var sources = new[] { "BlockwiseAttention.cs", "FragmentState.cs" }
            .Select(file => File.ReadAllText(Path.Combine(TestData.RepositoryRoot, "src", "Cuda", "Templates", file)).ReplaceLineEndings("\n"))
            .ToArray();
        var quotations = Quotation().Matches(File.ReadAllText(Path.Combine(TestData.RepositoryRoot, "docs", "attention-kernel.md")).ReplaceLineEndings("\n"));
        Assert.NotEmpty(quotations);
        Assert.All(quotations, quotation => Assert.Contains(sources, source => source.Contains(quotation.Groups[1].Value, StringComparison.Ordinal)));
    }

    [Fact]
    public void Blockwise_text() => GoldenFile.Verify(
        BlockwiseAttention.Build(new BlockwiseAttentionSpec(DType.F16, 16, 16) { QueryTile = 16, KeyTile = 32 }, Target.Sm80).ToPtx(), "ptx");

    [Fact]
    public void Exact_text() => GoldenFile.Verify(
        FmaAttention.Build(new BlockwiseAttentionSpec(DType.F32, 8, 8) { QueryTile = 16, KeyTile = 32 }, Target.Sm80).ToPtx(), "ptx");

    [Fact]
    public void Rowwise_text() => GoldenFile.Verify(RowwiseAttention.Build(new RowwiseAttentionSpec(DType.F16, 16, 16), Target.Sm80).ToPtx(), "ptx");

    [Fact]
    public void Merge_text() => GoldenFile.Verify(
        SplitMerge.Build(new SplitMergeSpec(DType.F16, 16, HasSinks: false, StoresLogSumExp: false), Target.Sm80).ToPtx(), "ptx");

    [GeneratedRegex("```csharp\n(.*?)```", RegexOptions.Singleline)]
    private static partial Regex Quotation();
}
