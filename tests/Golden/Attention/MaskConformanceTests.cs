using Stof.Reference.Cpu.Threading;
using Stof.Reference.Formats;
using Stof.Reference.Masks;
using Stof.Reference.Numerics;
using Stof.Reference.Operators;
using Stof.Reference.Tensors;
using Stof.Reference.Tests;

namespace Stof.Reference.Golden.Tests.Attention;

/// <summary>Every pattern, on extents around tile edges, through every kernel, in every dtype and family of inputs.</summary>
public sealed class MaskConformanceTests : IDisposable
{
    private const int Seed = 2026;

    private static readonly DType[] Types = [DType.F32, DType.F16, DType.BF16];

    private readonly WorkerPool _pool = new(2);

    /// <summary>Every example of the catalogue that fits any extent, and compositions.</summary>
    public static TheoryData<string> Texts =>
    [
        .. MaskExamples.All,
        "causal & sliding(9)",
        "!causal",
        "!full | local(5)",
        "longformer(band=2,global=3) & !(dilated(width=20,gap=1) | prefix(4))",
        "bigbird(band=3,global=5,fill=0.05,seed=3) & causal",
        "!(sliding(40) | stof_cells(fill=0.2,seed=9))",
        "sliding(70) & !sliding(60)",
        "local(16) & strided(3) | random_blocks(blocks=1,size=8,seed=2) & !prefix(30)",
    ];

    /// <summary>One token, one query, one key, ragged around edges of 8, 16 and 64, more keys than queries and the reverse.</summary>
    private static readonly (int Batch, int Queries, int Keys, PositionAlignment Alignment)[] Extents =
    [
        (1, 1, 1, PositionAlignment.BottomRight),
        (2, 1, 130, PositionAlignment.BottomRight),
        (1, 130, 1, PositionAlignment.TopLeft),
        (2, 63, 63, PositionAlignment.BottomRight),
        (1, 65, 65, PositionAlignment.TopLeft),
        (2, 17, 127, PositionAlignment.BottomRight),
        (2, 33, 96, PositionAlignment.TopLeft),
        (1, 129, 40, PositionAlignment.BottomRight),
        (1, 100, 31, PositionAlignment.TopLeft),
        (2, 8, 16, PositionAlignment.BottomRight),
    ];

    /// <inheritdoc/>
    public void Dispose() => _pool.Dispose();

    [Theory]
    [MemberData(nameof(Texts))]
    public void Every_pattern_agrees_with_the_oracle(string text)
    {
        var mask = MaskText.Parse(text);
        for (var i = 0; i < Extents.Length; i++)
        {
            var (batch, queries, keys, alignment) = Extents[i];
            foreach (var type in Types)
            {
                // Over the extents each dtype meets each family; over the dtypes each extent meets each family.
                var item = Case(batch, queries, keys, type, (i + (int)type) % 3, mask, alignment);
                foreach (var choice in Conformance.Choices)
                {
                    item.Require(choice, 1, _pool, $"seed {Seed}");
                }

                item.Require(Conformance.Choices[i % 2], 3, _pool, $"seed {Seed}");
                item.Require(Conformance.Choices[2 + (i % 4)], 3, _pool, $"seed {Seed}");
                item.RequireDetached(_pool, $"seed {Seed}");
            }
        }
    }

    [Theory]
    [InlineData(false, false)]
    [InlineData(true, false)]
    [InlineData(false, true)]
    [InlineData(true, true)]
    public void Dense_masks_that_differ_by_batch_item_and_head_agree(bool byBatch, bool byHead)
    {
        var random = new Random(Seed);
        foreach (var density in new[] { 0.01, 0.2, 0.9 })
        {
            foreach (var type in Types)
            {
                var mask = Dense(random, byBatch ? 2 : 1, byHead ? 4 : 1, 70, 90, (_, _, _) => random.NextDouble() < density);
                RequireOnAll(Case(2, 70, 90, type, (int)type % 3, mask, PositionAlignment.BottomRight));
            }
        }
    }

    [Fact]
    public void Gaps_between_listed_tiles_and_rows_without_keys_agree()
    {
        var random = new Random(Seed);
        foreach (var family in Enumerable.Range(0, 3))
        {
            foreach (var type in Types)
            {
                // Columns of 16 in which nothing is listed alternate with listed ones; every fifth row and a whole tile row are empty.
                var mask = Dense(
                    random, 2, 1, 100, 130, (q, k, item) => q % 5 != 0 && q / 16 != 2 && k / 16 % 2 == item && (q / 16 + (k / 16)) % 3 != 0);
                var stored = BlockMaskBuilder.Build(mask, new MaskExtent(100, 130, 2, 2), new TileShape(16, 16));
                Assert.Contains(Enumerable.Range(1, stored.LoadColIdx.Length - 1), i => stored.LoadColIdx[i] > stored.LoadColIdx[i - 1] + 1);
                RequireOnAll(Case(2, 100, 130, type, family, mask, PositionAlignment.BottomRight));
            }
        }
    }

    /// <summary>Four query heads on two KV heads: a pattern belongs to a query head, also where two of them share keys and values.</summary>
    [Fact]
    public void Patterns_for_each_query_head_agree_under_grouped_queries()
    {
        foreach (var text in new[] { "heads([causal,sliding(5),empty,full])", "batch([heads([strided(3),causal,causal,full]),head_switch(1+0+0+1) & prefix(9)])" })
        {
            foreach (var type in Types)
            {
                var item = Case(2, 50, 83, type, (int)type % 3, MaskText.Parse(text), PositionAlignment.BottomRight, kvHeads: 2);
                Assert.Equal((4, 2), (item.Problem.QueryHeads, item.Problem.KvHeads));
                RequireOnAll(item);
            }
        }
    }

    private static DenseMask Dense(Random random, int batch, int heads, int queries, int keys, Func<int, int, int, bool> allows)
    {
        var bits = HostTensor.Zeros(DType.Bool, batch, heads, queries, keys);
        for (var i = 0; i < bits.Count; i++)
        {
            var (key, query, item) = (i % keys, i / keys % queries, i / keys / queries / heads);
            bits.Bytes[i] = (byte)(allows(query, key, item) && random.Next(8) != 0 ? 1 : 0);
        }

        return DenseMask.From(bits);
    }

    private static Conformance Case(
        int batch, int queries, int keys, DType type, int family, MaskPattern mask, PositionAlignment alignment, int kvHeads = 1)
    {
        // What the mask demands of its extent goes first.
        var extent = mask.Demand.Apply(new MaskExtent(queries, keys, batch, 2, alignment));
        var problem = new AttentionProblem
        {
            Batch = extent.Batch,
            QueryHeads = extent.Heads,
            KvHeads = kvHeads,
            QueryLength = extent.QueryLength,
            KvLength = extent.KeyLength,
            HeadSize = 16,
            Type = type,
            Mask = mask,
            Alignment = alignment,
        };
        return Conformance.Of(problem, Seeded.Families[family], new Random(Seed + (queries * 1000) + keys));
    }

    private void RequireOnAll(Conformance item)
    {
        foreach (var choice in Conformance.Choices)
        {
            item.Require(choice, 1, _pool, $"seed {Seed}");
            item.Require(choice, 3, _pool, $"seed {Seed}");
        }

        item.RequireDetached(_pool, $"seed {Seed}");
    }
}
