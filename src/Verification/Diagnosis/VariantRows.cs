using System.Collections.Concurrent;
using System.Numerics.Tensors;
using Stof.Reference.Masks;
using Stof.Reference.Verification.Cases;

namespace Stof.Reference.Verification.Diagnosis;

/// <summary>One row of the output.</summary>
/// <param name="Batch">Batch item.</param>
/// <param name="Head">Query head.</param>
/// <param name="Query">Query.</param>
public readonly record struct OutputRow(int Batch, int Head, int Query);

/// <summary>What a variant predicts for a row.</summary>
/// <param name="Output">o.</param>
/// <param name="Absolute">Σ p·|v| with the variant's weights.</param>
/// <param name="LogSumExp">LSE.</param>
/// <param name="Keys">Keys that took part.</param>
/// <param name="Magnitude">A bound on scale·Σ|q·k|.</param>
internal readonly record struct RowPrediction(double[] Output, double[] Absolute, double LogSumExp, int Keys, double Magnitude);

/// <summary>
/// Computes single rows of any <see cref="AttentionVariant"/> of a case, in double, from the definition and the variant's named
/// differences.
/// </summary>
internal sealed class VariantRows(AttentionCase item)
{
    private const float Sentinel = -10000;

    private readonly Operands _operands = new(item);
    private readonly ConcurrentDictionary<(MaskPattern Mask, PositionAlignment Alignment, string Lengths), MaskPlanes> _masks = new();
    private readonly ConcurrentDictionary<(MaskPlanes Planes, MaskEdit Edit), MaskPlanes> _edited = new();
    private readonly ConcurrentDictionary<(AttentionVariant, int, int), double[]> _columnSums = new();

    /// <summary>The mask that a variant reads.</summary>
    public MaskPlanes Mask(AttentionVariant variant)
    {
        var p = variant.MaskProblem;
        var planes = _masks.GetOrAdd((p.Mask, p.Alignment, string.Join(' ', p.Lengths ?? [])), _ => MaskPlanes.Of(p.BindMask()));
        if (variant.Edits.Count == 0)
        {
            return planes;
        }

        // Pairs of mutations share their first one.
        var first = _edited.GetOrAdd((planes, variant.Edits[0]), key => key.Edit.On(key.Planes));
        return variant.Edits.Skip(1).Aggregate(first, (current, edit) => edit.On(current));
    }

    /// <summary>Predicts one row.</summary>
    public RowPrediction Predict(AttentionVariant variant, MaskPlanes mask, OutputRow row)
    {
        var p = variant.Problem;
        var plane = mask[row.Batch, row.Head];
        var allowed = Allowed(variant, mask, plane, row);
        if (allowed.Length == 0 && variant.EmptyRows != EmptyRowRule.Zero)
        {
            return Empty(variant, row);
        }

        var (keySource, valueSource) = Route(variant, mask, row, allowed);
        var scores = Scores(variant, row, allowed, keySource, plane, out var magnitude);
        var sink = p.Sinks?[row.Head];
        return variant.Softmax switch
        {
            SoftmaxKind.Defined or SoftmaxKind.NotNormalized => Defined(variant, row, scores, valueSource, sink, magnitude),
            SoftmaxKind.OverQueries => OverQueries(variant, mask, row, allowed, scores, valueSource, magnitude),
            _ => Online(variant, mask, row, allowed, scores, valueSource, sink, magnitude),
        };
    }

    private static int[] Allowed(AttentionVariant variant, MaskPlanes mask, BitPlane plane, OutputRow row)
    {
        if (variant.CapAfterMask)
        {
            return variant.CapTile is not { } tile
                ? [.. Enumerable.Range(0, plane.Keys)]
                : [.. mask.Listed(row.Batch, row.Head, tile, row.Query / tile.Rows)
                    .SelectMany(column => Enumerable.Range(column * tile.Columns, Math.Min(tile.Columns, plane.Keys - (column * tile.Columns))))];
        }

        var keys = new List<int>();
        var words = plane.Row(row.Query);
        for (var word = 0; word < words.Length; word++)
        {
            for (var bits = words[word]; bits != 0; bits &= bits - 1)
            {
                keys.Add((word * BoundMask.RowBits) + System.Numerics.BitOperations.TrailingZeroCount(bits));
            }
        }

        return [.. keys];
    }

