using Stof.Reference.Masks;

namespace Stof.Reference.Unit.Tests.Masks;

public sealed class MaskTextTests
{
    [Theory]
    [InlineData("causal & sliding(64)", "causal & sliding(64)")]
    [InlineData("longformer(32,32)", "longformer(band=32,global=32)")]
    [InlineData("longformer( band = 32 , global=32 )", "longformer(band=32,global=32)")]
    [InlineData("longformer(global=1,band=2)", "longformer(band=2,global=1)")]
    [InlineData("longformer(4,4,half)", "longformer(band=4,global=4,second=half)")]
    [InlineData("longformer(4,4,second=none)", "longformer(band=4,global=4)")]
    [InlineData("bigbird(32,32)", "bigbird(band=32,global=32,fill=0.1,seed=0)")]
    [InlineData("bigbird(32,32,1e-3)", "bigbird(band=32,global=32,fill=0.001,seed=0)")]
    [InlineData("bigbird(1,2,kind=blocks)", "bigbird(band=1,global=2,kind=blocks,blocks=3,size=64,seed=0)")]
    [InlineData("full()", "full")]
    [InlineData("window(left=3)", "window(3)")]
    [InlineData("window(right=3)", "window(right=3)")]
    [InlineData("tree(parents=-1+0)", "tree(-1+0)")]
    [InlineData("bottleneck(3+4,2,11)", "bottleneck(modalities=3+4,bottleneck=2)")]
    [InlineData("bottleneck(3+4,2,11+11)", "bottleneck(modalities=3+4,bottleneck=2,present=11+11)")]
    [InlineData("heads(of=[ causal , (full|empty)&causal ])", "heads([causal,(full | empty) & causal])")]
    [InlineData("shift(causal|full,1,0)", "shift(of=causal | full,queries=1)")]
    [InlineData("shift(!(causal&full))", "shift(!(causal & full))")]
    [InlineData("restrict(full,0,2147483647,1)", "restrict(of=full,key_start=1)")]
    [InlineData("batch([causal,full],1+1)", "batch([causal,full])")]
    [InlineData("align(causal,top-left)", "align(of=causal,to=top-left)")]
    [InlineData("((causal))", "causal")]
    [InlineData("!!causal", "!!causal")]
    [InlineData("!(causal|full)&empty", "!(causal | full) & empty")]
    [InlineData("causal|full&empty", "causal | full & empty")]
    [InlineData("(causal|full)&empty", "(causal | full) & empty")]
    [InlineData("causal&(full&empty)", "causal & (full & empty)")]
    [InlineData("causal|(full|empty)", "causal | (full | empty)")]
    [InlineData("\tcausal\n&full", "causal & full")]
    public void Texts_parse_and_print_in_the_canonical_form(string text, string canonical)
    {
        Assert.Equal(canonical, MaskText.Parse(text).ToString());
    }

    [Fact]
    public void Not_binds_tighter_than_and_and_and_tighter_than_or()
    {
        var (a, b, c) = ((MaskPattern)new CausalMask(), new SlidingMask(1), new SlidingMask(2));
        Assert.Equal(a | (!b & c), MaskText.Parse("causal | !sliding(1) & sliding(2)"));
        Assert.Equal(a & b & c, MaskText.Parse("causal & sliding(1) & sliding(2)"));
        Assert.NotEqual(a & (b & c), MaskText.Parse("causal & sliding(1) & sliding(2)"));
    }

