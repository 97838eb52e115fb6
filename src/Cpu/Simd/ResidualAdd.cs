namespace Stof.Reference.Cpu.Simd;

/// <summary>y = x + b + r.</summary>
public static class ResidualAdd
{
    /// <summary>Adds a bias, if there is one, and a residual.</summary>
    /// <param name="workspace">Threads and scratch.</param>
    /// <param name="x">Input [rows, columns].</param>
    /// <param name="bias">b [columns]; null for none.</param>
    /// <param name="residual">r [rows, columns], dtype of <paramref name="y"/>.</param>
    /// <param name="y">Output [rows, columns]; may be <paramref name="x"/> or <paramref name="residual"/>.</param>
    /// <exception cref="InvalidInputException">A shape or dtype does not fit.</exception>
    public static void Run(KernelWorkspace workspace, MatrixView x, float[]? bias, MatrixView residual, MatrixView y)
    {
        residual.Require(nameof(residual), y.Rows, y.Columns);
        RowKernel.Run(workspace, x, y, bias, residual: residual);
    }
}
