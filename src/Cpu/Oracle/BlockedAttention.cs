using Stof.Reference.Masks;
using Stof.Reference.Numerics;
using Stof.Reference.Operators;
using Stof.Reference.Tensors;

namespace Stof.Reference.Cpu.Oracle;

/// <summary>
/// The oracle at speed: the definition in double precision, a block of queries at a time. All scores of a row are there before
/// its maximum is taken, and all weights before values are added, as in <see cref="NaiveAttention"/>; only the order of the work
/// is another one. A row that meets numbers that are not finite is left to the naive code.
/// <para>Scores and outputs are summed one key after the other, sums over keys in four fixed lanes: the bits do not depend on the
/// number of threads.</para>
/// </summary>
public static class BlockedAttention
{
    private const int Tile = DoubleTiles.Keys;
    private const int ScoresInCache = 1 << 17;

    /// <summary>Computes the answer and the terms of the error budget.</summary>
    /// <param name="problem">The problem; <see cref="AttentionProblem.KvSplits"/> does not change the value and is ignored.</param>
    /// <param name="q">Q in the problem's shape and layout, any floating-point dtype.</param>
    /// <param name="k">K, likewise.</param>
    /// <param name="v">V, likewise.</param>
    /// <param name="queries">
    /// The queries wanted, ascending, the same for all heads; null for all. Rows of the result are then [B, Hq, queries].
    /// </param>
    /// <exception cref="InvalidInputException">The problem is invalid, a tensor does not fit it, or the result exceeds an array.</exception>
    public static AttentionReference Run(
        AttentionProblem problem, HostTensor q, HostTensor k, HostTensor v, IReadOnlyList<int>? queries = null)
    {
        ArgumentNullException.ThrowIfNull(problem);
        ArgumentNullException.ThrowIfNull(q);
        ArgumentNullException.ThrowIfNull(k);
        ArgumentNullException.ThrowIfNull(v);
        var p = problem.Validated();
        NaiveAttention.RequireShape("q", q, p.Layout.Shape(p.Batch, p.QueryHeads, p.QueryLength, p.HeadSize));
        NaiveAttention.RequireShape("k", k, p.Layout.Shape(p.Batch, p.KvHeads, p.KvLength, p.HeadSize));
        NaiveAttention.RequireShape("v", v, p.Layout.Shape(p.Batch, p.KvHeads, p.KvLength, p.ValueSize));
        var wanted = queries is null ? [.. Enumerable.Range(0, p.QueryLength)] : queries.ToArray();
        var rows = (long)p.Batch * p.QueryHeads * wanted.Length;
        if (rows * p.ValueSize > Array.MaxLength)
        {
            throw new InvalidInputException(
                "rows", $"{rows} of {p.ValueSize} values", $"at most {Array.MaxLength / p.ValueSize} rows at once; ask for fewer queries");
        }

        var work = new Work(p, p.BindMask(), q.ToDoubles(), k.ToDoubles(), v.ToDoubles(), wanted, Empty((int)rows, p.ValueSize));
        var group = p.QueryHeads / p.KvHeads;
        var perBlock = work.RowsPerBlock;
        var blocks = (wanted.Length + perBlock - 1) / perBlock;
        for (var item = 0; item < p.Batch * p.KvHeads; item++)
        {
            var (b, kvHead) = (item / p.KvHeads, item % p.KvHeads);
            var panels = KvPanels.Pack(p, work.K, work.V, b, kvHead);
            Parallel.For(0, group * blocks, () => new Scratch(p, perBlock), (task, _, scratch) =>
            {
                work.Block(panels, scratch, b, (kvHead * group) + (task % group), task / group * perBlock);
                return scratch;
            }, _ => { });
        }

        return work.Result;
    }

    private static AttentionReference Empty(int rows, int size) => new()
    {
        Output = new double[rows * size],
        LogSumExp = new double[rows],
        AbsoluteOutput = new double[rows * size],
        ValueSum = new double[rows * size],
        AllowedKeys = new int[rows],
        ScoreMagnitude = new double[rows],
        WeightSum = new double[rows],
        Entropy = new double[rows],
    };