    [Theory]
    [InlineData("", 1, "the end", "a pattern name")]
    [InlineData("  ", 3, "the end", "a pattern name")]
    [InlineData("foo", 1, "unknown pattern 'foo'", "sliding")]
    [InlineData("causal &", 9, "the end", "a pattern name")]
    [InlineData("causal causal", 8, "'c'", "'&', '|' or the end")]
    [InlineData("(causal", 8, "the end", "')'")]
    [InlineData("causal)", 7, "')'", "'&', '|' or the end")]
    [InlineData("sliding(x)", 9, "width=x", "whole number")]
    [InlineData("sliding(1.5)", 9, "width=1.5", "whole number")]
    [InlineData("sliding(2147483648)", 9, "width=2147483648", "whole number")]
    [InlineData("sliding(1,2)", 11, "one argument too many", "sliding(width)")]
    [InlineData("sliding(wide=1)", 9, "unknown parameter 'wide'", "sliding(width)")]
    [InlineData("sliding(width=1,width=2)", 23, "'width' given twice", "once")]
    [InlineData("longformer(band=1,2)", 19, "'2' without a name", "longformer(band,global[,second])")]
    [InlineData("longformer(band=1,", 19, "the end", "an argument")]
    [InlineData("bigbird(1,1,nan)", 13, "fill=nan", "a finite number")]
    [InlineData("bigbird(1,1,1e999)", 13, "fill=1e999", "a finite number")]
    [InlineData("bigbird(1,1,Infinity)", 13, "fill=Infinity", "a finite number")]
    [InlineData("causal ^ full", 8, "'^'", "'&'")]
    [InlineData("causal\u0007", 7, "'\\u0007'", "'&'")]
    [InlineData("heads(causal)", 7, "'c'", "'['")]
    [InlineData("heads([])", 8, "']'", "a pattern name")]
    [InlineData("heads([causal,])", 15, "']'", "a pattern name")]
    [InlineData("heads([causal,full)", 19, "')'", "']'")]
    [InlineData("heads([causal,full]", 20, "the end", "')'")]
    [InlineData("heads([causal full])", 15, "'f'", "']'")]
    [InlineData("heads([causal,shift(of=heads([local(x)]))])", 37, "block=x", "whole number")]
    [InlineData("heads([causal,shift(of=(local(2),keys=1)])", 33, "','", "')'")]
    [InlineData("heads([causal,caual])", 15, "unknown pattern 'caual'", "causal")]
    [InlineData("heads([full],2)", 14, "one argument too many, '2'", "heads(of)")]
    [InlineData("shift(of=,keys=1)", 10, "','", "a pattern name")]
    [InlineData("shift(of=causal", 16, "the end", "')'")]
    [InlineData("transpose([causal])", 11, "'['", "a pattern name")]
    [InlineData("batch(of=[causal],items=[1])", 25, "'['", "a value of 'items'")]
    public void Errors_give_the_column_what_was_found_and_what_was_expected(string text, int column, string found, string expected)
    {
        var message = Assert.Throws<InvalidInputException>(() => MaskText.Parse(text)).Message;
        Assert.Contains($"column {column}:", message);
        Assert.Contains(found, message);
        Assert.Contains(expected, message);
        Assert.DoesNotContain('\n', message);
    }

