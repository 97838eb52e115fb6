using Stof.Reference.Masks;

namespace Stof.Reference.Unit.Tests.Masks;

/// <summary>Token trees against a walk up the parents, and what is no tree.</summary>
public sealed class TreeMaskTests
{
    [Fact]
    public void Random_trees_in_any_order_see_context_self_and_ancestors_and_are_classified_exactly()
    {
        for (var seed = 0; seed < 40; seed++)
        {
            var random = new Random(seed);
            var parents = RandomTree(random, random.Next(1, 150));
            var extent = new MaskExtent(random.Next(1, 200), parents.Length + random.Next(0, 70), Alignment: (PositionAlignment)random.Next(2));
            var mask = new TreeMask(parents).Bind(extent);
            var context = extent.KeyLength - parents.Length;
            bool Sees(int query, int key)
            {
                var position = query + extent.QueryOffset;
                if (position < context || position >= extent.KeyLength || key < context)
                {
                    return position < extent.KeyLength && key <= position;
                }

                var node = position - context;
                while (node >= 0 && node != key - context)
                {
                    node = parents[node];
                }

                return node >= 0;
            }

            for (var trial = 0; trial < 150; trial++)
            {
                var (q, k) = (random.Next(extent.QueryLength), random.Next(extent.KeyLength));
                var rect = new MaskRect(
                    q, Math.Min(q + 1 + random.Next((trial % 9) + 1), extent.QueryLength), k, Math.Min(k + 1 + random.Next(trial), extent.KeyLength));
                var allowed = (from query in Enumerable.Range(rect.QueryStart, rect.QueryEnd - rect.QueryStart)
                               from key in Enumerable.Range(rect.KeyStart, rect.KeyEnd - rect.KeyStart)
                               select Sees(query, key)).ToArray();
                var truth = allowed.All(a => a) ? TileClass.Full : allowed.Any(a => a) ? TileClass.Part : TileClass.Empty;
                Assert.True(truth == mask.Classify(0, 0, rect), $"seed {seed}: {rect} on {extent}, parents {string.Join('+', parents)}");
                var bits = mask.Row64(0, 0, q, k);
                for (var i = 0; i < BoundMask.RowBits; i++)
                {
                    var expected = k + i < extent.KeyLength && Sees(q, k + i);
                    if (expected != (((bits >> i) & 1) != 0) || (k + i < extent.KeyLength && expected != mask.Allows(0, 0, q, k + i)))
                    {
                        Assert.Fail($"seed {seed}: q{q} k{k + i} on {extent}, parents {string.Join('+', parents)}");
                    }
                }
            }
        }
    }

    [Fact]
    public void A_chain_is_causal_and_a_star_sees_only_its_root()
    {
        var extent = new MaskExtent(20, 30);
        var chain = new TreeMask([.. Enumerable.Range(-1, 20)]).Bind(extent);
        Assert.Equal(PackedBits.Rows(new CausalMask().Bind(extent), 0, 0), PackedBits.Rows(chain, 0, 0));
        var star = new TreeMask([-1, .. Enumerable.Repeat(0, 19)]).Bind(extent);
        Assert.All(Enumerable.Range(1, 19), query => Assert.Equal(12, Enumerable.Range(0, 30).Count(key => star.Allows(0, 0, query, key))));
    }

    [Theory]
    [InlineData(new[] { 1, 0 }, "tree parent of node 1: 0, which descends from node 1; expected no circle of parents")]
    [InlineData(new[] { -1, 2, 3, 4, 2 }, "tree parent of node 4: 2, which descends from node 4; expected no circle of parents")]
    [InlineData(new[] { -1, 1 }, "tree parent of node 1: 1, the node itself; expected -1 for a root, or another node of 0 to 1")]
    [InlineData(new[] { 2147483647 }, "tree parent of node 0: 2147483647; expected -1 for a root, or another node of 0 to 0")]
    [InlineData(new[] { -2147483648, -1 }, "tree parent of node 0: -2147483648; expected -1 for a root, or another node of 0 to 1")]
    [InlineData(new int[0], "tree parents: 0 nodes; expected 1 to 16384")]
    public void What_is_no_tree_is_refused_by_its_node(int[] parents, string message) =>
        Assert.Equal(message, Assert.Throws<InvalidInputException>(() => new TreeMask(parents)).Message);

    [Fact]
    public void The_largest_tree_is_allowed_and_a_larger_one_refused()
    {
        var parents = Enumerable.Range(0, TreeMask.MaxNodes + 1).Select(node => (node - 1) / 2).ToArray();
        parents[0] = -1;
        var extent = new MaskExtent(1, TreeMask.MaxNodes);
        var mask = new TreeMask(parents.AsSpan(0, TreeMask.MaxNodes)).Bind(extent);
        Assert.Equal(15, Enumerable.Range(0, extent.KeyLength).Count(key => mask.Allows(0, 0, 0, key)));
        Assert.Contains("16385 nodes", Assert.Throws<InvalidInputException>(() => new TreeMask(parents)).Message);
    }

    /// <summary>A forest whose nodes are then renamed at random, so that parents come before and after their children.</summary>
    private static int[] RandomTree(Random random, int nodes)
    {
        var names = Enumerable.Range(0, nodes).ToArray();
        random.Shuffle(names);
        var parents = new int[nodes];
        for (var node = 0; node < nodes; node++)
        {
            var parent = random.Next(-1, node);
            parents[names[node]] = parent < 0 ? -1 : names[random.Next(3) == 0 ? parent : node - 1];
        }

        return parents;
    }
}
