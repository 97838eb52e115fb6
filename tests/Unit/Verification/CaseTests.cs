using Stof.Reference.Masks;
using Stof.Reference.Numerics;
using Stof.Reference.Tensors;
using Stof.Reference.Tests;
using Stof.Reference.Verification.Cases;

namespace Stof.Reference.Unit.Tests.Verification;

public sealed class CaseTests
{
    private const string Whole =
        """{"mask":"causal","alignment":"bottom-right","layout":"bhsd","dtype":"f16","scale":"1/sqrt(d)","softcap":null,"bias":null,"sinks":null,"lengths":null,"lse":"natural"}""";

    [Theory]
    [InlineData("k", "axis 0 (batch)", 3, 2, 20, 8)]
    [InlineData("k", "axis 3 (head size)", 2, 2, 20, 9)]
    [InlineData("v", "axis 1 (heads)", 2, 1, 20, 8)]
    [InlineData("v", "axis 2 (length)", 2, 2, 19, 8)]
    [InlineData("out", "axis 2 (length)", 2, 2, 20, 8)]
    public void A_shape_that_disagrees_is_named_by_its_axis(string name, string axis, int batch, int heads, int length, int size)
    {
        var arrays = Arrays();
        arrays[name] = HostTensor.Zeros(DType.F16, batch, heads, length, size);
        var refusal = Assert.Throws<InvalidInputException>(() => AttentionCase.Create("case", Semantics(), arrays));
        Assert.Contains(axis, refusal.Message, StringComparison.Ordinal);
        Assert.StartsWith($"case, {name}:", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void What_was_never_said_is_asked_for_by_name()
    {
        var arrays = Arrays();
        Refused("no mask", new AttentionSemantics { Alignment = PositionAlignment.TopLeft }, arrays);
        Refused("no alignment for 10 queries and 20 keys", new AttentionSemantics { Mask = new CausalMask() }, arrays);
        Refused("no array 'out'", Semantics(), Without(arrays, "out"));
        Refused("no array 'bias'", Semantics() with { Bias = BiasSource.Array }, arrays);

        // Where lengths agree, or nothing depends on positions, nothing needs to be said.
        AttentionCase.Create("case", new AttentionSemantics { Mask = new FullMask() }, arrays);
    }

    [Fact]
    public void Numbers_stored_wider_are_taken_if_they_are_numbers_of_the_dtype()
    {
        var arrays = Arrays();
        foreach (var name in (string[])["q", "k", "v", "out"])
        {
            arrays[name] = arrays[name].To(DType.F32);
        }

        Assert.Equal(DType.F16, AttentionCase.Create("case", Semantics() with { Type = DType.F16 }, arrays).Output.Type);
        arrays["k"].Span<float>()[5] = 0.1f;
        Refused("0.100000001 at element 5, which is no F16 number", Semantics() with { Type = DType.F16 }, arrays);
        arrays = Arrays();
        arrays["v"] = Seeded.Tensor(new Random(1), DType.F32, 2, 2, 20, 8);
        Refused("case, v: F32", Semantics(), arrays);
    }

    [Fact]
    public void A_problem_file_names_every_semantic_field()
    {
        foreach (var field in (string[])["mask", "alignment", "layout", "dtype", "scale", "softcap", "bias", "sinks", "lengths", "lse"])
        {
            var without = string.Join(",", Whole.Trim('{', '}').Split(',').Where(part => !part.StartsWith($"\"{field}\"", StringComparison.Ordinal)));
            var refusal = Assert.Throws<InvalidInputException>(() => SemanticsJson.Parse("{" + without + "}", "p.json"));
            Assert.Contains($"no \"{field}\"", refusal.Message, StringComparison.Ordinal);
        }

        Assert.Throws<InvalidInputException>(() => SemanticsJson.Parse(Whole.Replace("\"lse\"", "\"lsee\"", StringComparison.Ordinal), "p.json"));
        Assert.Throws<InvalidInputException>(() => SemanticsJson.Parse(Whole.Replace("causal\"", "caussal\"", StringComparison.Ordinal), "p.json"));
        Assert.Throws<InvalidInputException>(() => SemanticsJson.Parse("{", "p.json"));
        Assert.Equal(new CausalMask(), SemanticsJson.Parse(Whole, "p.json").Mask);
    }

    [Fact]
    public void Random_problems_survive_the_problem_file()
    {
        const int Seed = 77;
        for (var trial = 0; trial < 100; trial++)
        {
            var problem = RandomProblems.Next(Seed + trial, edges: true);
            var before = AttentionSemantics.Of(problem);
            var after = SemanticsJson.Parse(SemanticsJson.Print(before).ToJsonString(), "p.json");
            Assert.Equal($"{SemanticsJson.Print(before)}", $"{SemanticsJson.Print(after)}");
            Assert.Equal(before.Shape, after.Shape);
            Assert.True(before.Lengths is null == after.Lengths is null, $"seed {Seed + trial}");
        }
    }

    private static AttentionSemantics Semantics() => new() { Mask = new CausalMask(), Alignment = PositionAlignment.BottomRight };

    private static Dictionary<string, HostTensor> Arrays()
    {
        var random = new Random(4);
        return new Dictionary<string, HostTensor>
        {
            ["q"] = Seeded.Tensor(random, DType.F16, 2, 2, 10, 8),
            ["k"] = Seeded.Tensor(random, DType.F16, 2, 2, 20, 8),
            ["v"] = Seeded.Tensor(random, DType.F16, 2, 2, 20, 8),
            ["out"] = HostTensor.Zeros(DType.F16, 2, 2, 10, 8),
        };
    }

    private static Dictionary<string, HostTensor> Without(Dictionary<string, HostTensor> arrays, string name) =>
        arrays.Where(pair => pair.Key != name).ToDictionary();

    private static void Refused(string text, AttentionSemantics semantics, Dictionary<string, HostTensor> arrays) =>
        Assert.Contains(text, Assert.Throws<InvalidInputException>(() => AttentionCase.Create("case", semantics, arrays)).Message, StringComparison.Ordinal);
}
