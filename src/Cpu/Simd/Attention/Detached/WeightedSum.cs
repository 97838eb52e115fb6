using System.Runtime.Intrinsics;
using Stof.Reference.Cpu.Threading;
using Stof.Reference.Masks;
using Stof.Reference.Operators;
using Stof.Reference.Tensors;

namespace Stof.Reference.Cpu.Simd.Attention.Detached;

/// <summary>
/// Operator 5 of a layer run on its own: O = P·V with P [B, Hq, Sq, Skv] in float and one rounding at the store. A task is a
/// block of query rows of one head. Where a stretch of values holds NaN or infinities, only allowed pairs are added.
/// </summary>
public sealed unsafe class WeightedSum
{
    private const int BlockRows = 256;
    private const int BlockKeys = 128; // summed from zero, then added to o: see SumKeys of the fused kernels

    private readonly AttentionProblem _problem;
    private readonly BoundMask _mask;
    private readonly GrowingFloats _scratch = new();
    private readonly Action<int, int> _body;
    private HostTensor? _weights;
    private AttentionView _value;
    private AttentionView _output;

    /// <summary>Prepares the operator.</summary>
    /// <exception cref="InvalidInputException">The problem is out of range.</exception>
    public WeightedSum(AttentionProblem problem)
    {
        ArgumentNullException.ThrowIfNull(problem);
        _problem = problem.Validated();
        _mask = problem.BindMask();
        _body = WidestRegister.Of(
            Block<Lanes512, Vector512<float>>, Block<Lanes256, Vector256<float>>, Block<Lanes128, Vector128<float>>);
    }

    /// <summary>Adds up the values.</summary>
    /// <param name="weights">F32[B, Hq, Sq, Skv].</param>
    /// <param name="value">V; F32, F16 or BF16.</param>
    /// <param name="output">O, of the same dtype; any strides.</param>
    /// <param name="pool">The workers.</param>
    /// <exception cref="InvalidInputException">An operand does not fit.</exception>
    public void Run(HostTensor weights, AttentionView value, AttentionView output, WorkerPool pool)
    {
        ArgumentNullException.ThrowIfNull(pool);
        var p = _problem;
        WidestRegister.RequireScores(p, weights);
        value.Require("v", p.Type, p.Batch, p.KvHeads, p.KvLength, p.ValueSize);
        output.Require("output", p.Type, p.Batch, p.QueryHeads, p.QueryLength, p.ValueSize);
        _weights = weights;
        _value = value;
        _output = output;
        _scratch.Reserve(ScratchFloats * pool.Threads);
        pool.Run(p.Batch * p.QueryHeads * Blocks, _body);
        _weights = null;
    }

    private int Blocks => (_problem.QueryLength + BlockRows - 1) / BlockRows;

    private int Padded => Lanes.RoundUp(_problem.ValueSize);

    // Values, outputs.
    private long ScratchFloats => (BlockKeys + BlockRows) * (long)Padded;

    private void Block<TLanes, TVector>(int task, int worker)
        where TLanes : struct, IVectorLanes<TVector>
        where TVector : struct
    {
        var p = _problem;
        var (item, query) = (task / Blocks, task % Blocks * BlockRows);
        var (batch, head) = (item / p.QueryHeads, item % p.QueryHeads);
        var rows = Math.Min(BlockRows, p.QueryLength - query);
        var values = _scratch.Pointer + (worker * ScratchFloats);
        var output = values + (BlockKeys * Padded);
        new Span<float>(output, BlockRows * Padded).Clear();
        var weights = (float*)_weights!.Address + ((((long)item * p.QueryLength) + query) * p.KvLength);
        for (var key = 0; key < p.KvLength; key += BlockKeys)
        {
            var keys = Math.Min(BlockKeys, p.KvLength - key);
            var check = TLanes.Create(0f);
            for (var k = 0; k < keys; k++)
            {
                var row = values + (k * Padded);
                RowConversion.Widen(p.Type, _value.Row(batch, p.KvHeadOf(head), key + k), row, p.ValueSize);
                new Span<float>(row + p.ValueSize, Padded - p.ValueSize).Clear();
                for (var d = 0; d < Padded; d += TLanes.Width)
                {
                    check = TLanes.Fma(TLanes.Load(row + d), TLanes.Create(0f), check); // NaN as soon as one is not finite
                }
            }

            if (float.IsNaN(TLanes.SumAcross(check)))
            {
                AddAllowed(batch, head, query, rows, key, keys, weights, values, output);
            }
            else
            {
                TileProduct.Run<TLanes, TVector>(
                    weights + key, p.KvLength, values, Padded, output, Padded, adds: true, rows, Padded, keys);
            }
        }

        for (var r = 0; r < rows; r++)
        {
            RowConversion.Narrow(p.Type, output + (r * Padded), _output.Row(batch, head, query + r), p.ValueSize);
        }
    }

    private void AddAllowed(
        int batch, int head, int query, int rows, int key, int keys, float* weights, float* values, float* output)
    {
        var allowed = stackalloc int[BlockKeys];
        for (var r = 0; r < rows; r++, weights += _problem.KvLength)
        {
            var count = 0;
            for (var k = key; k < key + keys; k++)
            {
                if (_mask.Allows(batch, head, query + r, k))
                {
                    allowed[count++] = k;
                }
            }

            for (var d = 0; d < Padded; d++)
            {
                var sum = 0f;
                for (var i = 0; i < count; i++)
                {
                    sum = MathF.FusedMultiplyAdd(weights[allowed[i]], values[((allowed[i] - key) * Padded) + d], sum);
                }

                output[(r * Padded) + d] += sum;
            }
        }
    }
}
