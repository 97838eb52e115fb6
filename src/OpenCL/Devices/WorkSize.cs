namespace Stof.Reference.OpenCL;

/// <summary>Work-groups of a launch, or work-items of a group.</summary>
/// <param name="X">Along x.</param>
/// <param name="Y">Along y.</param>
/// <param name="Z">Along z.</param>
public readonly record struct WorkSize(long X, long Y = 1, long Z = 1)
{
    /// <summary>One work-item.</summary>
    public static WorkSize One => new(1);

    /// <inheritdoc/>
    public override string ToString() => $"{X}x{Y}x{Z}";
}
