namespace Stof.Reference.Verification.Diagnosis;

/// <summary>A change of a mask's bits, such as a kernel makes that reads them wrongly.</summary>
/// <param name="Apply">The changed plane of (batch, head), from all unchanged ones.</param>
public sealed record MaskEdit(Func<MaskPlanes, int, int, BitPlane> Apply)
{
    /// <summary>The changed planes, each computed when it is asked for.</summary>
    public MaskPlanes On(MaskPlanes planes)
    {
        ArgumentNullException.ThrowIfNull(planes);
        return new MaskPlanes(planes.Extent, (batch, head) => Apply(planes, batch, head));
    }
}
