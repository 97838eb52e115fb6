using Stof.Reference.Masks;

namespace Stof.Reference.Unit.Tests.Masks;

public sealed class MaskJsonTests
{
    [Theory]
    [InlineData("sliding(64)", """{"mask":"sliding","width":64}""")]
    [InlineData("causal & sliding(64)", """{"and":[{"mask":"causal"},{"mask":"sliding","width":64}]}""")]
    [InlineData("causal | full | empty", """{"or":[{"mask":"causal"},{"mask":"full"},{"mask":"empty"}]}""")]
    [InlineData("causal | (full | empty)", """{"or":[{"mask":"causal"},{"or":[{"mask":"full"},{"mask":"empty"}]}]}""")]
    [InlineData("!causal", """{"not":{"mask":"causal"}}""")]
    [InlineData("bigbird(32,32,0.1,0)", """{"mask":"bigbird","band":32,"global":32,"fill":0.1,"seed":0}""")]
    [InlineData("dense(4x4,AQMHDw)", """{"mask":"dense","shape":"4x4","bits":"AQMHDw"}""")]
    [InlineData("shift(of=causal | full,keys=-1)", """{"mask":"shift","of":{"or":[{"mask":"causal"},{"mask":"full"}]},"keys":-1}""")]
    [InlineData("heads([causal,transpose(full)])", """{"mask":"heads","of":[{"mask":"causal"},{"mask":"transpose","of":{"mask":"full"}}]}""")]
    [InlineData("batch(of=[causal],items=3)", """{"mask":"batch","of":[{"mask":"causal"}],"items":"3"}""")]
    public void The_form_is_stable(string text, string json)
    {
        Assert.Equal(json, MaskJson.Print(MaskText.Parse(text)));
        Assert.Equal(MaskText.Parse(text), MaskJson.Parse(json));
    }

    [Theory]
    [InlineData("", "valid JSON")]
    [InlineData("{", "valid JSON")]
    [InlineData("\uFEFF{\"mask\":\"full\"}", "valid JSON")]
    [InlineData("""{"mask":"full"} x""", "valid JSON")]
    [InlineData("""{"mask":"full",}""", "valid JSON")]
    [InlineData("""{"mask":"sliding","width":NaN}""", "valid JSON")]
    [InlineData("""{"mask":"bigbird","band":1,"global":1,"fill":Infinity}""", "valid JSON")]
    [InlineData("""{"mask":"bigbird","band":1,"global":1,"fill":1e999}""", "$.fill: 1e999; expected a finite number")]
    [InlineData("""{"mask":"bigbird","band":1,"global":1,"fill":"0.1"}""", "a finite number")]
    [InlineData("[]", "mask JSON $: array; expected an object")]
    [InlineData("{}", "one of mask, and, or, not")]
    [InlineData("""{"mask":"foo"}""", "unknown pattern 'foo'")]
    [InlineData("""{"mask":"Full"}""", "unknown pattern 'Full'")]
    [InlineData("""{"mask":1}""", "$.mask: number")]
    [InlineData("""{"mask":"full","width":1}""", "unknown field 'width'")]
    [InlineData("""{"mask":"sliding"}""", "no 'width'")]
    [InlineData("""{"mask":"sliding","width":1,"width":1}""", "field 'width' given twice")]
    [InlineData("""{"mask":"sliding","width":1.5}""", "$.width: 1.5; expected a whole number")]
    [InlineData("""{"mask":"sliding","width":2147483648}""", "a whole number of 32 bits")]
    [InlineData("""{"mask":"sliding","width":-1}""", "sliding width: -1")]
    [InlineData("""{"mask":"longformer","band":1,"global":1,"second":1}""", "$.second: number; expected a string")]
    [InlineData("""{"mask":"full","\ud800":1}""", "valid Unicode")]
    [InlineData("""{"mask":"\ud800"}""", "valid Unicode")]
    [InlineData("""{"and":[{"mask":"full"}]}""", "$.and: array; expected an array of two or more")]
    [InlineData("""{"and":{"mask":"full"}}""", "$.and: object")]
    [InlineData("""{"and":[{"mask":"full"},{"mask":"nope"}]}""", "nope")]
    [InlineData("""{"or":[{"mask":"full"},{"not":3}]}""", "mask JSON $.or[1].not: number")]
    [InlineData("""{"not":{"mask":"full"},"or":[]}""", "'or' alone")]
    [InlineData("""{"not":{"mask":"full"},"comment":1}""", "unknown field 'comment'")]
    [InlineData("""{"mask":"heads","of":[]}""", "$.of: array; expected an array of one or more patterns")]
    [InlineData("""{"mask":"heads","of":{"mask":"causal"}}""", "$.of: object; expected an array of one or more patterns")]
    [InlineData("""{"mask":"heads","of":[{"mask":"causal"},3]}""", "mask JSON $.of[1]: number; expected an object")]
    [InlineData("""{"mask":"heads","of":[{"mask":"causal"},{"mask":"caual"}]}""", "mask JSON $.of[1].mask: unknown pattern 'caual'; expected one of")]
    [InlineData("""{"mask":"heads","of":[{"mask":"shift","of":{"mask":"local","block":"x"}}]}""", "$.of[0].of.block: \"x\"; expected a whole number")]
    [InlineData("""{"and":[{"mask":"full"},{"mask":"transpose","of":[{"mask":"full"}]}]}""", "$.and[1].of: array; expected an object")]
    [InlineData("""{"mask":"batch","of":[{"mask":"full"}],"items":1}""", "$.items: number; expected a string")]
    public void Bad_documents_are_refused_with_their_place(string json, string part)
    {
        var message = Assert.Throws<InvalidInputException>(() => MaskJson.Parse(json)).Message;
        Assert.Contains(part, message);
        Assert.DoesNotContain('\n', message);
    }

    [Fact]
    public void Depth_and_size_are_bounded()
    {
        var deep = string.Concat(Enumerable.Repeat("""{"not":""", 10_000)) + """{"mask":"full"}""" + new string('}', 10_000);
        Assert.Contains("depth", Assert.Throws<InvalidInputException>(() => MaskJson.Parse(deep)).Message);
        var wide = $$"""{"and":[{{string.Join(',', Enumerable.Repeat("""{"mask":"full"}""", 5000))}}]}""";
        Assert.Contains("at most 1000", Assert.Throws<InvalidInputException>(() => MaskJson.Parse(wide)).Message);
    }

    [Fact]
    public void Any_prefix_of_a_document_is_refused_as_bad_input()
    {
        var json = MaskJson.Print(MaskText.Parse("!(bigbird(32,32) | causal) & longformer(1,2,half)"));
        for (var length = 0; length < json.Length; length++)
        {
            Assert.Throws<InvalidInputException>(() => MaskJson.Parse(json[..length]));
        }
    }

    [Fact]
    public void A_pattern_defined_in_code_has_no_JSON()
    {
        Assert.Contains("PredicateMask", Assert.Throws<InvalidInputException>(() => MaskJson.Print(new CausalMask() & new PredicateMask("mine", (_, _, _, _) => true))).Message);
    }
}