    [Theory]
    [InlineData("sliding(-1)", "sliding width: -1; expected 0 or more")]
    [InlineData("dilated(1,-1)", "dilated gap: -1; expected 0 or more")]
    [InlineData("longformer(-1,0)", "longformer band: -1; expected 0 or more")]
    [InlineData("longformer(0,-1)", "longformer global: -1; expected 0 or more")]
    [InlineData("longformer(0,0,third)", "mask longformer: second=third; expected none or half")]
    [InlineData("longformer(0)", "mask longformer: no 'global'; expected longformer(band,global[,second])")]
    [InlineData("sliding", "mask sliding: no 'width'; expected sliding(width)")]
    [InlineData("bigbird(1,1,1.5)", "stof_cells fill: 1.5; expected 0 to 1")]
    [InlineData("bigbird(1,1,-0.1)", "stof_cells fill: -0.1; expected 0 to 1")]
    [InlineData("bigbird(1,1,0.1,-1)", "stof_cells seed: -1; expected 0 or more")]
    [InlineData("bigbird(1,1,0.1,kind=blocks)", "mask bigbird: 'fill' beside kind=blocks; expected one or the other")]
    [InlineData("bigbird(1,1,blocks=2)", "mask bigbird: 'blocks' beside kind=stof; expected one or the other")]
    [InlineData("bigbird(1,1,kind=other)", "mask bigbird: kind=other; expected stof or blocks")]
    [InlineData("random_blocks(1,0)", "random_blocks size: 0; expected 1 or more")]
    [InlineData("strided(0)", "strided stride: 0; expected 1 or more")]
    [InlineData("fixed(4,5)", "fixed summary: 5; expected 0 to the block of 4")]
    [InlineData("local(0)", "local block: 0; expected 1 or more")]
    [InlineData("prefix(-1)", "prefix length: -1; expected 0 or more")]
    [InlineData("documents(3+-1)", "documents length 1: -1; expected 0 or more")]
    [InlineData("documents(3+)", "mask documents: lengths=3+; expected whole numbers joined by +, such as 20+5+40")]
    [InlineData("documents(2147483647+1)", "documents lengths: a sum of 2147483648; expected at most 2147483647")]
    [InlineData("window(-1)", "window left: -1; expected 0 or more")]
    [InlineData("window(right=-1)", "window right: -1; expected 0 or more")]
    [InlineData("streaming(-1,2)", "streaming sinks: -1; expected 0 or more")]
    [InlineData("streaming(1,-2)", "streaming window: -2; expected 0 or more")]
    [InlineData("block_prefix(-1,2)", "block_prefix prefix: -1; expected 0 or more")]
    [InlineData("block_prefix(1,0)", "block_prefix block: 0; expected 1 or more")]
    [InlineData("tree(0)", "tree parent of node 0: 0, the node itself; expected -1 for a root, or another node of 0 to 0")]
    [InlineData("tree(-1+0+3)", "tree parent of node 2: 3; expected -1 for a root, or another node of 0 to 2")]
    [InlineData("tree(-1+-2)", "tree parent of node 1: -2; expected -1 for a root, or another node of 0 to 1")]
    [InlineData("tree(-1+2+3+1)", "tree parent of node 3: 1, which descends from node 3; expected no circle of parents")]
    [InlineData("bottleneck(3+-1,2)", "bottleneck modality 1: -1; expected 0 or more")]
    [InlineData("bottleneck(3,-2)", "bottleneck bottleneck: -2; expected 0 or more")]
    [InlineData("bottleneck(2147483647,1)", "bottleneck lengths: a sum of 2147483648; expected at most 2147483647")]
    [InlineData(
        "bottleneck(3+4,1,11+1)",
        "bottleneck present: '1'; expected 2 digits 0 or 1, one a modality, for one batch item or joined by + for each")]
    [InlineData(
        "bottleneck(3+4,1,12)",
        "bottleneck present: '12'; expected 2 digits 0 or 1, one a modality, for one batch item or joined by + for each")]
    [InlineData("groups(0)", "groups size: 0; expected 1 or more")]
    [InlineData("groups(2,0+2+2)", "groups order: position 2 twice; expected each position of 0 to 2 once")]
    [InlineData("groups(2,0+3+1)", "groups order: position 3 at rank 1; expected each position of 0 to 2 once")]
    [InlineData("groups(2,-1+0)", "groups order: position -1 at rank 0; expected each position of 0 to 1 once")]
    [InlineData("head_switch(1+2)", "head_switch head 1: 2; expected 1 or 0")]
    [InlineData("restrict(full,-1)", "restrict query_start: -1; expected 0 or more")]
    [InlineData("restrict(full,query_start=4,query_end=3)", "restrict query_end: 3; expected 4 or more")]
    [InlineData("restrict(full,key_start=4,key_end=3)", "restrict key_end: 3; expected 4 or more")]
    [InlineData("align(full,left)", "mask align: to=left; expected top-left or bottom-right")]
    [InlineData("align(full)", "mask align: no 'to'; expected align(of,to)")]
    [InlineData("batch([full,full],1)", "batch items: 1 numbers; expected one for each of 2 patterns")]
    [InlineData("batch([full,full],1+0)", "batch items of pattern 1: 0; expected 1 or more")]
    [InlineData("batch([full,full],2147483647+1)", "batch items: a sum of 2147483648; expected at most 2147483647")]
    [InlineData("dense(4,AA)", "mask dense: shape=4; expected 2 or 4 whole numbers joined by x")]
    [InlineData("dense(0x1x4x4,AA)", "dense shape: [0, 1, 4, 4]; expected 1 or more batch items and heads")]
    [InlineData("dense(4x4,AAAA)", "dense bits: 3 bytes; expected 4 for shape [1, 1, 4, 4]")]
    [InlineData("dense(1x4,EA)", "dense bits: a bit past key 3 in row 0; expected zeros there")]
    [InlineData("dense(1x4,E.)", "mask dense bits: characters that are not base64url; expected A-Z, a-z, 0-9, - and _")]
    [InlineData("neighbourhood(0,4,1)", "neighbourhood height: 0; expected 1 or more")]
    [InlineData("neighbourhood(4,0,1)", "neighbourhood width: 0; expected 1 or more")]
    [InlineData("neighbourhood(4,4,-1)", "neighbourhood radius: -1; expected 0 or more")]
    [InlineData("neighbourhood(4,4,1,wrap)", "mask neighbourhood: edge=wrap; expected clip or shift")]
    [InlineData("neighbourhood(9,4,2,shift)", "neighbourhood radius: 2, a window of 5; expected at most 1: edge=shift needs 2·radius + 1 rows and columns")]
    [InlineData("dilated_2d(0,4,1,1)", "dilated_2d height: 0; expected 1 or more")]
    [InlineData("dilated_2d(4,-4,1,1)", "dilated_2d width: -4; expected 1 or more")]
    [InlineData("dilated_2d(4,4,-1,1)", "dilated_2d radius: -1; expected 0 or more")]
    [InlineData("dilated_2d(4,4,1,-1)", "dilated_2d gap: -1; expected 0 or more")]
    [InlineData("swin(0,4,2)", "swin height: 0; expected 1 or more")]
    [InlineData("swin(4,0,2)", "swin width: 0; expected 1 or more")]
    [InlineData("swin(4,4,0)", "swin window: 0; expected 1 or more")]
    [InlineData("swin(4,4,2,2)", "swin shift: 2; expected 0 to 1, less than the window")]
    [InlineData("swin(4,4,2,-1)", "swin shift: -1; expected 0 to 1, less than the window")]
    [InlineData("token_topk(-1,4x4)", "token_topk top: -1; expected 0 or more")]
    [InlineData("token_topk(1,4,AA)", "mask token_topk: shape=4; expected 2 or 4 whole numbers joined by x")]
    [InlineData("token_topk(1,0x1x1x4,AA)", "mask token_topk selected: 1 bytes; expected 0, four for each of 0 numbers")]
    [InlineData("token_topk(1,0x1x1x4)", "token_topk shape: [0, 1, 1, 4]; expected 1 or more batch items and heads")]
    [InlineData("token_topk(1,1x4)", "token_topk selected: 0 indices; expected 1: 1 for each of 1x1x1 rows")]
    [InlineData("token_topk(1,1x4,AAA)", "mask token_topk selected: 2 bytes; expected 4, four for each of 1 numbers")]
    [InlineData("token_topk(1,1x4,BAAAAA)", "token_topk selected[0, 0, 0, 0]: 4; expected -1 to 3")]
    [InlineData("token_topk(1,1x4,_v___w)", "token_topk selected[0, 0, 0, 0]: -2; expected -1 to 3")]
    [InlineData("token_topk(2,1x4,AQAAAAAAAAA)", "token_topk selected[0, 0, 0, 1]: 0 after 1; expected indices that ascend without repetition, then -1 where there are fewer")]
    [InlineData("token_topk(2,1x4,AQAAAAEAAAA)", "token_topk selected[0, 0, 0, 1]: 1 after 1; expected indices that ascend without repetition, then -1 where there are fewer")]
    [InlineData("token_topk(2,1x4,_____wEAAAA)", "token_topk selected[0, 0, 0, 1]: 1 after -1; expected indices that ascend without repetition, then -1 where there are fewer")]
    [InlineData("token_topk(2147483647,99x4)", "token_topk selected: 2147483647 for each of 1x1x99 rows; expected fewer than 2 GiB of indices")]
    [InlineData("block_topk(0,1,1,0,4x4)", "block_topk block: 0; expected 1 or more")]
    [InlineData("block_topk(1,-1,1,0,4x4)", "block_topk init: -1; expected 0 or more")]
    [InlineData("block_topk(1,1,-1,0,4x4)", "block_topk local: -1; expected 0 or more")]
    [InlineData("block_topk(1,1,1,-2,4x4)", "block_topk top: -2; expected 0 or more")]
    [InlineData("block_topk(3,1,1,1,1x4,AgAAAA)", "block_topk selected[0, 0, 0, 0]: 2; expected -1 to 1")]
    [InlineData("discard(2x4,AA)", "mask discard: shape=2x4; expected 1 or 3 whole numbers joined by x")]
    [InlineData("discard(1x0x4)", "discard shape: [1, 0, 4]; expected 1 or more batch items and heads")]
    [InlineData("discard(1)", "discard until: 0 numbers; expected 1 for shape [1, 1, 1]")]
    [InlineData("discard(2,AAAAAP____8)", "discard until[0, 0, 1]: -1; expected 0 or more")]
    [InlineData("discard(2147483647)", "discard shape: [1, 1, 2147483647]; expected fewer than 2 GiB of numbers")]
    public void Values_out_of_range_are_refused_in_one_line(string text, string message)
    {
        Assert.Equal(message, Assert.Throws<InvalidInputException>(() => MaskText.Parse(text)).Message);
    }

