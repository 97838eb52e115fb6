using Stof.Reference.Graphs;
using Stof.Reference.Numerics;

namespace Stof.Reference.Cpu.Simd;

/// <summary>Operands of one <see cref="RowPipeline"/> run: a block of rows. Strides are in bytes; absent operands are null.</summary>
internal unsafe struct RowBlock
{
    /// <summary>Everything up to the residual; its output is where the rows end up.</summary>
    public RowMapArguments Map;

    /// <summary>Where the rows go before the norm, in the output's type; null if nobody wants them.</summary>
    public byte* PreNorm;
    public nint PreNormStride;

    /// <summary>Room for the block in float, used if there is a norm; may be the input itself.</summary>
    public float* Scratch;

    /// <summary>Floats between rows of the scratch.</summary>
    public nint ScratchStride;

    /// <summary>Rows of the scratch, which are used in turn: two or more, or all of the block.</summary>
    public int ScratchRows;
}

/// <summary>
/// Bias, activation, residual and norm over rows, with one rounding at each store: with a norm, the sum that it sees is the
/// float one. The loops for the given types are picked once; running allocates nothing.
/// </summary>
internal readonly unsafe struct RowPipeline
{
    private readonly delegate*<in RowMapArguments, void> _map;
    private readonly delegate*<in RowMapArguments, void> _storePreNorm;
    private readonly bool _isIdentity;
    private readonly bool _isSum;
    private readonly DType _output;
    private readonly PinnedNorm _norm;

    public RowPipeline(DType input, DType residual, DType output, Activation activation, PinnedNorm norm)
    {
        _isIdentity = input == DType.F32 && activation == Activation.None;
        _isSum = _isIdentity && residual == DType.F32;
        _output = output;
        _norm = norm;
        _map = RowMap.Select(input, residual, norm.IsPresent ? DType.F32 : output, activation);
        _storePreNorm = norm.IsPresent ? RowMap.Select(DType.F32, DType.F32, output, Activation.None) : null;
    }

    public void Run(in RowBlock block)
    {
        if (!_norm.IsPresent)
        {
            _map(in block.Map);
            return;
        }

        var isCopy = _isIdentity && block.Map.Bias is null && block.Map.Residual is null;
        if (block.PreNorm is null && block.Map.Rows > 0 && (isCopy || CanWalkSums(in block)))
        {
            Walk(in block);
            return;
        }

        // Row by row, so that a row is still in the first-level cache when its norm is taken. Two rows are on their way: while the
        // one waits for its sums to come together, the other has work to do.
        var isLayer = _norm.Kind == NormKind.Layer;
        var residual = block.Map.Residual;
        var sums = stackalloc float[NormRow.Chunk];
        var one = block.Map;
        one.Rows = 1;
        one.OutputGroupStride = 16 * sizeof(float);
        one.End = isLayer ? RowEnd.Summed : RowEnd.Squared;
        one.Sums = sums;
        one.OutputAhead = 0;
        var store = new RowStore { OutputAhead = block.Map.OutputAhead, IsStreamed = block.Map.End == RowEnd.Streamed };
        var (current, next) = ((nint)0, (nint)0);
        NormRow.Statistics statistics = default;
        for (var i = 0; i <= block.Map.Rows; i++)
        {
            var mean = 0f;
            if (i < block.Map.Rows)
            {
                one.First = block.Map.First + (i * one.InputStride);
                one.Second = block.Map.Second + (i * one.InputStride);
                one.Residual = residual is null ? null : residual + (i * one.ResidualStride);
                next = (nint)one.First;
                if (!isCopy)
                {
                    next = (nint)(block.Scratch + (i % block.ScratchRows * block.ScratchStride));
                    one.Output = (byte*)next;
                    _map(in one);
                }

                if (block.PreNorm is not null)
                {
                    StorePreNorm((float*)next, block.PreNorm + (i * block.PreNormStride), one.Columns);
                }

                mean = NormRow.Mean((float*)next, one.Columns, in _norm, isCopy ? null : sums);
            }

            if (i > 0)
            {
                var output = block.Map.Output + ((i - 1) * block.Map.OutputStride);
                Normalize((float*)current, one.Columns, statistics, output, block.Map.OutputGroupStride, in store);
            }

            if (i < block.Map.Rows)
            {
                statistics = NormRow.Measure((float*)next, one.Columns, in _norm, mean, isCopy ? null : sums);
                current = next;
            }
        }
    }

    // Rows that are in the caches gain nothing by it.
    private bool CanWalkSums(in RowBlock block) => _isSum
        && block.Map.End == RowEnd.Streamed
        && block.Map.Columns % NormRow.Chunk == 0
        && block.ScratchRows >= Math.Min(NormWalk.ScratchRows, block.Map.Rows);

    private void Walk(in RowBlock block)
    {
        switch (_output)
        {
            case DType.F16:
                NormWalk.Run<ElementF16>(in block, in _norm);
                break;
            case DType.BF16:
                NormWalk.Run<ElementBF16>(in block, in _norm);
                break;
            default:
                NormWalk.Run<ElementF32>(in block, in _norm);
                break;
        }
    }

    private void StorePreNorm(float* row, byte* preNorm, int columns)
    {
        var store = new RowMapArguments
        {
            First = (byte*)row,
            Output = preNorm,
            OutputGroupStride = 16 * _output.Size(),
            Rows = 1,
            Columns = columns,
        };
        _storePreNorm(in store);
    }

    private void Normalize(
        float* row, int columns, NormRow.Statistics statistics, byte* output, nint groupStride, in RowStore store)
    {
        switch (_output)
        {
            case DType.F16:
                NormRow.Apply<ElementF16>(row, columns, in _norm, statistics, output, groupStride, in store);
                break;
            case DType.BF16:
                NormRow.Apply<ElementBF16>(row, columns, in _norm, statistics, output, groupStride, in store);
                break;
            default:
                NormRow.Apply<ElementF32>(row, columns, in _norm, statistics, output, groupStride, in store);
                break;
        }
    }
}
