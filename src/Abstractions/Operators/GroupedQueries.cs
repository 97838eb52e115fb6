using Stof.Reference.Masks;

namespace Stof.Reference.Operators;

/// <summary>
/// Grouped-query attention as an attention of KV heads: the query heads that share a KV head become its queries, head after head, so that keys
/// and values are loaded once for all of them. In the order [B, H, S, D] the tensors are the same bytes: Q [B, Hkv·G, Sq, D] is Q [B, Hkv, G·Sq, D],
/// and O and LSE likewise. It pays where a head has fewer queries than a tile has rows: decoding, above all.
/// </summary>
public static class GroupedQueries
{
    /// <summary>The same attention with one query head for each KV head; null where it cannot be written so.</summary>
    /// <param name="problem">
    /// Heads in the order [B, H, S, D]; neither bias nor sinks, which belong to a query head.
    /// </param>
    public static AttentionProblem? Pack(AttentionProblem problem)
    {
        ArgumentNullException.ThrowIfNull(problem);
        return problem.QueryHeads == problem.KvHeads || problem.Layout != AttentionLayout.BatchHeadsLength || problem.Bias is not null || problem.Sinks is not null
            ? null
            : problem with
            {
                QueryHeads = problem.KvHeads,
                QueryLength = checked(problem.QueryHeads / problem.KvHeads * problem.QueryLength),
                Lengths = null,
                Mask = new GroupMask(problem),
            };
    }

    // Row r of a KV head is query r mod Sq of its query head r div Sq.
    private sealed record GroupMask(AttentionProblem Problem) : MaskPattern
    {
        public override BoundMask Bind(MaskExtent extent) => new Bound(extent, Problem.BindMask(), Problem.QueryHeads / Problem.KvHeads);

        protected override string ToText() => $"<{Problem.Mask}, heads of a group as queries>";
    }

    private sealed class Bound(MaskExtent extent, BoundMask inner, int group) : BoundMask(extent)
    {
        private readonly int _queries = inner.Extent.QueryLength;

        public override bool VariesByBatch => inner.VariesByBatch;

        public override bool VariesByHead => inner.VariesByHead;

        public override bool Allows(int batch, int head, int query, int key) =>
            inner.Allows(batch, (head * group) + (query / _queries), query % _queries, key);

        public override ulong Row64(int batch, int head, int query, int keyStart) =>
            inner.Row64(batch, (head * group) + (query / _queries), query % _queries, keyStart);

        public override TileClass Classify(int batch, int head, MaskRect rect)
        {
            TileClass? known = null;
            for (var start = rect.QueryStart; start < rect.QueryEnd;)
            {
                var (member, first) = Math.DivRem(start, _queries);
                var count = Math.Min(_queries - first, rect.QueryEnd - start);
                var part = inner.Classify(batch, (head * group) + member, rect with { QueryStart = first, QueryEnd = first + count });
                known = known?.Join(part) ?? part;
                start += count;
            }

            return known ?? TileClass.Empty;
        }
    }
}