    private RowPrediction Empty(AttentionVariant variant, OutputRow row)
    {
        var p = variant.Problem;
        if (variant.EmptyRows == EmptyRowRule.NotANumber)
        {
            double[] nothing = new double[p.ValueSize];
            Array.Fill(nothing, double.NaN);
            return new RowPrediction(nothing, new double[p.ValueSize], double.NaN, 0, 0);
        }

        // A sentinel moves all scores alike: what is left is the unmasked softmax, as coarse as a float near -10000 is, or a flat one
        // where it replaced them.
        int[] all = [.. Enumerable.Range(0, p.KvLength)];
        var flat = variant with { EmptyRows = EmptyRowRule.Zero, Routing = null };
        var scores = variant.EmptyRows == EmptyRowRule.Mean
            ? new double[all.Length]
            : Array.ConvertAll(Scores(flat, row, all, all, null, out _), score => (double)((float)score + Sentinel));
        return Defined(flat, row, scores, all, null, 0);
    }

    private static (int[] Keys, int[] Values) Route(AttentionVariant variant, MaskPlanes mask, OutputRow row, int[] allowed)
    {
        if (variant.Routing is not { } routing)
        {
            return (allowed, allowed);
        }

        var (columns, tileRow) = (routing.Tile.Columns, row.Query / routing.Tile.Rows);
        var listed = mask.Listed(row.Batch, row.Head, routing.Tile, tileRow);
        var source = new Dictionary<int, int>();
        for (var i = 0; i < listed.Length; i++)
        {
            var before = routing.Descending ? i + 1 : i - 1;
            source[listed[i]] = before < 0 || before >= listed.Length ? listed[i] : listed[before] + (routing.Descending ? -1 : 1);
        }

        var moved = Array.ConvertAll(allowed, key => (source[key / columns] * columns) + (key % columns));
        return (routing.Keys ? moved : allowed, routing.Values ? moved : allowed);
    }

    private double[] Scores(AttentionVariant variant, OutputRow row, int[] allowed, int[] source, BitPlane? plane, out double magnitude)
    {
        var p = variant.Problem;
        var kvHead = KvHead(variant, row.Head);
        var q = _operands.Queries(variant.Queries, variant.InputRounding)
            .AsSpan(((((row.Batch * p.QueryHeads) + row.Head) * p.QueryLength) + row.Query) * p.HeadSize, p.HeadSize);
        var k = _operands.Keys(variant.Keys, variant.InputRounding);
        var start = ((row.Batch * p.KvHeads) + kvHead) * p.KvLength;
        var (scale, queryNorm, largestNorm) = (p.EffectiveScale, TensorPrimitives.Norm(q), 0.0);
        var scores = new double[allowed.Length];
        for (var i = 0; i < scores.Length; i++)
        {
            if (source[i] >= p.KvLength || source[i] < 0)
            {
                continue; // beyond the end: zeros
            }

            var key = k.AsSpan((start + source[i]) * p.HeadSize, p.HeadSize);
            var dot = TensorPrimitives.Dot<double>(q, key);
            largestNorm = Math.Max(largestNorm, Math.Abs(dot));
            scores[i] = variant.ProductRounding is { } type ? Operands.Round(type, dot) : dot;
        }

        magnitude = Math.Abs(scale) * Math.Max(largestNorm, queryNorm * Math.Sqrt(p.HeadSize)) * 2;
        for (var i = 0; i < scores.Length; i++)
        {
            var bias = p.Bias is null ? 0 : variant.BiasFactor * p.Bias.At(p, row.Batch, row.Head, row.Query, allowed[i]);
            var score = variant.BiasBeforeScale ? scale * (scores[i] + bias) : (scale * scores[i]) + bias;
            score = variant.ScoreRounding is { } type ? Operands.Round(type, score) : score;
            if (p.Softcap is { } cap)
            {
                score = variant.CapAfterMask && plane is not null && !plane[row.Query, allowed[i]] ? -cap : cap * Math.Tanh(score / cap);
            }

            scores[i] = score;
        }

        return scores;
    }

