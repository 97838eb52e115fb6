using System.Runtime.Intrinsics;
using Stof.Reference.Cpu.Threading;
using Stof.Reference.Operators;
using Stof.Reference.Tensors;

namespace Stof.Reference.Cpu.Simd.Attention.Detached;

/// <summary>
/// Operator 2 of a layer run on its own: all products q·k, masked or not, into [B, Hq, Sq, Skv] in float. A task is one
/// column of 64 keys of one head: its keys are transposed once and meet all queries.
/// </summary>
public sealed unsafe class ScoreProduct
{
    private const int BlockKeys = 64;
    private const int BlockRows = 64;

    private readonly AttentionProblem _problem;
    private readonly GrowingFloats _scratch = new();
    private readonly Action<int, int> _body;
    private AttentionView _query;
    private AttentionView _key;
    private HostTensor? _scores;

    /// <summary>Prepares the operator.</summary>
    /// <exception cref="InvalidInputException">The problem is out of range.</exception>
    public ScoreProduct(AttentionProblem problem)
    {
        ArgumentNullException.ThrowIfNull(problem);
        _problem = problem.Validated();
        _body = WidestRegister.Of(
            Column<Lanes512, Vector512<float>>, Column<Lanes256, Vector256<float>>, Column<Lanes128, Vector128<float>>);
    }

    /// <summary>Computes the products.</summary>
    /// <param name="query">Q; F32, F16 or BF16.</param>
    /// <param name="key">K, of the same dtype.</param>
    /// <param name="scores">F32[B, Hq, Sq, Skv], overwritten.</param>
    /// <param name="pool">The workers.</param>
    /// <exception cref="InvalidInputException">An operand does not fit.</exception>
    public void Run(AttentionView query, AttentionView key, HostTensor scores, WorkerPool pool)
    {
        ArgumentNullException.ThrowIfNull(pool);
        var p = _problem;
        query.Require("q", p.Type, p.Batch, p.QueryHeads, p.QueryLength, p.HeadSize);
        key.Require("k", p.Type, p.Batch, p.KvHeads, p.KvLength, p.HeadSize);
        WidestRegister.RequireScores(p, scores);
        _query = query;
        _key = key;
        _scores = scores;
        _scratch.Reserve(ScratchFloats * pool.Threads);
        pool.Run(p.Batch * p.QueryHeads * Columns, _body);
        _scores = null;
    }

    private int Columns => (_problem.KvLength + BlockKeys - 1) / BlockKeys;

    private int Padded => Lanes.RoundUp(_problem.HeadSize);

    // Transposed keys, queries (or the four rows on their way into the keys' panel), products of a ragged column.
    private long ScratchFloats => (BlockKeys * Padded) + (BlockRows * Padded) + (BlockRows * BlockKeys);

    private void Column<TLanes, TVector>(int task, int worker)
        where TLanes : struct, IVectorLanes<TVector>
        where TVector : struct
    {
        var p = _problem;
        var (item, first) = (task / Columns, task % Columns * BlockKeys);
        var (batch, head) = (item / p.QueryHeads, item % p.QueryHeads);
        var keys = Math.Min(BlockKeys, p.KvLength - first);
        var stride = Lanes.RoundUp(keys);
        var panel = _scratch.Pointer + (worker * ScratchFloats);
        var queries = panel + (BlockKeys * Padded);
        var ragged = queries + (BlockRows * Padded);
        QueryLanes.Gather(_key, batch, p.KvHeadOf(head), first, keys, p.HeadSize, panel, stride, queries);
        for (var query = 0; query < p.QueryLength; query += BlockRows)
        {
            var rows = Math.Min(BlockRows, p.QueryLength - query);
            for (var r = 0; r < rows; r++)
            {
                RowConversion.Widen(p.Type, _query.Row(batch, head, query + r), queries + (r * Padded), p.HeadSize);
            }

            var target = (float*)_scores!.Address + ((((long)item * p.QueryLength) + query) * p.KvLength) + first;
            var direct = keys == stride;
            var output = direct ? target : ragged;
            TileProduct.Run<TLanes, TVector>(
                queries, Padded, panel, stride, output, direct ? p.KvLength : stride, adds: false, rows, stride, p.HeadSize);
            for (var r = 0; !direct && r < rows; r++)
            {
                new Span<float>(ragged + (r * stride), keys).CopyTo(new Span<float>(target + ((long)r * p.KvLength), keys));
            }
        }
    }
}
