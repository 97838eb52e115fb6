namespace Stof.Reference.Cpu.Simd;

/// <summary>
/// C = epilogue(prologue(A)·B) with A [M, K], B [K, N], C [M, N] (N/2 columns with SwiGLU). Every output element is one chain
/// of fused multiply-adds over ascending k, starting at zero: neither tiling, nor threads, nor the vector width change a bit.
/// F16 and BF16 inputs are widened exactly, everything is computed in float and rounded once at the store.
/// </summary>
/// <remarks>Not thread-safe: kernels of one workspace run one after the other.</remarks>
public sealed unsafe class GemmKernel
{
    private readonly PackedMatrix _weights;
    private readonly KernelWorkspace _workspace;
    private readonly RowNorm? _prologue;
    private readonly GemmEpilogue _epilogue;
    private readonly GemmTiling? _tiling;
    private GemmTiling? _automatic; // of the last run
    private int _automaticRows;

    /// <summary>Binds weights and parameters; nothing is computed yet.</summary>
    /// <param name="weights">B.</param>
    /// <param name="workspace">Threads and scratch.</param>
    /// <param name="prologue">Normalisation of A's rows, applied in float while A is packed; null for none.</param>
    /// <param name="epilogue">What happens to C's rows before the store; null for nothing.</param>
    /// <param name="tiling">Block sizes; null chooses them from the shape of each run.</param>
    /// <exception cref="InvalidInputException">A parameter's length does not fit the weights, or a block is not positive.</exception>
    public GemmKernel(
        PackedMatrix weights,
        KernelWorkspace workspace,
        RowNorm? prologue = null,
        GemmEpilogue? epilogue = null,
        GemmTiling? tiling = null)
    {
        ArgumentNullException.ThrowIfNull(weights);
        ArgumentNullException.ThrowIfNull(workspace);
        _weights = weights;
        _workspace = workspace;
        _prologue = prologue;
        _epilogue = epilogue ?? GemmEpilogue.Empty;
        _tiling = tiling?.Rounded();
        prologue?.Require(nameof(prologue), weights.Depth);
        _epilogue.Require(nameof(epilogue), weights);
    }

    /// <summary>Columns of C.</summary>
    public int OutputColumns => _epilogue.OutputColumns(_weights.Columns);

    /// <summary>Computes C.</summary>
    /// <param name="a">A [M, K]; must not overlap <paramref name="c"/>.</param>
    /// <param name="c">C [M, N], or [M, N/2] with SwiGLU.</param>
    /// <param name="residual">Added after the activation; shape and dtype of C, may be C itself; default for none.</param>
    /// <param name="preNorm">
    /// With a norm in the epilogue: receives C before the norm (the residual stream of pre-norm models); may be
    /// <paramref name="residual"/>, not C. Default for none.
    /// </param>
    /// <exception cref="InvalidInputException">A shape or dtype does not fit.</exception>
    public void Run(MatrixView a, MatrixView c, MatrixView residual = default, MatrixView preNorm = default)
    {
        Check(a, c, residual, preNorm, _weights.Depth, OutputColumns, _epilogue.Norm is not null);
        if (a.Rows == 0 || OutputColumns == 0)
        {
            return;
        }

        using var prologue = new PinnedNorm(_prologue);
        using var norm = new PinnedNorm(_epilogue.Norm);
        using var bias = _epilogue.Bias.AsMemory().Pin();
        var tiling = _tiling ?? Automatic(a.Rows);
        var finishes = norm.IsPresent && tiling.ColumnBlock < OutputColumns;
        var sums = finishes
            ? _workspace.Rent(KernelWorkspace.SharedRoom.Sums, GemmStage.SumFloats(_weights, a.Rows))
            : null;
        var stage = new GemmStage(
            _weights, (float*)bias.Pointer, _epilogue.Activation, norm, c, residual, preNorm, tiling.DepthBlock, sums);
        var rows = new GemmRows(a, prologue, default, a.Rows);
        new GemmLoop(_workspace, in rows, in stage, tiling.RowBlock, GemmLayout.Panels(tiling.ColumnBlock)).Run();
        if (finishes)
        {
            new GemmFinishLoop(_workspace.Pool, stage, a.Rows).Run();
        }

        GC.KeepAlive(_weights);
    }

    private GemmTiling Automatic(int rows)
    {
        if (_automatic is null || _automaticRows != rows)
        {
            var work = new GemmWork(rows, OutputColumns, _weights.Depth)
            {
                IsGated = _weights.IsGated,
                NormalisesInput = _prologue is not null,
                NormalisesOutput = _epilogue.Norm is not null,
            };
            _automatic = GemmTiling.For(in work, _workspace.Pool.Threads);
            _automaticRows = rows;
        }

        return _automatic;
    }

    internal static void Check(
        MatrixView a, MatrixView c, MatrixView residual, MatrixView preNorm, int depth, int columns, bool hasNorm)
    {
        a.Require(nameof(a), a.Rows, depth);
        c.Require(nameof(c), a.Rows, columns);
        if (residual.IsPresent)
        {
            residual.Require(nameof(residual), a.Rows, columns);
            residual.RequireType(nameof(residual), c.Type);
        }

        if (preNorm.IsPresent)
        {
            preNorm.Require(nameof(preNorm), a.Rows, columns);
            preNorm.RequireType(nameof(preNorm), c.Type);
            if (!hasNorm)
            {
                throw new InvalidInputException(nameof(preNorm), preNorm.ToString(), "none: the epilogue has no norm");
            }
        }
    }
}
