namespace Stof.Reference.Cuda.Driver;

/// <summary>Extents of a grid, block or cluster; all positive where it is used.</summary>
/// <param name="X">The extent that varies fastest.</param>
/// <param name="Y">The middle extent.</param>
/// <param name="Z">The slowest extent.</param>
public readonly record struct Dim3(int X, int Y = 1, int Z = 1)
{
    /// <summary>X·Y·Z.</summary>
    public long Count => (long)X * Y * Z;

    /// <summary>True if every extent is positive.</summary>
    public bool IsPositive => X > 0 && Y > 0 && Z > 0;

    /// <summary>True if no extent is larger than the other's.</summary>
    public bool FitsIn(Dim3 limit) => X <= limit.X && Y <= limit.Y && Z <= limit.Z;

    /// <inheritdoc/>
    public override string ToString() => $"{X}×{Y}×{Z}";
}
