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
    private readonly int _inputSize;
    private readonly int _residualSize;
    private readonly DType _output;
    private readonly PinnedNorm _norm;

    public RowPipeline(DType input, DType residual, DType output, Activation activation, PinnedNorm norm)
    {
        _isIdentity = input == DType.F32 && activation == Activation.None;
        _inputSize = input.Size();
        _residualSize = residual.Size();
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

        // Row by row, so that a row is still in the first-level cache when its norm is taken.
        var one = block.Map;
        one.Rows = 1;
        one.OutputGroupStride = 16 * sizeof(float);
        var outputAhead = one.OutputAhead;
        (one.InputAhead, one.ResidualAhead, one.OutputAhead) = (0, 0, 0); // the norm asks for the next row
        var scratch = block.Scratch;
        var isCopy = _isIdentity && one.Bias is null && one.Residual is null;
        var preNorm = block.PreNorm;
        var output = block.Map.Output;
        for (var i = 0; i < block.Map.Rows; i++)
        {
            var row = (float*)one.First;
            if (!isCopy)
            {
                row = scratch;
                one.Output = (byte*)row;
                _map(in one);
            }

            if (preNorm is not null)
            {
                StorePreNorm(row, preNorm, one.Columns);
                preNorm += block.PreNormStride;
            }

            one.First += one.InputStride;
            one.Second += one.InputStride;
            if (one.Residual is not null)
            {
                one.Residual += one.ResidualStride;
            }

            var ahead = new RowAhead
            {
                First = one.First,
                FirstStep = 16 * _inputSize,
                Residual = one.Residual,
                ResidualStep = 16 * _residualSize,
                Output = outputAhead,
            };
            Normalize(row, one.Columns, output, block.Map.OutputGroupStride, ahead);
            output += block.Map.OutputStride;
            scratch += block.ScratchStride;
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

    private void Normalize(float* row, int columns, byte* output, nint groupStride, RowAhead ahead)
    {
        switch (_output)
        {
            case DType.F16:
                NormRow.Apply<ElementF16>(row, columns, in _norm, output, groupStride, ahead);
                break;
            case DType.BF16:
                NormRow.Apply<ElementBF16>(row, columns, in _norm, output, groupStride, ahead);
                break;
            default:
                NormRow.Apply<ElementF32>(row, columns, in _norm, output, groupStride, ahead);
                break;
        }
    }
}
