namespace Stof.Reference.Cpu.Simd;

/// <summary>y = norm(x + b + r): LayerNorm and RMSNorm, alone or fused with what stands before them.</summary>
public static class Normalize
{
    /// <summary>Normalises every row.</summary>
    /// <param name="workspace">Threads and scratch.</param>
    /// <param name="x">Input [rows, columns].</param>
    /// <param name="norm">Kind and parameters.</param>
    /// <param name="y">Output [rows, columns]; may be <paramref name="x"/>.</param>
    /// <exception cref="InvalidInputException">A shape does not fit.</exception>
    public static void Run(KernelWorkspace workspace, MatrixView x, RowNorm norm, MatrixView y)
    {
        ArgumentNullException.ThrowIfNull(norm);
        RowKernel.Run(workspace, x, y, norm: norm);
    }

    /// <summary>Adds a bias and a residual, where there are any, and normalises the float sum.</summary>
    /// <param name="workspace">Threads and scratch.</param>
    /// <param name="x">Input [rows, columns].</param>
    /// <param name="bias">b [columns]; null for none.</param>
    /// <param name="residual">r [rows, columns], dtype of <paramref name="y"/>; default for none.</param>
    /// <param name="norm">Kind and parameters.</param>
    /// <param name="y">Output [rows, columns]; may be <paramref name="x"/> or <paramref name="residual"/>.</param>
    /// <param name="preNorm">Receives x + b + r, rounded; dtype of <paramref name="y"/>; default for nobody.</param>
    /// <exception cref="InvalidInputException">A shape or dtype does not fit.</exception>
    public static void Run(
        KernelWorkspace workspace,
        MatrixView x,
        float[]? bias,
        MatrixView residual,
        RowNorm norm,
        MatrixView y,
        MatrixView preNorm = default)
    {
        ArgumentNullException.ThrowIfNull(norm);
        RowKernel.Run(workspace, x, y, bias, residual: residual, norm: norm, preNorm: preNorm);
    }
}
