namespace Stof.Reference.Formats.Peers;

/// <summary>Conversions between the allowed runs of a column and FlashMask's bounds on its masked runs.</summary>
internal static class FlashMaskBuilder
{
    // From small to large.
    private static readonly (bool Causal, int Bounds)[] Forms = [(true, 1), (true, 2), (false, 2), (false, 4)];

    /// <inheritdoc cref="FlashMask.Build"/>
    public static FlashMask Build(ColumnIntervals columns, bool? causal)
    {
        var slices = columns.Slices;
        var keys = slices.Extent.KeyLength;
        var largest = 0;
        var failed = 0;
        foreach (var (isCausal, bounds) in Forms)
        {
            if (isCausal != (causal ?? isCausal))
            {
                continue;
            }

            var count = (long)slices.Count * keys * bounds;
            FormatRules.Require(count <= Array.MaxLength, "mask", $"{count} bounds", $"at most {Array.MaxLength}");
            var indices = new int[count];
            var column = 0;
            while (column < slices.Count * keys
                && TryColumn(columns.Column(column / keys, column % keys), slices, column % keys, isCausal, indices.AsSpan(column * bounds, bounds)))
            {
                column++;
            }

            if (column == slices.Count * keys)
            {
                return new FlashMask(slices, isCausal, bounds, indices);
            }

            (largest, failed) = (bounds, column);
        }

        throw Refusal(columns, failed, largest, causal ?? false);
    }

    /// <summary>The allowed runs of every column.</summary>
    public static ColumnIntervals Columns(FlashMask mask)
    {
        var (queries, keys) = (mask.Slices.Extent.QueryLength, mask.Slices.Extent.KeyLength);
        var pointers = new int[(mask.Slices.Count * keys) + 1];
        var runs = new RunBuffer();
        Span<(int Start, int End)> masked = stackalloc (int, int)[2];
        for (var column = 0; column + 1 < pointers.Length; column++)
        {
            var bounds = mask.Indices.AsSpan(column * mask.Bounds, mask.Bounds);
            masked[0] = mask.Causal ? (0, FirstCausal(mask.Slices, column % keys))
                : mask.Bounds == 2 ? (0, bounds[1])
                : (bounds[2], bounds[3]);
            masked[1] = (bounds[0], mask.Bounds == 4 || (mask.Causal && mask.Bounds == 2) ? bounds[1] : queries);
            if (masked[1].Start < masked[0].Start)
            {
                (masked[0], masked[1]) = (masked[1], masked[0]);
            }

            var next = 0;
            foreach (var (start, end) in masked)
            {
                if (next < start && start < end)
                {
                    runs.Add(next, start);
                }

                next = start < end ? Math.Max(next, end) : next;
            }

            if (next < queries)
            {
                runs.Add(next, queries);
            }

            runs.EndRow();
            pointers[column + 1] = runs.Count;
        }

        return new ColumnIntervals(mask.Slices, pointers, runs.Bounds.ToArray());
    }

    /// <summary>The first query that the causal flag leaves: max(0, k − (Skv − Sq)), at most Sq.</summary>
    private static int FirstCausal(MaskSlices slices, int key) =>
        (int)Math.Clamp((long)key - slices.Extent.KeyLength + slices.Extent.QueryLength, 0, slices.Extent.QueryLength);

    private static bool TryColumn(ReadOnlySpan<int> allowed, MaskSlices slices, int key, bool causal, Span<int> target)
    {
        var queries = slices.Extent.QueryLength;
        var first = causal ? FirstCausal(slices, key) : 0;
        if (!allowed.IsEmpty && allowed[0] < first)
        {
            return false;
        }

        if (!causal && target.Length == 2)
        {
            // Everything masked is two runs that meet, anywhere; Sq is where Paddle's own padding meets.
            (target[0], target[1]) = allowed.IsEmpty ? (queries, queries) : (allowed[^1], allowed[0]);
            return allowed.Length <= 2;
        }

        Span<(int Start, int End)> masked = stackalloc (int, int)[2];
        if (!TryMasked(allowed, first, queries, masked, out var count))
        {
            return false;
        }

        if (causal)
        {
            var (start, end) = count == 0 ? (queries, queries) : masked[0];
            target[0] = start;
            target[^1] = target.Length == 2 ? end : start;
            return count <= 1 && (target.Length == 2 || end == queries);
        }

        // A run from the first query on is the upper one; so is the first of two.
        var upper = count == 2 || (count == 1 && masked[0].Start == 0);
        var lower = count == 2 ? masked[1] : count == 1 && !upper ? masked[0] : (queries, queries);
        (target[0], target[1]) = lower;
        (target[2], target[3]) = upper ? masked[0] : (0, 0);
        return true;
    }

    /// <summary>The masked runs of [first, queries), at most two.</summary>
    private static bool TryMasked(ReadOnlySpan<int> allowed, int first, int queries, Span<(int Start, int End)> masked, out int count)
    {
        count = 0;
        for (var i = 0; i <= allowed.Length; i += 2)
        {
            var start = i == 0 ? first : allowed[i - 1];
            var end = i == allowed.Length ? queries : allowed[i];
            if (start < end)
            {
                if (count == masked.Length)
                {
                    return false;
                }

                masked[count++] = (start, end);
            }
        }

        return true;
    }

    private static InvalidInputException Refusal(ColumnIntervals columns, int column, int bounds, bool causal)
    {
        var (slice, key) = Math.DivRem(column, columns.Slices.Extent.KeyLength);
        var (batch, head) = columns.Slices.Pair(slice);
        var allowed = columns.Column(slice, key);
        var first = causal ? FirstCausal(columns.Slices, key) : 0;
        var place = $"key {key} of batch item {batch}, head {head}";
        return !allowed.IsEmpty && allowed[0] < first
            ? FormatRules.Wrong("mask", $"{place} is seen by query {allowed[0]}", $"none before query {first}, as FlashMask's causal forms have it")
            : FormatRules.Wrong(
                "mask", $"{place} is seen by {allowed.Length / 2} separate runs of queries",
                $"at most {(causal ? "one masked run below the diagonal" : "two masked runs")} a key, which FlashMask's {bounds} bounds hold");
    }
}
