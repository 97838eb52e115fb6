using Stof.Reference.Masks;
using Stof.Reference.Operators;
using Stof.Reference.Tensors;

namespace Stof.Reference.Tests.Planted;

/// <summary>
/// A kernel to find bugs in: tiled, online softmax, single precision, one rounding at the end, written apart from the oracle and
/// from the catalogue of mutations. It can be told to have a bug.
/// </summary>
internal sealed class PlantedAttention(AttentionProblem problem, PlantedBug bug, int tile)
{
    private const float Sentinel = -10000;

    private readonly AttentionProblem _p = problem;
    private readonly HashSet<PlantedBug> _bugs = bug switch
    {
        PlantedBug.BitmapsUnreadAndFirstFlag => [PlantedBug.BitmapsUnread, PlantedBug.FirstFlagInverted],
        PlantedBug.BitmapsUnreadAndFirstBatch => [PlantedBug.BitmapsUnread, PlantedBug.FirstBatchMask],
        PlantedBug.WindowOneLessAndScaleMissing => [PlantedBug.WindowOneLess, PlantedBug.ScaleMissing],
        _ => [bug],
    };

    /// <summary>Runs the kernel.</summary>
    public (HostTensor Output, HostTensor LogSumExp) Run(HostTensor q, HostTensor k, HostTensor v)
    {
        var (queries, keys, values) = (Floats(q), Floats(k), Floats(v));
        var output = new double[_p.Batch * _p.QueryHeads * _p.QueryLength * _p.ValueSize];
        var lse = new float[_p.Batch * _p.QueryHeads * _p.QueryLength];
        Parallel.For(0, _p.Batch * _p.QueryHeads, slice =>
        {
            var (b, h) = (slice / _p.QueryHeads, slice % _p.QueryHeads);
            var kvHead = Has(PlantedBug.HeadModulo) ? h % _p.KvHeads : h / (_p.QueryHeads / _p.KvHeads);
            var mask = Mask(b, h);
            if (Has(PlantedBug.SoftmaxOverQueries))
            {
                OverQueries(b, h, kvHead, mask, queries, keys, values, output);
                return;
            }

            for (var query = 0; query < _p.QueryLength; query++)
            {
                Row(b, h, kvHead, query, mask, queries, keys, values, output, lse);
            }
        });
        var wide = HostTensor.From(output, _p.Layout.Shape(_p.Batch, _p.QueryHeads, _p.QueryLength, _p.ValueSize));
        return (wide.To(_p.Type), HostTensor.From(lse, _p.Batch, _p.QueryHeads, _p.QueryLength));
    }

    private bool Has(PlantedBug which) => _bugs.Contains(which);

    private static float[] Floats(HostTensor tensor)
    {
        var result = new float[tensor.Count];
        tensor.CopyTo(result);
        return result;
    }

    // The mask that this kernel believes in, [Sq, Skv].
    private bool[,] Mask(int b, int h)
    {
        var p = _p;
        if (Has(PlantedBug.OtherAlignment))
        {
            p = p with { Alignment = p.Alignment == PositionAlignment.TopLeft ? PositionAlignment.BottomRight : PositionAlignment.TopLeft };
        }

        if (Has(PlantedBug.PaddingNotMasked))
        {
            p = p with { Lengths = null };
        }

        p = Replace(p, PlantedBug.WindowOneLess, mask => $"sliding({((SlidingMask)mask).Width - 1})");
        p = Replace(p, PlantedBug.WindowOneMore, mask => $"sliding({((SlidingMask)mask).Width + 1})");
        p = Replace(p, PlantedBug.OneSidedForTwoSided, mask => $"causal & {mask}");
        p = Replace(p, PlantedBug.TwoSidedForOneSided, mask => ((AndMask)mask).Right.ToString());
        var bound = p.BindMask();
        var (item, head) = (Has(PlantedBug.FirstBatchMask) ? 0 : b, Has(PlantedBug.FirstHeadMask) ? 0 : h);
        var right = new bool[_p.QueryLength, _p.KvLength];
        for (var i = 0; i < _p.QueryLength; i++)
        {
            for (var j = 0; j < _p.KvLength; j++)
            {
                right[i, j] = bound.Allows(item, head, i, j);
            }
        }

        var seen = (bool[,])right.Clone();
        for (var i = 0; i < _p.QueryLength; i++)
        {
            for (var j = 0; j < _p.KvLength; j++)
            {
                seen[i, j] = Has(PlantedBug.BitmapsUnread) ? AnyInTile(right, i / tile, j / tile)
                    : Has(PlantedBug.BitmapsTransposed) ? At(right, (i & ~7) + (j & 7), (j & ~7) + (i & 7))
                    : Has(PlantedBug.BitsReversed) ? At(right, i, (j & ~7) + 7 - (j & 7))
                    : Has(PlantedBug.CausalStrict) ? right[i, j] && j != i
                    : Has(PlantedBug.MaskInverted) ? !right[i, j]
                    : Has(PlantedBug.MaskIgnored) || right[i, j];
            }
        }

        return seen;
    }

