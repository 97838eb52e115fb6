namespace Stof.Reference.Cpu.Simd;

/// <summary>y = x + b.</summary>
public static class BiasAdd
{
    /// <summary>Adds a bias to every row.</summary>
    /// <param name="workspace">Threads and scratch.</param>
    /// <param name="x">Input [rows, columns].</param>
    /// <param name="bias">b [columns].</param>
    /// <param name="y">Output [rows, columns], any of the three dtypes; may be <paramref name="x"/>.</param>
    /// <exception cref="InvalidInputException">A shape does not fit.</exception>
    public static void Run(KernelWorkspace workspace, MatrixView x, float[] bias, MatrixView y)
    {
        ArgumentNullException.ThrowIfNull(bias);
        RowKernel.Run(workspace, x, y, bias);
    }
}
