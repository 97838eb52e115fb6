namespace Stof.Reference.Masks;

/// <summary>The masks that STOF is measured on, at the widths of its experiments: √S for bands and global positions.</summary>
public static class PaperMasks
{
    /// <summary>Dense first, then causal, sliding window, dilated, Longformer, BigBird.</summary>
    /// <param name="length">S.</param>
    /// <returns>A short name and the mask's text.</returns>
    public static IReadOnlyList<(string Name, string Text)> At(int length)
    {
        var width = (int)Math.Sqrt(length);
        return
        [
            ("dense", "full"),
            ("causal", "causal"),
            ("sliding", $"sliding({width})"),
            ("dilated", $"dilated(width={width},gap=1)"),
            ("longformer", $"longformer(band={width},global={width})"),
            ("bigbird", $"bigbird(band={width},global={width},fill=0.1,seed=0)"),
        ];
    }
}