    [Fact]
    public void Nesting_and_size_are_bounded()
    {
        Assert.NotNull(MaskText.Parse(new string('!', 99) + "full"));
        Assert.Throws<InvalidInputException>(() => MaskText.Parse(new string('!', 100) + "full"));
        Assert.Throws<InvalidInputException>(() => MaskText.Parse(new string('(', 100_000)));
        Assert.Throws<InvalidInputException>(() => MaskText.Parse(string.Join('&', Enumerable.Repeat("full", 100_000))));
        var chain = MaskText.Parse(string.Join('|', Enumerable.Repeat("causal", 500)));
        Assert.Equal(chain, MaskText.Parse(chain.ToString()));
        Assert.Equal(chain, MaskJson.Parse(MaskJson.Print(chain)));
        Assert.True(chain.Bind(new MaskExtent(4, 4)).Allows(0, 0, 3, 0));
        var deep = MaskText.Parse(string.Concat(Enumerable.Repeat("full&(", 98)) + "causal" + new string(')', 98));
        Assert.Equal(deep, MaskJson.Parse(MaskJson.Print(deep)));
    }

    [Fact]
    public void Any_prefix_of_a_text_parses_or_is_refused_as_bad_input()
    {
        const string Text = "!(bigbird(band=32,global=32,fill=0.1,seed=0) | dense(shape=4x4,bits=AQMHDw)) & longformer(1,2,second=half)";
        for (var length = 0; length < Text.Length; length++)
        {
            var prefix = Text[..length];
            if (Record.Exception(() => MaskText.Parse(prefix)) is { } exception)
            {
                Assert.IsType<InvalidInputException>(exception);
            }
        }
    }
}
