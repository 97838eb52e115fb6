using Stof.Reference.Masks;
using Stof.Reference.Numerics;
using Stof.Reference.Operators;

namespace Stof.Reference.Tests;

/// <summary>Every option of an attention problem, as changes of a plain one.</summary>
internal static class ProblemOptions
{
    private const int Seed = 5150;

    /// <summary>Name and change of each option.</summary>
    public static IReadOnlyList<(string Name, Func<AttentionProblem, AttentionProblem> Apply)> All { get; } =
    [
        ("plain", p => p),
        ("one KV head", p => p with { KvHeads = 1 }),
        ("as many KV heads", p => p with { KvHeads = 4 }),
        ("wider values", p => p with { ValueHeadSize = 40 }),
        ("narrower values", p => p with { ValueHeadSize = 3 }),
        ("odd sizes", p => p with { HeadSize = 5, ValueHeadSize = 13 }),
        ("scale", p => p with { Scale = 0.7 }),
        ("scale of 0", p => p with { Scale = 0 }),
        ("negative scale", p => p with { Scale = -0.3 }),
        ("cap", p => p with { Softcap = 2 }),
        ("sinks", p => p with { Sinks = [0, -3, 5, 1.5] }),
        ("dense bias of all", p => p with { Bias = Dense(p, 1, 1, DType.F32) }),
        ("dense bias of each", p => p with { Bias = Dense(p, p.Batch, 4, DType.F16) }),
        ("dense bias of items", p => p with { Bias = Dense(p, p.Batch, 1, DType.BF16) }),
        ("ALiBi", p => p with { Bias = AlibiBias.Standard(4) }),
        ("relative bias", p => p with { Bias = new RelativeBias(Seeded.Tensor(new Random(Seed), DType.F32, 8, 4), 16) }),
        ("lengths", p => p with { Lengths = [new(20, 33), new(p.QueryLength, p.KvLength), new(5, 61)] }),
        ("lengths of 0", p => p with { Lengths = [new(0, 0), new(p.QueryLength, 0), new(0, p.KvLength)] }),
        ("top left", p => p with { Alignment = PositionAlignment.TopLeft }),
        ("lengths top left", p => p with { Alignment = PositionAlignment.TopLeft, Lengths = [new(40, 7), new(1, 1), new(7, 40)] }),
        ("length first", p => p with { Layout = AttentionLayout.BatchLengthHeads }),
    ];

    /// <summary>Options by place; xunit shows the name.</summary>
    public static TheoryData<int, string> Names
    {
        get
        {
            var data = new TheoryData<int, string>();
            for (var i = 0; i < All.Count; i++)
            {
                data.Add(i, All[i].Name);
            }

            return data;
        }
    }

    /// <summary>The problem that an option changes: lengths beside tile edges, grouped heads, a mask of every kind of tile.</summary>
    public static AttentionProblem Base(DType type) => new()
    {
        Batch = 3,
        QueryHeads = 4,
        KvHeads = 2,
        QueryLength = 41,
        KvLength = 67,
        HeadSize = 24,
        Type = type,
        Mask = MaskText.Parse("causal & !dilated(width=12,gap=2) | random_blocks(blocks=1,size=8,seed=1)"),
    };

    private static DenseBias Dense(AttentionProblem p, int batch, int heads, DType type) =>
        new(Seeded.Tensor(new Random(Seed), type, batch, heads, p.QueryLength, p.KvLength));
}
