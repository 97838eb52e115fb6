using Stof.Reference.Masks;

namespace Stof.Reference.Verification.Diagnosis;

/// <summary>Finds the simplest pattern that has given bits, so that a mask that came as an array can be varied as a pattern.</summary>
public static class MaskRecognizer
{
    /// <summary>
    /// A pattern with exactly the bits of a mask: full, empty, <c>causal</c>, a band (<c>sliding</c>, <c>window</c>), by the extent's
    /// alignment; null if there is none.
    /// </summary>
    public static MaskPattern? Recognize(MaskPlanes planes)
    {
        ArgumentNullException.ThrowIfNull(planes);
        var extent = planes.Extent;
        if (extent.QueryLength == 0 || extent.KeyLength == 0)
        {
            return null;
        }

        var plane = planes[0, 0];
        var candidate = Candidate(plane, extent.QueryOffset);
        if (candidate is null)
        {
            return null;
        }

        var bound = MaskPlanes.Of(candidate.Bind(extent));
        for (var b = 0; b < extent.Batch; b++)
        {
            for (var h = 0; h < extent.Heads; h++)
            {
                if (!planes[b, h].SameAs(bound[0, 0]))
                {
                    return null;
                }
            }
        }

        return candidate;
    }

    private static MaskPattern? Candidate(BitPlane plane, int offset)
    {
        var count = plane.Count();
        if (count == 0)
        {
            return new EmptyMask();
        }

        if (count == (long)plane.Queries * plane.Keys)
        {
            return new FullMask();
        }

        // A side is bounded if some row's run ends inside the plane; its distance from the own position is then the width.
        int? before = null, after = null;
        for (var query = 0; query < plane.Queries; query++)
        {
            for (var key = 0; key < plane.Keys; key++)
            {
                if (!plane[query, key])
                {
                    continue;
                }

                before = key > 0 && !plane[query, key - 1] ? query + offset - key : before;
                after = key < plane.Keys - 1 && !plane[query, key + 1] ? key - query - offset : after;
            }
        }

        return (before, after) switch
        {
            (null, 0) => new CausalMask(),
            (null, { } right) => right >= 0 ? new WindowMask(null, right) : new CausalMask(right),
            ({ } left, { } right) when left == right && left >= 0 => new SlidingMask(left),
            ({ } left, { } right) when left >= 0 && right >= 0 => new WindowMask(left, right),
            ({ } left, null) when left >= 0 => new WindowMask(left),
            _ => null,
        };
    }
}