    private AttentionProblem Replace(AttentionProblem p, PlantedBug which, Func<MaskPattern, string> text) =>
        Has(which) ? p with { Mask = MaskText.Parse(text(p.Mask)) } : p;

    private bool AnyInTile(bool[,] mask, int tileRow, int tileColumn)
    {
        for (var i = tileRow * tile; i < Math.Min((tileRow + 1) * tile, _p.QueryLength); i++)
        {
            for (var j = tileColumn * tile; j < Math.Min((tileColumn + 1) * tile, _p.KvLength); j++)
            {
                if (mask[i, j])
                {
                    return true;
                }
            }
        }

        return false;
    }

    private static bool At(bool[,] mask, int i, int j) => i < mask.GetLength(0) && j < mask.GetLength(1) && mask[i, j];

    private float Score(int b, int h, int kvHead, int query, int key, int keySource, float[] queries, float[] keys)
    {
        var scale = Has(PlantedBug.ScaleMissing) ? 1f
            : Has(PlantedBug.ScaleSquared) ? (float)(_p.EffectiveScale * _p.EffectiveScale)
            : Has(PlantedBug.ScaleOfPaddedSize) ? 1 / MathF.Sqrt(64)
            : (float)_p.EffectiveScale;
        var dot = 0f;
        if (keySource >= 0 && keySource < _p.KvLength)
        {
            var (x, y) = (
                _p.Layout.RowOffset(_p.QueryHeads, _p.QueryLength, _p.HeadSize, b, h, query),
                _p.Layout.RowOffset(_p.KvHeads, _p.KvLength, _p.HeadSize, b, kvHead, keySource));
            for (var d = 0; d < _p.HeadSize; d++)
            {
                dot += queries[x + d] * keys[y + d];
            }
        }

        var bias = (float)(_p.Bias?.At(_p, b, h, query, key) ?? 0);
        var score = Has(PlantedBug.BiasBeforeScale) ? scale * (dot + bias) : (scale * dot) + bias;
        score = Has(PlantedBug.ScoresToHalf) ? (float)(Half)score : score;
        return _p.Softcap is { } cap ? (float)cap * MathF.Tanh(score / (float)cap) : score;
    }

    private void Row(
        int b, int h, int kvHead, int query, bool[,] mask, float[] queries, float[] keys, float[] values, double[] output, float[] lse)
    {
        var sum = new float[_p.ValueSize];
        var (maximum, total) = (float.NegativeInfinity, 0f);
        if (_p.Sinks is not null && !Has(PlantedBug.SinksMissing))
        {
            (maximum, total) = ((float)_p.Sinks[h], 1);
        }

        var row = query / tile;
        var list = Enumerable.Range(0, (_p.KvLength + tile - 1) / tile).Where(column => IsLoaded(mask, row, column)).Reverse().ToArray();
        var isFirst = true;
        for (var place = 0; place < list.Length; place++)
        {
            var column = list[place];
            if (Has(PlantedBug.OneTileSkipped) && b == 0 && h == 0 && row == Math.Min(1, (_p.QueryLength - 1) / tile) && place == 0)
            {
                continue;
            }

            var keyColumn = Has(PlantedBug.PreviousTileForListed) && place > 0 ? list[place - 1] - 1 : column;
            Tile(b, h, kvHead, query, column, keyColumn, mask, queries, keys, values, sum, ref maximum, ref total, isFirst);
            isFirst = false;
        }

        var at = (((b * _p.QueryHeads) + h) * _p.QueryLength) + query;
        var end = _p.Layout.RowOffset(_p.QueryHeads, _p.QueryLength, _p.ValueSize, b, h, query);
        var stale = Has(PlantedBug.RowsNotWritten) && query >= _p.QueryLength / tile * tile;
        for (var d = 0; d < sum.Length; d++)
        {
            output[end + d] = stale ? ((at * 31 + d * 17) % 101 / 50.0) - 1 : total == 0 ? 0 : sum[d] / total;
        }

        lse[at] = total == 0 ? float.NegativeInfinity : maximum + MathF.Log(total);
        lse[at] = Has(PlantedBug.LogSumExpBaseTwo) ? lse[at] * 1.44269504f : lse[at];
    }