    private RowPrediction Defined(
        AttentionVariant variant, OutputRow row, double[] scores, int[] valueSource, double? sink, double magnitude)
    {
        var p = variant.Problem;
        var (output, absolute) = (new double[p.ValueSize], new double[p.ValueSize]);
        var padding = variant.PaddedTo == 0 ? 0 : ((variant.PaddedTo - (p.KvLength % variant.PaddedTo)) % variant.PaddedTo);
        if (scores.Length == 0)
        {
            return new RowPrediction(output, absolute, sink ?? double.NegativeInfinity, 0, 0);
        }

        var maximum = Math.Max(scores.Max(), sink ?? double.NegativeInfinity);
        maximum = padding > 0 ? Math.Max(maximum, 0) : maximum;
        var sum = (sink is { } logit ? Math.Exp(logit - maximum) : 0) + (padding > 0 ? padding * Math.Exp(-maximum) : 0);
        var weights = Array.ConvertAll(scores, score => Math.Exp(score - maximum));
        sum += TensorPrimitives.Sum<double>(weights);
        var divisor = variant.Softmax == SoftmaxKind.NotNormalized ? 1 : sum;
        if (variant.WeightRounding is { } type)
        {
            var before = variant.NormalizedBeforeRounding ? divisor : 1;
            weights = Array.ConvertAll(weights, weight => Operands.Round(type, weight / before) * before);
        }

        Add(variant, row, weights, valueSource, 0, weights.Length, output, absolute);
        Divide(variant, output, absolute, divisor);
        return new RowPrediction(output, absolute, maximum + Math.Log(sum), scores.Length, magnitude);
    }

    private RowPrediction Online(
        AttentionVariant variant, MaskPlanes mask, OutputRow row, int[] allowed, double[] scores, int[] valueSource, double? sink, double magnitude)
    {
        var p = variant.Problem;
        var (output, absolute) = (new double[p.ValueSize], new double[p.ValueSize]);
        var tile = variant.SoftmaxTile;
        var listed = mask.Listed(row.Batch, row.Head, tile, row.Query / tile.Rows);
        var order = variant.Descending ? listed.Reverse() : listed;
        var (maximum, sum, isFirst) = (sink ?? double.NegativeInfinity, sink is null ? 0.0 : 1.0, true);
        foreach (var column in order)
        {
            var (start, end) = (Array.BinarySearch(allowed, column * tile.Columns), Array.BinarySearch(allowed, (column + 1) * tile.Columns));
            (start, end) = (start < 0 ? ~start : start, end < 0 ? ~end : end);
            var largest = double.NegativeInfinity;
            for (var i = start; i < end; i++)
            {
                largest = Math.Max(largest, scores[i]);
            }

            var restarts = variant.Softmax == SoftmaxKind.FirstFlagInverted && !isFirst;
            var before = maximum;
            maximum = restarts ? largest : Math.Max(maximum, largest);
            var weights = new double[end - start];
            for (var i = 0; i < weights.Length; i++)
            {
                weights[i] = Math.Exp(scores[start + i] - maximum);
            }

            var factor = double.IsNegativeInfinity(before) ? 0 : Math.Exp(before - maximum);
            var added = TensorPrimitives.Sum<double>(weights);
            if (restarts)
            {
                sum = added;
            }
            else
            {
                sum = added + (sum * (variant.Softmax == SoftmaxKind.NothingRescaled ? 1 : factor));
            }

            Add(variant, row, weights, valueSource, start, weights.Length, output, absolute);
            isFirst = false;
        }

        Divide(variant, output, absolute, sum == 0 ? 1 : sum);
        return new RowPrediction(output, absolute, maximum + Math.Log(sum), scores.Length, magnitude);
    }

