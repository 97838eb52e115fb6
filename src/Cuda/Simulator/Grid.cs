namespace Stof.Reference.Cuda.Simulator;

/// <summary>Blocks of a launch.</summary>
/// <param name="X">Blocks along x.</param>
/// <param name="Y">Blocks along y.</param>
/// <param name="Z">Blocks along z.</param>
public readonly record struct Grid(int X, int Y = 1, int Z = 1)
{
    /// <summary>Blocks in all.</summary>
    public long Count => (long)X * Y * Z;
}

/// <summary>A block's place in the grid.</summary>
/// <param name="X">Along x.</param>
/// <param name="Y">Along y.</param>
/// <param name="Z">Along z.</param>
public readonly record struct BlockIndex(int X, int Y, int Z)
{
    /// <inheritdoc/>
    public override string ToString() => $"({X},{Y},{Z})";
}