    private bool IsLoaded(bool[,] mask, int row, int column) =>
        !(Has(PlantedBug.RaggedTileDropped) && (column + 1) * tile > _p.KvLength)
            && (Has(PlantedBug.CapAfterMask) || Has(PlantedBug.EmptyRowsBySentinel) || AnyInTile(mask, row, column));

    private void Tile(
        int b, int h, int kvHead, int query, int column, int keyColumn, bool[,] mask, float[] queries, float[] keys, float[] values,
        float[] sum, ref float maximum, ref float total, bool isFirst)
    {
        var scores = new List<(int Key, float Score)>();
        for (var key = column * tile; key < Math.Min((column + 1) * tile, _p.KvLength); key++)
        {
            var score = Score(b, h, kvHead, query, key, (keyColumn * tile) + (key - (column * tile)), queries, keys);
            if (mask[query, key])
            {
                scores.Add((key, score));
            }
            else if (Has(PlantedBug.CapAfterMask))
            {
                scores.Add((key, -(float)_p.Softcap!.Value));
            }
            else if (Has(PlantedBug.EmptyRowsBySentinel))
            {
                scores.Add((key, score + Sentinel));
            }
        }

        var here = scores.Count == 0 ? float.NegativeInfinity : scores.Max(entry => entry.Score);
        var restart = Has(PlantedBug.FirstFlagInverted) && !isFirst;
        var next = restart ? here : MathF.Max(maximum, here);
        var factor = float.IsNegativeInfinity(maximum) || restart ? 0 : MathF.Exp(maximum - next);
        total *= factor;
        for (var d = 0; d < sum.Length && !restart && !Has(PlantedBug.NotRescaled); d++)
        {
            sum[d] *= factor;
        }

        maximum = next;
        foreach (var (key, score) in scores)
        {
            var weight = MathF.Exp(score - maximum);
            total += weight;
            weight = Has(PlantedBug.WeightsToHalf) ? (float)(Half)weight : weight;
            for (var d = 0; d < sum.Length; d++)
            {
                sum[d] += weight * Value(values, b, kvHead, key, d);
            }
        }
    }

    private float Value(float[] values, int b, int kvHead, int key, int d) => Has(PlantedBug.ValuesTransposed)
        ? values[_p.Layout.RowOffset(_p.KvHeads, _p.KvLength, _p.ValueSize, b, kvHead, 0) + (d * _p.KvLength) + key]
        : values[_p.Layout.RowOffset(_p.KvHeads, _p.KvLength, _p.ValueSize, b, kvHead, key) + d];

    private void OverQueries(int b, int h, int kvHead, bool[,] mask, float[] queries, float[] keys, float[] values, double[] output)
    {
        var scores = new float[_p.QueryLength, _p.KvLength];
        for (var key = 0; key < _p.KvLength; key++)
        {
            var (largest, total) = (float.NegativeInfinity, 0f);
            for (var query = 0; query < _p.QueryLength; query++)
            {
                scores[query, key] = mask[query, key] ? Score(b, h, kvHead, query, key, key, queries, keys) : float.NegativeInfinity;
                largest = MathF.Max(largest, scores[query, key]);
            }

            for (var query = 0; query < _p.QueryLength; query++)
            {
                scores[query, key] = mask[query, key] ? MathF.Exp(scores[query, key] - largest) : 0;
                total += scores[query, key];
            }

            for (var query = 0; query < _p.QueryLength && total > 0; query++)
            {
                var at = _p.Layout.RowOffset(_p.QueryHeads, _p.QueryLength, _p.ValueSize, b, h, query);
                for (var d = 0; d < _p.ValueSize; d++)
                {
                    output[at + d] += scores[query, key] / total * Value(values, b, kvHead, key, d);
                }
            }
        }
    }
}
