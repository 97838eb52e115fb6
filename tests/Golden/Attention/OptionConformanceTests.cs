using System.Diagnostics;
using Stof.Reference.Cpu.Threading;
using Stof.Reference.Masks;
using Stof.Reference.Numerics;
using Stof.Reference.Operators;
using Stof.Reference.Tests;

namespace Stof.Reference.Golden.Tests.Attention;

/// <summary>Every option of a problem alone and with the others, then random problems over all of them.</summary>
public sealed class OptionConformanceTests(ITestOutputHelper output) : IDisposable
{
    private const int Seed = 5150;

    private readonly WorkerPool _pool = new(2);

    /// <summary>Name and change of each option.</summary>
    private static readonly (string Name, Func<AttentionProblem, AttentionProblem> Apply)[] Options =
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
            for (var i = 0; i < Options.Length; i++)
            {
                data.Add(i, Options[i].Name);
            }

            return data;
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _pool.Dispose();

    [Theory]
    [MemberData(nameof(Names))]
    public void Each_option_agrees_alone_and_with_each_other(int option, string name)
    {
        var random = new Random(Seed);
        for (var second = option; second < Options.Length; second++)
        {
            var type = new[] { DType.F32, DType.F16, DType.BF16 }[second % 3];
            var problem = Options[second].Apply(Options[option].Apply(Base(type)));
            var item = Conformance.Of(problem, Seeded.Families[(option + (second / 3)) % 3], random);
            var label = $"seed {Seed}, {name} with {Options[second].Name}";
            foreach (var choice in Conformance.Choices.Skip(second % 2 * 2).Take(4))
            {
                item.Require(choice, 1, _pool, label);
                item.Require(choice, 3, _pool, label);
            }

            item.RequireDetached(_pool, label);
        }
    }

    [Fact]
    public void Twelve_hundred_random_problems_agree_edges_first()
    {
        output.WriteLine($"seed {Seed}");
        var watch = Stopwatch.StartNew();
        for (var trial = 0; trial < 1200; trial++)
        {
            // A seed of its own for each trial, so that one of them can be run again without the others.
            var problem = RandomProblems.Next(Seed + trial, edges: trial < 500);
            var item = Conformance.Of(problem, Seeded.Families[trial % 3], new Random(Seed + trial));
            var label = $"seed {Seed}, trial {trial}";
            item.Require(Conformance.Choices[trial % 7], 1, _pool, label);
            item.Require(Conformance.Choices[(trial + 1) % 7], 1 + (trial % 4), _pool, label);
            item.RequireDetached(_pool, label);
        }

        output.WriteLine($"{watch.Elapsed.TotalSeconds:f1} s");
    }

    private static AttentionProblem Base(DType type) => new()
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