    /// <summary>K and V of one batch item and KV head in tiles of <see cref="DoubleTiles.Keys"/> keys.</summary>
    private sealed record KvPanels(double[] Keys, double[] Values, double[] AbsoluteSums, bool[] Finite, int Width)
    {
        public static KvPanels Pack(AttentionProblem p, double[] k, double[] v, int b, int kvHead)
        {
            var tiles = (p.KvLength + Tile - 1) / Tile;
            var width = (p.ValueSize + DoubleTiles.Lanes - 1) / DoubleTiles.Lanes * DoubleTiles.Lanes;
            var panels = new KvPanels(
                new double[tiles * p.HeadSize * Tile], new double[tiles * Tile * width], new double[tiles * width], new bool[tiles], width);
            for (var t = 0; t < tiles; t++)
            {
                panels.Finite[t] = true;
                for (var j = 0; j < Tile && (t * Tile) + j < p.KvLength; j++)
                {
                    var key = k.AsSpan(p.Layout.RowOffset(p.KvHeads, p.KvLength, p.HeadSize, b, kvHead, (t * Tile) + j), p.HeadSize);
                    for (var d = 0; d < p.HeadSize; d++)
                    {
                        panels.Keys[(((t * p.HeadSize) + d) * Tile) + j] = key[d];
                    }

                    var value = v.AsSpan(p.Layout.RowOffset(p.KvHeads, p.KvLength, p.ValueSize, b, kvHead, (t * Tile) + j), p.ValueSize);
                    value.CopyTo(panels.Values.AsSpan(((t * Tile) + j) * width));
                    for (var d = 0; d < p.ValueSize; d++)
                    {
                        panels.AbsoluteSums[(t * width) + d] += Math.Abs(value[d]);
                        panels.Finite[t] &= double.IsFinite(value[d]);
                    }
                }
            }

            return panels;
        }
    }

    /// <summary>What one thread needs for one block of queries.</summary>
    private sealed class Scratch(AttentionProblem p, int rows)
    {
        public readonly double[] Queries = new double[rows * p.HeadSize];
        public readonly double[] Scores = new double[rows * Stride(p)];
        public readonly double[] Magnitudes = new double[rows * Tile];
        public readonly ulong[] Bits = new ulong[rows * ((p.KvLength + Tile - 1) / Tile)];
        public readonly double[] Output = new double[rows * Width(p)];
        public readonly double[] Absolute = new double[rows * Width(p)];
        public readonly double[] ValueSum = new double[rows * Width(p)];
        public readonly List<(int Tile, bool Full)> Loaded = [];

        public static int Stride(AttentionProblem p) => (p.KvLength + Tile - 1) / Tile * Tile;

        private static int Width(AttentionProblem p) => (p.ValueSize + DoubleTiles.Lanes - 1) / DoubleTiles.Lanes * DoubleTiles.Lanes;
    }

