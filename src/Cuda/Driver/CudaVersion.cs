namespace Stof.Reference.Cuda.Driver;

/// <summary>A version of CUDA or of PTX.</summary>
/// <param name="Major">Before the dot.</param>
/// <param name="Minor">After the dot.</param>
public readonly record struct CudaVersion(int Major, int Minor) : IComparable<CudaVersion>
{
    // CUDA version to the newest PTX .version that its compiler reads ("Release notes" of the PTX ISA).
    private static readonly (CudaVersion Cuda, CudaVersion Ptx)[] PtxOfCuda =
    [
        (new(13, 1), new(9, 1)),
        (new(13, 0), new(9, 0)),
        (new(12, 9), new(8, 8)),
        (new(12, 8), new(8, 7)),
        (new(12, 7), new(8, 6)),
        (new(12, 5), new(8, 5)),
        (new(12, 4), new(8, 4)),
        (new(12, 3), new(8, 3)),
        (new(12, 2), new(8, 2)),
        (new(12, 1), new(8, 1)),
        (new(12, 0), new(8, 0)),
        (new(11, 8), new(7, 8)),
        (new(11, 0), new(7, 0)),
    ];

    /// <summary>Reads <c>cuDriverGetVersion</c>'s number: 1000·major + 10·minor.</summary>
    public static CudaVersion FromDriver(int number) => new(number / 1000, number % 1000 / 10);

    /// <summary>The newest PTX <c>.version</c> that a driver of this CUDA version is known to compile.</summary>
    public CudaVersion NewestPtx()
    {
        foreach (var (cuda, ptx) in PtxOfCuda)
        {
            if (CompareTo(cuda) >= 0)
            {
                return ptx;
            }
        }

        return new(6, 0);
    }

    /// <inheritdoc/>
    public int CompareTo(CudaVersion other) => (Major, Minor).CompareTo((other.Major, other.Minor));

    /// <inheritdoc/>
    public override string ToString() => $"{Major}.{Minor}";

    /// <summary>Older than.</summary>
    public static bool operator <(CudaVersion left, CudaVersion right) => left.CompareTo(right) < 0;

    /// <summary>Newer than.</summary>
    public static bool operator >(CudaVersion left, CudaVersion right) => left.CompareTo(right) > 0;

    /// <summary>Not newer than.</summary>
    public static bool operator <=(CudaVersion left, CudaVersion right) => left.CompareTo(right) <= 0;

    /// <summary>Not older than.</summary>
    public static bool operator >=(CudaVersion left, CudaVersion right) => left.CompareTo(right) >= 0;
}
