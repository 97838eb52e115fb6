namespace Stof.Reference.Cpu.Simd;

/// <summary>y = activation(x + b), SwiGLU included: then y has half the columns.</summary>
public static class BiasActivation
{
    /// <summary>Adds a bias, if there is one, and applies an activation.</summary>
    /// <param name="workspace">Threads and scratch.</param>
    /// <param name="x">Input [rows, columns].</param>
    /// <param name="bias">b [columns], both halves counted with SwiGLU; null for none.</param>
    /// <param name="activation">The function.</param>
    /// <param name="y">Output [rows, columns] or [rows, columns/2]; may be <paramref name="x"/>, except with SwiGLU.</param>
    /// <exception cref="InvalidInputException">A shape does not fit.</exception>
    public static void Run(KernelWorkspace workspace, MatrixView x, float[]? bias, Activation activation, MatrixView y) =>
        RowKernel.Run(workspace, x, y, bias, activation);
}