    private sealed class Work(
        AttentionProblem p, BoundMask mask, double[] q, double[] k, double[] v, int[] wanted, AttentionReference result)
    {
        private readonly int _stride = Scratch.Stride(p);
        private readonly bool _isContiguous = wanted.Length == 0 || wanted[^1] - wanted[0] == wanted.Length - 1;

        public double[] K => k;

        public double[] V => v;

        public AttentionReference Result => result;

        /// <summary>A multiple of the micro-kernel's rows, such that the scores of a block stay in the second-level cache.</summary>
        public int RowsPerBlock =>
            Math.Clamp(ScoresInCache / Math.Max(_stride, 1) / DoubleTiles.Rows * DoubleTiles.Rows, DoubleTiles.Rows, 32);

        public void Block(KvPanels panels, Scratch scratch, int b, int h, int first)
        {
            var count = Math.Min(wanted.Length - first, RowsPerBlock);
            LoadQueries(scratch, b, h, first, count);
            FindTiles(scratch, b, h, first, count);
            var padded = (count + DoubleTiles.Rows - 1) / DoubleTiles.Rows * DoubleTiles.Rows;
            var row = (((b * p.QueryHeads) + h) * wanted.Length) + first;
            Span<double> maxima = stackalloc double[count];
            maxima.Fill(p.Sinks is null ? double.NegativeInfinity : p.Sinks[h]);
            Score(panels, scratch, b, h, first, count, padded, row, maxima);
            var isRegular = scratch.Loaded.TrueForAll(entry => panels.Finite[entry.Tile]);
            for (var i = 0; i < count; i++)
            {
                Weigh(scratch, i, row + i, maxima[i], h);
            }

            scratch.Output.AsSpan().Clear();
            scratch.Absolute.AsSpan().Clear();
            scratch.ValueSum.AsSpan().Clear();
            if (isRegular)
            {
                Combine(panels, scratch, count, padded);
            }

            for (var i = 0; i < count; i++)
            {
                if (result.AllowedKeys[row + i] == 0)
                {
                    continue; // o stays 0
                }

                if (!isRegular || !double.IsFinite(maxima[i]))
                {
                    Naive(scratch, b, h, first + i, row + i);
                    continue;
                }

                Store(scratch, panels.Width, i, row + i);
            }
        }

        private void LoadQueries(Scratch scratch, int b, int h, int first, int count)
        {
            scratch.Queries.AsSpan().Clear();
            for (var i = 0; i < count; i++)
            {
                q.AsSpan(p.Layout.RowOffset(p.QueryHeads, p.QueryLength, p.HeadSize, b, h, wanted[first + i]), p.HeadSize)
                    .CopyTo(scratch.Queries.AsSpan(i * p.HeadSize));
            }
        }

        // Bits of every row and loaded tile; tiles that no row attends to are left out.
        private void FindTiles(Scratch scratch, int b, int h, int first, int count)
        {
            scratch.Loaded.Clear();
            for (var t = 0; t * Tile < p.KvLength; t++)
            {
                var (start, end) = (t * Tile, Math.Min((t + 1) * Tile, p.KvLength));
                var known = _isContiguous
                    ? mask.Classify(b, h, new MaskRect(wanted[first], wanted[first + count - 1] + 1, start, end))
                    : TileClass.Part;
                if (known == TileClass.Empty)
                {
                    continue;
                }

                var all = ulong.MaxValue >> (Tile - (end - start));
                var (any, every) = (0UL, ulong.MaxValue);
                for (var i = 0; i < count; i++)
                {
                    var bits = known == TileClass.Full ? all : mask.Row64(b, h, wanted[first + i], start) & all;
                    scratch.Bits[(scratch.Loaded.Count * RowsPerBlock) + i] = bits;
                    any |= bits;
                    every &= bits;
                }

                if (any != 0)
                {
                    scratch.Loaded.Add((t, every == ulong.MaxValue));
                }
            }
        }

        private void Score(
            KvPanels panels, Scratch scratch, int b, int h, int first, int count, int padded, int row, Span<double> maxima)
        {
            var isPlain = p.Bias is null && p.Softcap is null;
            for (var l = 0; l < scratch.Loaded.Count; l++)
            {
                var (t, isFull) = scratch.Loaded[l];
                DoubleTiles.Multiply(scratch.Queries, panels.Keys, t, p.HeadSize, padded, scratch.Scores, _stride, scratch.Magnitudes);
                for (var i = 0; i < count; i++)
                {
                    var scores = scratch.Scores.AsSpan((i * _stride) + (t * Tile), Tile);
                    var sizes = scratch.Magnitudes.AsSpan(i * Tile, Tile);
                    var bits = scratch.Bits[(l * RowsPerBlock) + i];
                    if (!isPlain)
                    {
                        Modify(scores, sizes, bits, b, h, wanted[first + i], t * Tile);
                    }

                    DoubleTiles.Mask(
                        scores, sizes, bits, isPlain ? p.EffectiveScale : 1, isFull, ref maxima[i], ref result.ScoreMagnitude[row + i]);
                }
            }

            if (p.Sinks is not null)
            {
                for (var i = 0; i < count; i++)
                {
                    result.ScoreMagnitude[row + i] = Math.Max(result.ScoreMagnitude[row + i], Math.Abs(p.Sinks[h]));
                }
            }
        }

        // Bias and cap, one score after the other; both leave the scale applied.
        private void Modify(Span<double> scores, Span<double> sizes, ulong bits, int b, int h, int query, int key)
        {
            for (; bits != 0; bits &= bits - 1)
            {
                var j = System.Numerics.BitOperations.TrailingZeroCount(bits);
                var bias = p.Bias?.At(p, b, h, query, key + j) ?? 0.0;
                var score = (p.EffectiveScale * scores[j]) + bias;
                scores[j] = p.Softcap is double cap ? cap * Math.Tanh(score / cap) : score;
                sizes[j] = (Math.Abs(p.EffectiveScale) * sizes[j]) + Math.Abs(bias);
            }
        }

        // Scores become weights exp(s − m).
        private void Weigh(Scratch scratch, int i, int row, double maximum, int h)
        {
            var (sum, moment, keys) = (0.0, 0.0, 0);
            if (p.Sinks is not null)
            {
                sum = Math.Exp(p.Sinks[h] - maximum);
            }

            for (var l = 0; l < scratch.Loaded.Count; l++)
            {
                keys += System.Numerics.BitOperations.PopCount(scratch.Bits[(l * RowsPerBlock) + i]);
                var scores = scratch.Scores.AsSpan((i * _stride) + (scratch.Loaded[l].Tile * Tile), Tile);
                DoubleTiles.Exponentiate(scores, maximum, ref sum, ref moment);
            }

            // Σ p·ln p = Σ e·(s − m)/L − ln L·Σ e/L; the sink owns its share of L and is left out of the sum.
            var share = p.Sinks is null ? 1 : 1 - (Math.Exp(p.Sinks[h] - maximum) / sum);
            result.AllowedKeys[row] = keys;
            result.WeightSum[row] = keys == 0 && p.Sinks is null ? 0 : sum;
            result.LogSumExp[row] = keys == 0 ? maximum : maximum + Math.Log(sum);
            result.Entropy[row] = keys == 0 ? 0 : Math.Max(0, (Math.Log(sum) * share) - (moment / sum));
        }

        private void Combine(KvPanels panels, Scratch scratch, int count, int padded)
        {
            for (var l = 0; l < scratch.Loaded.Count; l++)
            {
                var (t, isFull) = scratch.Loaded[l];
                DoubleTiles.Accumulate(
                    scratch.Scores, _stride, t, panels.Values, panels.Width, padded, scratch.Output, scratch.Absolute);
                for (var i = 0; i < count; i++)
                {
                    var bits = scratch.Bits[(l * RowsPerBlock) + i];
                    var sum = scratch.ValueSum.AsSpan(i * panels.Width, panels.Width);
                    if (isFull || bits == ulong.MaxValue)
                    {
                        DoubleTiles.Add(panels.AbsoluteSums.AsSpan(t * panels.Width, panels.Width), sum);
                    }
                    else
                    {
                        DoubleTiles.AddMagnitudes(panels.Values.AsSpan(t * Tile * panels.Width, Tile * panels.Width), bits, sum);
                    }
                }
            }
        }

        private void Store(Scratch scratch, int width, int i, int row)
        {
            var sum = result.WeightSum[row];
            for (var d = 0; d < p.ValueSize; d++)
            {
                var at = (row * p.ValueSize) + d;
                result.Output[at] = scratch.Output[(i * width) + d] / sum;
                result.AbsoluteOutput[at] = scratch.Absolute[(i * width) + d] / sum;
                result.ValueSum[at] = scratch.ValueSum[(i * width) + d];
            }
        }

        private void Naive(Scratch scratch, int b, int h, int index, int row)
        {
            var query = wanted[index];
            var keys = new List<int>();
            for (var j = 0; j < p.KvLength; j++)
            {
                if (mask.Allows(b, h, query, j))
                {
                    keys.Add(j);
                }
            }

            (result.ScoreMagnitude[row], result.Entropy[row]) = (0, 0);
            var vector = q.AsSpan(p.Layout.RowOffset(p.QueryHeads, p.QueryLength, p.HeadSize, b, h, query), p.HeadSize);
            NaiveAttention.AttendRow(p, result, row, (b, h, query), vector, [.. keys], k, v, scratch.Scores);
        }
    }
}
