namespace Stof.Reference.Verification.Diagnosis;

/// <summary>One way in which kernels are known to go wrong.</summary>
/// <param name="Family">The bug's name, the same for all its parameters; stable.</param>
/// <param name="Detail">Its parameters, such as a tile size; empty if it has none.</param>
/// <param name="Apply">The attention that a kernel with this bug computes, from the one without.</param>
public sealed record Mutation(string Family, string Detail, Func<AttentionVariant, AttentionVariant> Apply)
{
    /// <summary>Whether it changes the effective mask and nothing else; such bugs are found by the probe too.</summary>
    public bool IsMaskOnly { get; init; }

    /// <summary>
    /// Whether it predicts wrong rows but not what they hold. It then explains nothing unless every such row is wrong, and loses
    /// against a mutation that predicts values.
    /// </summary>
    public bool IsWildcard { get; init; }

    /// <summary>Family and detail.</summary>
    public override string ToString() => Detail.Length == 0 ? Family : $"{Family} ({Detail})";
}
