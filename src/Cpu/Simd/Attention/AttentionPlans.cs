namespace Stof.Reference.Cpu.Simd.Attention;

/// <summary>
/// The plans of one problem, made when they are needed: one wave for everything where keys and values are read where they lie, for then
/// no buffer has to be filled before it is used; waves that fit a buffer where they are copied.
/// </summary>
/// <param name="create">Makes a plan for panels of some floats.</param>
/// <param name="panelFloats">Size of a copied panel.</param>
internal sealed class AttentionPlans(Func<long, AttentionPlan> create, long panelFloats)
{
    private AttentionPlan? _inPlace;
    private AttentionPlan? _ofCopies;

    /// <summary>The plan.</summary>
    /// <param name="isInPlace">True if nothing is copied.</param>
    public AttentionPlan For(bool isInPlace) => isInPlace ? _inPlace ??= create(0) : _ofCopies ??= create(panelFloats);
}
