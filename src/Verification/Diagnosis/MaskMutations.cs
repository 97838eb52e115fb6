using Stof.Reference.Formats;
using Stof.Reference.Masks;
using Stof.Reference.Operators;

namespace Stof.Reference.Verification.Diagnosis;

/// <summary>The mutations that change which pairs are allowed.</summary>
internal static class MaskMutations
{
    /// <summary>All that can make a difference to a problem, likelier ones first.</summary>
    /// <param name="p">The problem.</param>
    /// <param name="pattern">The mask, recognised where it came as an array.</param>
    /// <param name="tiles">Tilings to try.</param>
    public static IEnumerable<Mutation> Of(AttentionProblem p, MaskPattern pattern, IReadOnlyList<TileShape> tiles)
    {
        var mask = p.BindMask();
        if (p.Lengths is not null)
        {
            yield return Source(Families.PaddingNotMasked, "real lengths ignored", problem => problem with { Lengths = null });
            yield return Source(
                Families.PaddingNotMasked,
                "lengths of keys ignored",
                problem => problem with { Lengths = [.. problem.Lengths!.Select(pair => pair with { Keys = problem.KvLength })] });
        }

        if (p.Batch > 1 && mask.VariesByBatch)
        {
            yield return Edit(Families.FirstBatchMask, "", MaskEdits.Shared(batch: true, head: false));
        }

        if (p.QueryHeads > 1 && mask.VariesByHead)
        {
            yield return Edit(Families.FirstHeadMask, "", MaskEdits.Shared(batch: false, head: true));
        }

        // Where every tile is loaded, "no mask at all" is the simpler word for dense tiles.
        yield return Edit(Families.MaskIgnored, "", MaskEdits.Ignored());
        foreach (var tile in tiles)
        {
            yield return Edit(Families.BitmapsUnread, $"tile {tile}", MaskEdits.PartTilesDense(tile));
        }

        foreach (var mutation in Positions(p, pattern))
        {
            yield return mutation;
        }

        yield return Edit(Families.MaskInverted, "", MaskEdits.Inverted());
        foreach (var mutation in Bits(p, tiles))
        {
            yield return mutation;
        }
    }

    private static IEnumerable<Mutation> Positions(AttentionProblem p, MaskPattern pattern)
    {
        var other = p.Alignment == PositionAlignment.BottomRight ? PositionAlignment.TopLeft : PositionAlignment.BottomRight;
        var name = other == PositionAlignment.TopLeft ? "top-left for bottom-right" : "bottom-right for top-left";
        var isRagged = p.QueryLength != p.KvLength || (p.Lengths?.Any(pair => pair.Queries != pair.Keys) ?? false);
        if (isRagged && pattern is not DenseMask)
        {
            yield return Source(Families.OtherAlignment, name, problem => problem with { Mask = pattern, Alignment = other });
        }
        else if (isRagged)
        {
            var difference = p.KvLength - p.QueryLength;
            yield return Edit(Families.OtherAlignment, "bits displaced by Skv - Sq", MaskEdits.Shifted(difference));
            yield return Edit(Families.OtherAlignment, "bits displaced by Sq - Skv", MaskEdits.Shifted(-difference));
        }

        foreach (var (family, detail, rewritten) in PatternRewrites.Of(pattern))
        {
            yield return Source(family, detail, problem => problem with { Mask = rewritten });
        }

        yield return Edit(Families.CausalStrict, "own position masked besides", MaskEdits.CausalBesides(batch => p.QueryOffset(batch) - 1));
        yield return Edit(Families.CausalBesides, "", MaskEdits.CausalBesides(p.QueryOffset));
        if (pattern is DenseMask)
        {
            foreach (var (left, right) in ((int, int)[])[(-1, 0), (1, 0), (0, -1), (0, 1), (-1, -1), (1, 1)])
            {
                yield return Edit(Families.OffByOne, $"left edges {left:+0;-0;0}, right edges {right:+0;-0;0}", MaskEdits.EdgesMoved(left, right));
            }
        }

        if (p.QueryLength == p.KvLength)
        {
            yield return Edit(Families.OtherSides, "mirrored about the diagonal", MaskEdits.Mirrored());
            yield return Edit(Families.MaskTransposed, "", MaskEdits.Transposed());
        }

        foreach (var keys in (int[])[-1, 1])
        {
            yield return Edit(Families.MaskDisplaced, $"by {keys:+0;-0} keys", MaskEdits.Shifted(keys));
        }
    }

    private static IEnumerable<Mutation> Bits(AttentionProblem p, IReadOnlyList<TileShape> tiles)
    {
        yield return Edit(Families.BitmapsTransposed, "", MaskEdits.BitmapsTransposed());
        yield return Edit(Families.BitsReversed, "in every byte", MaskEdits.BitsReversed(wholeWord: false));
        yield return Edit(Families.BitsReversed, "in every word of 64", MaskEdits.BitsReversed(wholeWord: true));
        foreach (var tile in tiles)
        {
            yield return Edit(Families.WordOrder, $"tile {tile}", MaskEdits.WordOrderSwapped(tile));
        }

        foreach (var tile in tiles)
        {
            yield return Edit(Families.PartTilesCausal, $"tile {tile}", MaskEdits.PartTilesCausal(tile, p.QueryOffset(0)));
        }

        foreach (var rows in tiles.Select(tile => tile.Rows).Distinct())
        {
            yield return Edit(Families.MaskDisplaced, $"by {rows} queries", MaskEdits.RowsShifted(rows));
            yield return Edit(Families.MaskDisplaced, $"by -{rows} queries", MaskEdits.RowsShifted(-rows));
        }
    }

    private static Mutation Edit(string family, string detail, MaskEdit edit) =>
        new(family, detail, variant => variant with { Edits = [.. variant.Edits, edit] }) { IsMaskOnly = true };

    private static Mutation Source(string family, string detail, Func<AttentionProblem, AttentionProblem> change) =>
        new(family, detail, variant => variant with { MaskProblem = change(variant.MaskProblem) }) { IsMaskOnly = true };
}
