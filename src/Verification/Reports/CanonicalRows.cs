using Stof.Reference.Operators;
using Stof.Reference.Tensors;

namespace Stof.Reference.Verification.Reports;

/// <summary>Values in the order of an oracle's answer, [B, Hq, queries], whatever the layout of the tensor.</summary>
internal static class CanonicalRows
{
    /// <summary>O as [rows, Dv] in double.</summary>
    public static double[] Output(AttentionProblem p, HostTensor output, IReadOnlyList<int>? queries)
    {
        var values = output.ToDoubles();
        if (queries is null && p.Layout == AttentionLayout.BatchHeadsLength)
        {
            return values;
        }

        var count = queries?.Count ?? p.QueryLength;
        var result = new double[p.Batch * p.QueryHeads * count * p.ValueSize];
        for (var row = 0; row < p.Batch * p.QueryHeads * count; row++)
        {
            var (b, h, i) = (row / (p.QueryHeads * count), row / count % p.QueryHeads, row % count);
            values.AsSpan(p.Layout.RowOffset(p.QueryHeads, p.QueryLength, p.ValueSize, b, h, queries?[i] ?? i), p.ValueSize)
                .CopyTo(result.AsSpan(row * p.ValueSize));
        }

        return result;
    }

    /// <summary>One value a row, as doubles.</summary>
    public static double[] PerRow(AttentionProblem p, HostTensor perRow, IReadOnlyList<int>? queries)
    {
        var values = perRow.ToDoubles();
        return queries is null
            ? values
            : [.. Enumerable.Range(0, p.Batch * p.QueryHeads).SelectMany(slice => queries.Select(query => values[(slice * p.QueryLength) + query]))];
    }
}
