namespace Stof.Reference.Cuda.Templates;

/// <summary>The matrix instruction m16n8k16.</summary>
internal static class MmaShape
{
    /// <summary>Rows of A and C.</summary>
    public const int Rows = 16;

    /// <summary>Columns of B and C.</summary>
    public const int Columns = 8;

    /// <summary>Columns of A, rows of B.</summary>
    public const int Depth = 16;
}
