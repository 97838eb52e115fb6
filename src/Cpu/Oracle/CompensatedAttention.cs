using Stof.Reference.Cpu.Threading;
using Stof.Reference.Numerics;
using Stof.Reference.Operators;
using Stof.Reference.Tensors;

namespace Stof.Reference.Cpu.Oracle;

/// <summary>
/// Attention in double-double arithmetic: the second opinion on the naive oracle, with which it shares no code. Row by row: all
/// scores, their maximum, all weights, the weighted values. Only allowed keys are read.
/// </summary>
public static class CompensatedAttention
{
    /// <summary>Computes the answer and the terms of the error budget.</summary>
    /// <param name="problem">
    /// The problem; <see cref="AttentionProblem.KvSplits"/> does not change the value and is ignored.
    /// </param>
    /// <param name="q">Q in the problem's shape and layout, any floating-point dtype.</param>
    /// <param name="k">K, likewise.</param>
    /// <param name="v">V, likewise.</param>
    /// <param name="pool">Threads to spread rows over; the result does not depend on them.</param>
    /// <exception cref="InvalidInputException">The problem is invalid, or a tensor does not fit it.</exception>
    public static AttentionReference Run(
        AttentionProblem problem, HostTensor q, HostTensor k, HostTensor v, WorkerPool? pool = null)
    {
        ArgumentNullException.ThrowIfNull(problem);
        problem.Validated();
        var queries = Operand.Of(q, nameof(q), problem, problem.QueryHeads, problem.QueryLength, problem.HeadSize);
        var keys = Operand.Of(k, nameof(k), problem, problem.KvHeads, problem.KvLength, problem.HeadSize);
        var values = Operand.Of(v, nameof(v), problem, problem.KvHeads, problem.KvLength, problem.ValueSize);
        var mask = problem.BindMask();
        var rows = problem.Batch * problem.QueryHeads * problem.QueryLength;
        var result = Empty(rows, problem.ValueSize);
        Action<int, int> body = (row, _) =>
        {
            var query = row % problem.QueryLength;
            var head = row / problem.QueryLength % problem.QueryHeads;
            var batch = row / problem.QueryLength / problem.QueryHeads;
            var allowed = Enumerable.Range(0, problem.KvLength).Where(key => mask.Allows(batch, head, query, key)).ToArray();
            var scores = Scores(problem, queries, keys, batch, head, query, allowed, out var magnitude);
            result.AllowedKeys[row] = allowed.Length;
            result.ScoreMagnitude[row] = magnitude;
            Combine(problem, values, batch, head, row, allowed, scores, result);
        };
        if (pool is null)
        {
            for (var row = 0; row < rows; row++)
            {
                body(row, 0);
            }
        }
        else
        {
            pool.Run(rows, body);
        }

        return result;
    }

    private static DoubleDouble[] Scores(
        AttentionProblem problem,
        Operand queries,
        Operand keys,
        int batch,
        int head,
        int query,
        int[] allowed,
        out double magnitude)
    {
        magnitude = problem.Sinks is null ? 0 : Math.Abs(problem.Sinks[head]);
        var scores = new DoubleDouble[allowed.Length];
        var queryVector = queries.Vector(batch, head, query);
        for (var i = 0; i < allowed.Length; i++)
        {
            var keyVector = keys.Vector(batch, problem.KvHeadOf(head), allowed[i]);
            var dot = default(CompensatedSum);
            var absolute = 0.0;
            for (var d = 0; d < queryVector.Length; d++)
            {
                dot.AddProduct(queryVector[d], keyVector[d]);
                absolute += Math.Abs(queryVector[d] * keyVector[d]);
            }

            var bias = Bias(problem, batch, head, query, allowed[i]);
            var score = (dot.Value * problem.EffectiveScale) + bias;
            if (problem.Softcap is { } cap)
            {
                score = CompensatedFunctions.Tanh(score / cap) * cap;
            }

            scores[i] = score;
            var size = (Math.Abs(problem.EffectiveScale) * absolute) + Math.Abs(bias);
            if (double.IsFinite(size))
            {
                magnitude = Math.Max(magnitude, size);
            }
        }

        return scores;
    }

