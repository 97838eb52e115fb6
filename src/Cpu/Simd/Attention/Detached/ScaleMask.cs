using System.Runtime.Intrinsics;
using Stof.Reference.Cpu.Threading;
using Stof.Reference.Masks;
using Stof.Reference.Operators;
using Stof.Reference.Tensors;

namespace Stof.Reference.Cpu.Simd.Attention.Detached;

/// <summary>Operator 3 of a layer run on its own: scale, bias, cap, then −∞ for masked pairs, in place.</summary>
public sealed unsafe class ScaleMask
{
    private readonly AttentionProblem _problem;
    private readonly BoundMask _mask;
    private readonly ScoreRule _rule;
    private readonly Action<int, int> _body;
    private HostTensor? _scores;

    /// <summary>Binds the mask and prepares the bias.</summary>
    /// <exception cref="InvalidInputException">The problem is out of range.</exception>
    public ScaleMask(AttentionProblem problem)
    {
        ArgumentNullException.ThrowIfNull(problem);
        _problem = problem.Validated();
        _mask = problem.BindMask();
        _rule = new ScoreRule(problem);
        _body = WidestRegister.Of(
            Head<Lanes512, Vector512<float>>, Head<Lanes256, Vector256<float>>, Head<Lanes128, Vector128<float>>);
    }

    /// <summary>Turns products into scores.</summary>
    /// <param name="scores">F32[B, Hq, Sq, Skv]: q·k in, scores out.</param>
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
        var (batch, head) = (item / _problem.QueryHeads, item % _problem.QueryHeads);
        var (queries, keys) = (_problem.QueryLength, _problem.KvLength);
        var row = (float*)_scores!.Address + ((long)item * queries * keys);
        var ragged = stackalloc float[BoundMask.RowBits];
        for (var query = 0; query < queries; query++, row += keys)
        {
            var bias = _rule.Bias(batch, head, query);
            for (var key = 0; key < keys; key += BoundMask.RowBits)
            {
                var count = Math.Min(BoundMask.RowBits, keys - key);
                var bits = _mask.Row64(batch, head, query, key);
                if (bits == 0)
                {
                    new Span<float>(row + key, count).Fill(float.NegativeInfinity);
                    continue;
                }

                // The last keys of a row are worked on in a copy that is padded to whole registers.
                var whole = count == BoundMask.RowBits;
                var part = whole ? row + key : ragged;
                if (!whole)
                {
                    new Span<float>(ragged, BoundMask.RowBits).Clear();
                    new Span<float>(row + key, count).CopyTo(new Span<float>(ragged, count));
                }

                var columns = Lanes.RoundUp(count);
                _rule.Apply<TLanes, TVector>(part, columns, bias is null ? null : bias + key);
                for (var c = 0; bits != ulong.MaxValue && c < columns; c += TLanes.Width)
                {
                    var score = TLanes.SelectBits((uint)(bits >> c), TLanes.Load(part + c), TLanes.Create(float.NegativeInfinity));
                    TLanes.Store(score, part + c);
                }

                if (!whole)
                {
                    new Span<float>(ragged, count).CopyTo(new Span<float>(row + key, count));
                }
            }
        }
    }
}
