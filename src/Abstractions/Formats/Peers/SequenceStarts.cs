using Stof.Reference.Masks;
using Stof.Reference.Tensors;

namespace Stof.Reference.Formats.Peers;

/// <summary>What a block of <see cref="SequenceStarts"/> allows between its own queries and keys.</summary>
public enum SequenceCausality
{
    /// <summary>All pairs: xFormers' <c>BlockDiagonalMask</c>.</summary>
    None,

    /// <summary>Its first query sits on its first key: <c>BlockDiagonalCausalMask</c>.</summary>
    TopLeft,

    /// <summary>Its last query sits on its last key: <c>BlockDiagonalCausalFromBottomRightMask</c>, and FlashAttention's varlen causal since 2.1.</summary>
    BottomRight,
}

/// <summary>
/// Sequences packed one after the other: sequence i has the queries [q_seqstart[i], q_seqstart[i + 1]) and the keys [k_seqstart[i],
/// k_seqstart[i + 1]), and attends to itself only. The form of xFormers' block-diagonal masks (<c>q_seqinfo.seqstart</c>,
/// <c>k_seqinfo.seqstart</c>) and of FlashAttention's <c>cu_seqlens_q</c>, <c>cu_seqlens_k</c>. Array <c>causal</c> says which pairs
/// of a sequence count: 0 all, 1 causal from its top left, 2 causal from its bottom right; where a sequence has as many queries as
/// keys 1 and 2 are the same.
/// <para>
/// Cannot represent anything that is not block diagonal; the mask must be shared by batch items and heads. A query without a key
/// belongs to a sequence without keys, and a key without a query to one without queries. xFormers takes such sequences only without
/// causality from the bottom right, where it wants at least as many keys as queries.
/// </para>
/// <para>
/// Example: <c>causal &amp; documents(5+11)</c> at S = 16: q_seqstart and k_seqstart [0, 5, 16], causal 1. <c>causal</c> alone is one sequence.
/// </para>
/// </summary>
public sealed class SequenceStarts
{
    /// <summary>The names of the arrays.</summary>
    internal static readonly string[] Names = ["q_seqstart", "k_seqstart", "causal", ArrayReader.Extent, ArrayReader.SliceCounts];

    private SequenceStarts(MaskSlices slices, int[] queries, int[] keys, SequenceCausality causality)
    {
        Slices = slices;
        QueryStarts = queries;
        KeyStarts = keys;
        Causality = causality;
    }

    /// <summary>The rectangle; one slice.</summary>
    public MaskSlices Slices { get; }

    /// <summary>First query of every sequence, and Sq.</summary>
    public int[] QueryStarts { get; }

    /// <summary>First key of every sequence, and Skv.</summary>
    public int[] KeyStarts { get; }

    /// <summary>What a sequence allows inside.</summary>
    public SequenceCausality Causality { get; }

    /// <summary>Finds the sequences of a block-diagonal mask, in time proportional to its row intervals.</summary>
    /// <param name="mask">The mask.</param>
    /// <param name="causal">True or false to allow only causal or only whole sequences.</param>
    /// <exception cref="InvalidInputException">The mask differs by batch item or head, or is not block diagonal: the message names a query.</exception>
    public static SequenceStarts Build(BoundMask mask, bool? causal = null)
    {
        var slices = MaskSlices.Of(mask);
        FormatRules.Require(
            slices.Count == 1, "mask", $"{slices.Batch} batch items and {slices.Heads} heads that differ", "one mask for all: packed sequences have no batch and no heads");
        var rows = RowIntervals.Build(mask);
        var furthest = -1;
        foreach (var causality in Enum.GetValues<SequenceCausality>())
        {
            if (causal is null || causal == (causality != SequenceCausality.None))
            {
                var (queries, keys, failed) = Find(rows, causality);
                if (failed < 0)
                {
                    return new SequenceStarts(slices, queries, keys, causality);
                }

                furthest = Math.Max(furthest, failed);
            }
        }

        var bounds = rows.Row(0, 0, furthest).ToArray();
        var runs = bounds.Chunk(2).Take(3).Select(b => $"{b[0]} to {b[1] - 1}");
        throw FormatRules.Wrong(
            "mask",
            bounds.Length == 0 ? $"query {furthest} has no key" : $"query {furthest} has the keys {string.Join(", ", runs)}{(bounds.Length > 6 ? ", …" : "")}",
            $"{(causal == true ? "causal " : "")}blocks on the diagonal and nothing else");
    }

    /// <summary>
    /// Named arrays, ready for an npz: <c>q_seqstart</c>, <c>k_seqstart</c> I32 [sequences + 1], <c>causal</c> I32 [1], <c>extent</c> and
    /// <c>slices</c>.
    /// </summary>
    public Dictionary<string, HostTensor> ToArrays()
    {
        var arrays = ArrayWriter.Start(Slices);
        arrays["q_seqstart"] = ArrayWriter.Vector(QueryStarts);
        arrays["k_seqstart"] = ArrayWriter.Vector(KeyStarts);
        arrays["causal"] = ArrayWriter.Vector([(int)Causality]);
        return arrays;
    }

