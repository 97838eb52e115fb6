namespace Stof.Reference.Masks;

/// <summary>
/// What a pattern demands of the extent it is bound to: a dense mask has its own lengths, a list of per-head patterns its own
/// number of heads, a token tree at least one key for each node. Null where any value will do.
/// </summary>
/// <param name="Queries">Sq, or null.</param>
/// <param name="Keys">Skv, or null.</param>
/// <param name="Batch">Batch items, or null.</param>
/// <param name="Heads">Query heads, or null.</param>
/// <param name="LeastQueries">Smallest Sq, or null.</param>
/// <param name="LeastKeys">Smallest Skv, or null.</param>
public readonly record struct MaskDemand(
    int? Queries = null, int? Keys = null, int? Batch = null, int? Heads = null, int? LeastQueries = null, int? LeastKeys = null)
{
    /// <summary>Both demands; where they differ the first counts, and binding the other one then tells what is wrong.</summary>
    public MaskDemand And(MaskDemand other) =>
        new(
            Queries ?? other.Queries,
            Keys ?? other.Keys,
            Batch ?? other.Batch,
            Heads ?? other.Heads,
            Larger(LeastQueries, other.LeastQueries),
            Larger(LeastKeys, other.LeastKeys));

    /// <summary>The extent, with what is demanded put in; where an exact and a smallest length contradict, the exact one counts.</summary>
    public MaskExtent Apply(MaskExtent extent)
    {
        ArgumentNullException.ThrowIfNull(extent);
        return extent with
        {
            QueryLength = Queries ?? Math.Max(extent.QueryLength, LeastQueries ?? 0),
            KeyLength = Keys ?? Math.Max(extent.KeyLength, LeastKeys ?? 0),
            Batch = Batch ?? extent.Batch,
            Heads = Heads ?? extent.Heads,
        };
    }

    /// <summary>Checks an extent.</summary>
    /// <param name="extent">The extent that a pattern is bound to.</param>
    /// <param name="name">The pattern, for the message.</param>
    /// <returns>The extent.</returns>
    /// <exception cref="InvalidInputException">A length or count is another one, or too small.</exception>
    public MaskExtent Require(MaskExtent extent, string name)
    {
        ArgumentNullException.ThrowIfNull(extent);
        Check(name, "queries", Queries, extent.QueryLength);
        Check(name, "keys", Keys, extent.KeyLength);
        Check(name, "batch items", Batch, extent.Batch);
        Check(name, "heads", Heads, extent.Heads);
        CheckLeast(name, "queries", LeastQueries, extent.QueryLength);
        CheckLeast(name, "keys", LeastKeys, extent.KeyLength);
        return extent;
    }

    private static int? Larger(int? one, int? other) => one is null || other > one ? other : one;

    private static void Check(string name, string what, int? demanded, int found)
    {
        if (demanded is { } expected && expected != found)
        {
            throw new InvalidInputException($"{name} mask", $"{found} {what}", $"the {expected} that it is made for");
        }
    }

    private static void CheckLeast(string name, string what, int? least, int found)
    {
        if (found < least)
        {
            throw new InvalidInputException($"{name} mask", $"{found} {what}", $"{least} or more");
        }
    }
}