    private static double Bias(AttentionProblem problem, int batch, int head, int query, int key)
    {
        var position = query + problem.QueryOffset(batch);
        switch (problem.Bias)
        {
            case null:
                return 0;
            case AlibiBias alibi:
                return -alibi.Slopes[head] * Math.Abs(key - position);
            case RelativeBias relative:
                var bucket = RelativeBias.Bucket(key - position, relative.Table.Shape[0], relative.MaxDistance);
                return Operand.Element(relative.Table, (bucket * problem.QueryHeads) + head);
            case DenseBias dense:
                var (batches, heads) = (dense.Values.Shape[0], dense.Values.Shape[1]);
                var plane = (Math.Min(batch, batches - 1) * heads) + Math.Min(head, heads - 1);
                return Operand.Element(dense.Values, (((plane * problem.QueryLength) + query) * problem.KvLength) + key);
            default:
                return problem.Bias.At(problem, batch, head, query, key);
        }
    }

    private static void Combine(
        AttentionProblem problem,
        Operand values,
        int batch,
        int head,
        int row,
        int[] allowed,
        DoubleDouble[] scores,
        AttentionReference result)
    {
        DoubleDouble maximum = problem.Sinks is null ? double.NegativeInfinity : problem.Sinks[head];
        foreach (var score in scores)
        {
            maximum = score > maximum || double.IsNaN(score.Hi) ? score : maximum;
        }

        if (allowed.Length == 0)
        {
            // No key: o stays 0. With a sink, the sink alone is the sum, of weight 1.
            result.LogSumExp[row] = maximum.Hi;
            result.WeightSum[row] = problem.Sinks is null ? 0 : 1;
            return;
        }

        var weights = Array.ConvertAll(scores, score => CompensatedFunctions.Exp(score - maximum));
        var sum = problem.Sinks is null ? 0 : CompensatedFunctions.Exp(problem.Sinks[head] - maximum);
        foreach (var weight in weights)
        {
            sum += weight;
        }

        var size = problem.ValueSize;
        var output = new CompensatedSum[size];
        var absolute = new double[size];
        var entropy = 0.0;
        for (var i = 0; i < allowed.Length; i++)
        {
            var value = values.Vector(batch, problem.KvHeadOf(head), allowed[i]);
            for (var d = 0; d < size; d++)
            {
                output[d].AddProduct(weights[i], value[d]);
                absolute[d] += weights[i].Hi * Math.Abs(value[d]);
                result.ValueSum[(row * size) + d] += Math.Abs(value[d]);
            }

            var p = weights[i].Hi / sum.Hi;
            entropy -= p > 0 ? p * Math.Log(p) : 0;
        }

        for (var d = 0; d < size; d++)
        {
            result.Output[(row * size) + d] = (output[d].Value / sum).Hi;
            result.AbsoluteOutput[(row * size) + d] = absolute[d] / sum.Hi;
        }

        result.LogSumExp[row] = (maximum + CompensatedFunctions.Log(sum)).Hi;
        result.WeightSum[row] = sum.Hi;
        result.Entropy[row] = entropy;
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

    /// <summary>One of Q, K, V, widened, with its strides.</summary>
    private sealed record Operand(double[] Values, long BatchStride, long HeadStride, long RowStride, int Size)
    {
        public static Operand Of(HostTensor tensor, string name, AttentionProblem problem, int heads, int length, int size)
        {
            ArgumentNullException.ThrowIfNull(tensor, name);
            var byHeads = problem.Layout == AttentionLayout.BatchHeadsLength;
            ReadOnlySpan<int> shape = byHeads ? [problem.Batch, heads, length, size] : [problem.Batch, length, heads, size];
            if (!tensor.HasShape(shape) || !tensor.Type.IsFloat())
            {
                throw new InvalidInputException(name, tensor.ToString(), $"floating-point {HostTensor.Describe(shape)}");
            }

            var (headStride, rowStride) = byHeads ? ((long)length * size, (long)size) : (size, (long)heads * size);
            return new Operand(tensor.ToDoubles(), (long)heads * length * size, headStride, rowStride, size);
        }

        public static double Element(HostTensor tensor, int index) => tensor.Type switch
        {
            DType.F64 => tensor.Span<double>()[index],
            DType.F32 => tensor.Span<float>()[index],
            DType.F16 => (double)tensor.Span<Half>()[index],
            _ => (double)tensor.Span<BFloat16>()[index],
        };

        public ReadOnlySpan<double> Vector(int batch, int head, int row) =>
            Values.AsSpan((int)((batch * BatchStride) + (head * HeadStride) + (row * RowStride)), Size);
    }
}