    /// <summary>Reads named arrays back and checks them.</summary>
    /// <exception cref="InvalidInputException">
    /// An array is missing, unknown, or of another dtype or shape; starts do not run from 0 to the length or decrease; there are not as
    /// many sequences of keys as of queries; there is more than one slice.
    /// </exception>
    public static SequenceStarts FromArrays(IReadOnlyDictionary<string, HostTensor> arrays)
    {
        var reader = new ArrayReader("sequence starts", arrays, Names);
        var slices = reader.Slices();
        FormatRules.Require(slices.Count == 1, "slices", $"{slices.Batch}, {slices.Heads}", "1, 1: packed sequences have no batch and no heads");
        var (queries, keys) = (reader.Vector<int>("q_seqstart"), reader.Vector<int>("k_seqstart"));
        FormatRules.Require(queries.Length >= 1, "q_seqstart", "no entry", "the starts of the sequences, and the number of queries");
        FormatRules.CheckPointers("q_seqstart", queries, queries.Length - 1, "sequence", "the queries", slices.Extent.QueryLength);
        FormatRules.CheckPointers("k_seqstart", keys, queries.Length - 1, "sequence", "the keys", slices.Extent.KeyLength);
        var causality = (SequenceCausality)reader.Choice("causal", 2, "0 for all pairs, 1 for causal from the top left, 2 from the bottom right");
        return new SequenceStarts(slices, queries, keys, causality);
    }

    /// <summary>The sequences as a mask, by way of its one run a query.</summary>
    public BoundMask AsMask()
    {
        var runs = new RunBuffer();
        var pointers = new int[Slices.Extent.QueryLength + 1];
        for (var sequence = 0; sequence + 1 < QueryStarts.Length; sequence++)
        {
            var (first, end) = (QueryStarts[sequence], QueryStarts[sequence + 1]);
            var (keyStart, keyEnd) = (KeyStarts[sequence], KeyStarts[sequence + 1]);
            for (var query = first; query < end; query++)
            {
                var last = EndOfRow(Causality, query - first, end - 1 - query, keyStart, keyEnd);
                if (last > keyStart)
                {
                    runs.Add(keyStart, (int)last);
                }

                runs.EndRow();
                pointers[query + 1] = runs.Count;
            }
        }

        return new RowIntervals(Slices, pointers, runs.Bounds.ToArray()).AsMask();
    }

    /// <summary>
    /// The sequences if the mask has them, else the first query that does not fit. Queries of one sequence see the same first key, so
    /// the blocks follow from the rows without a choice; what no query sees becomes a sequence without queries.
    /// </summary>
    private static (int[] Queries, int[] Keys, int Failed) Find(RowIntervals rows, SequenceCausality causality)
    {
        var (queries, keys) = (new List<int> { 0 }, new List<int> { 0 });
        var extent = rows.Slices.Extent;
        for (var first = 0; first < extent.QueryLength;)
        {
            var bounds = rows.Row(0, 0, first);
            var end = first + 1;
            while (end < extent.QueryLength && StartOf(rows.Row(0, 0, end)) == StartOf(bounds))
            {
                end++;
            }

            var (keyStart, keyEnd) = bounds.IsEmpty ? (keys[^1], keys[^1]) : (bounds[0], rows.Row(0, 0, end - 1)[1]);
            if (keyStart < keys[^1])
            {
                return ([], [], first);
            }

            for (var query = first; query < end && !bounds.IsEmpty; query++)
            {
                var row = rows.Row(0, 0, query);
                if (row.Length != 2 || row[1] != EndOfRow(causality, query - first, end - 1 - query, keyStart, keyEnd))
                {
                    return ([], [], query);
                }
            }

            Skip(keyStart, first);
            queries.Add(end);
            keys.Add(keyEnd);
            first = end;
        }

        Skip(extent.KeyLength, extent.QueryLength);
        return ([.. queries], [.. keys], -1);

        void Skip(int key, int query)
        {
            if (keys[^1] < key)
            {
                keys.Add(key);
                queries.Add(query);
            }
        }
    }

    /// <summary>One past the last key of a query that has so many queries of its sequence before and after it.</summary>
    private static long EndOfRow(SequenceCausality causality, int before, int after, int keyStart, int keyEnd) => causality switch
    {
        SequenceCausality.TopLeft => Math.Min(keyStart + before + 1L, keyEnd),
        SequenceCausality.BottomRight => (long)keyEnd - after,
        _ => keyEnd,
    };

    private static int StartOf(ReadOnlySpan<int> bounds) => bounds.IsEmpty ? -1 : bounds[0];
}