    // The weight of a key is its share among the queries that attend to it.
    private RowPrediction OverQueries(
        AttentionVariant variant, MaskPlanes mask, OutputRow row, int[] allowed, double[] scores, int[] valueSource, double magnitude)
    {
        var p = variant.Problem;
        var (output, absolute) = (new double[p.ValueSize], new double[p.ValueSize]);
        var sums = ColumnLogSums(variant, mask, row.Batch, row.Head);
        var weights = new double[scores.Length];
        for (var i = 0; i < weights.Length; i++)
        {
            weights[i] = Math.Exp(scores[i] - sums[allowed[i]]);
        }

        Add(variant, row, weights, valueSource, 0, weights.Length, output, absolute);
        return new RowPrediction(output, absolute, double.NaN, scores.Length, magnitude + p.QueryLength);
    }

    private double[] ColumnLogSums(AttentionVariant variant, MaskPlanes mask, int batch, int head) => _columnSums.GetOrAdd((variant, batch, head), _ =>
    {
        var plane = mask[batch, head];
        var (maxima, sums) = (new double[plane.Keys], new double[plane.Keys]);
        Array.Fill(maxima, double.NegativeInfinity);
        var all = new List<(int[] Keys, double[] Scores)>();
        for (var query = 0; query < plane.Queries; query++)
        {
            var row = new OutputRow(batch, head, query);
            var allowed = Allowed(variant, mask, plane, row);
            var (source, _) = Route(variant, mask, row, allowed);
            var scores = Scores(variant, row, allowed, source, plane, out var _);
            all.Add((allowed, scores));
            for (var i = 0; i < allowed.Length; i++)
            {
                maxima[allowed[i]] = Math.Max(maxima[allowed[i]], scores[i]);
            }
        }

        foreach (var (keys, scores) in all)
        {
            for (var i = 0; i < keys.Length; i++)
            {
                sums[keys[i]] += Math.Exp(scores[i] - maxima[keys[i]]);
            }
        }

        return [.. maxima.Zip(sums, (maximum, sum) => maximum + Math.Log(sum))];
    });

    private void Add(
        AttentionVariant variant, OutputRow row, double[] weights, int[] source, int first, int count, double[] output, double[] absolute)
    {
        var p = variant.Problem;
        var (v, magnitudes) = (_operands.Values(variant.Values), _operands.Magnitudes(variant.Values));
        var start = ((row.Batch * p.KvHeads) + KvHead(variant, row.Head)) * p.KvLength;
        for (var i = 0; i < count; i++)
        {
            var (weight, key) = (weights[i], source[first + i]);
            if (key >= p.KvLength || key < 0 || weight == 0)
            {
                continue;
            }

            var at = (start + key) * p.ValueSize;
            TensorPrimitives.MultiplyAdd(v.AsSpan(at, p.ValueSize), weight, output, output);
            TensorPrimitives.MultiplyAdd(magnitudes.AsSpan(at, p.ValueSize), weight, absolute, absolute);
        }
    }

    private static void Divide(AttentionVariant variant, double[] output, double[] absolute, double divisor)
    {
        for (var d = 0; d < output.Length; d++)
        {
            output[d] /= divisor;
            absolute[d] /= divisor;
            output[d] = variant.OutputRounding is { } type ? Operands.Round(type, output[d]) : output[d];
        }
    }

    private static int KvHead(AttentionVariant variant, int head) => variant.Heads switch
    {
        HeadMap.Modulo => head % variant.Problem.KvHeads,
        HeadMap.First => 0,
        _ => variant.Problem.KvHeadOf(head),
    };
}
