using System.Runtime.Intrinsics;
using Stof.Reference.Cpu.Threading;
using Stof.Reference.Operators;
using Stof.Reference.Tensors;

namespace Stof.Reference.Cpu.Simd.Attention.Detached;

/// <summary>
/// Operator 4 of a layer run on its own: every row of scores to weights that sum to one, in place; a sink takes its share
/// without a weight. A row of −∞ becomes zeros.
/// </summary>
public sealed unsafe class RowSoftmax
{
    private readonly AttentionProblem _problem;
    private readonly Action<int, int> _body;
    private HostTensor? _scores;

    /// <summary>Prepares the operator.</summary>
    /// <exception cref="InvalidInputException">The problem is out of range.</exception>
    public RowSoftmax(AttentionProblem problem)
    {
        ArgumentNullException.ThrowIfNull(problem);
        _problem = problem.Validated();
        _body = WidestRegister.Of(
            Head<Lanes512, Vector512<float>>, Head<Lanes256, Vector256<float>>, Head<Lanes128, Vector128<float>>);
    }

    /// <summary>Turns scores into weights.</summary>
    /// <param name="scores">F32[B, Hq, Sq, Skv].</param>
    /// <param name="pool">The workers.</param>
    /// <exception cref="InvalidInputException">The tensor does not fit.</exception>
    public void Run(HostTensor scores, WorkerPool pool)
    {
        ArgumentNullException.ThrowIfNull(pool);
        WidestRegister.RequireScores(_problem, scores);
        _scores = scores;
        pool.Run(_problem.Batch * _problem.QueryHeads, _body);
        _scores = null;
    }

    private void Head<TLanes, TVector>(int item, int worker)
        where TLanes : struct, IVectorLanes<TVector>
        where TVector : struct
    {
        var sink = _problem.Sinks is null ? float.NegativeInfinity : (float)_problem.Sinks[item % _problem.QueryHeads];
        var row = (float*)_scores!.Address + ((long)item * _problem.QueryLength * _problem.KvLength);
        for (var query = 0; query < _problem.QueryLength; query++, row += _problem.KvLength)
        {
            Row<TLanes, TVector>(row, _problem.KvLength, sink);
        }
    }

    private static void Row<TLanes, TVector>(float* row, int count, float sink)
        where TLanes : struct, IVectorLanes<TVector>
        where TVector : struct
    {
        // The last elements are worked on in a copy padded with −∞ to sixteen.
        var whole = count & ~(Lanes.Count - 1);
        var tail = stackalloc float[Lanes.Count];
        new Span<float>(tail, Lanes.Count).Fill(float.NegativeInfinity);
        new Span<float>(row + whole, count - whole).CopyTo(new Span<float>(tail, Lanes.Count));

        var largestLanes = TLanes.Create(sink);
        for (var i = 0; i < whole + Lanes.Count; i += TLanes.Width)
        {
            largestLanes = TLanes.Max(TLanes.Load(i < whole ? row + i : tail + (i - whole)), largestLanes);
        }

        var largest = TLanes.MaxAcross(largestLanes);
        var reference = float.IsNegativeInfinity(largest) ? 0f : largest;
        var lanes = stackalloc float[Lanes.Count];
        for (var lane = 0; lane < Lanes.Count; lane += TLanes.Width)
        {
            var sum = TLanes.Create(0f);
            for (var i = lane; i < whole + Lanes.Count; i += Lanes.Count)
            {
                var at = i < whole ? row + i : tail + (i - whole);
                var weight = VectorMath.Exp<TLanes, TVector>(TLanes.Subtract(TLanes.Load(at), TLanes.Create(reference)));
                TLanes.Store(weight, at);
                sum = TLanes.Add(sum, weight);
            }

            TLanes.Store(sum, lanes + lane);
        }

        var total = Lanes.Sum(lanes) + VectorMath.Exp(sink - reference);
        if (total != 0f)
        {
            for (var i = 0; i < whole + Lanes.Count; i += TLanes.Width)
            {
                var at = i < whole ? row + i : tail + (i - whole);
                TLanes.Store(TLanes.Divide(TLanes.Load(at), TLanes.Create(total)), at);
            }
        }

        new Span<float>(tail, count - whole).CopyTo(new Span<float>(row + whole, count - whole));
    }
}
