namespace Stof.Reference.Masks;

/// <summary>
/// Heads switched on and off (structured pruning, VTrans, Dutta et al. 2024): query head h attends to every key if its digit is 1 and to
/// nothing if it is 0, so that a pruned head gives zeros. It demands as many query heads as there are digits. Text form:
/// <c>head_switch(1+0+1+1)</c>.
/// </summary>
public sealed record HeadSwitchMask : NamedMask
{
    /// <summary>The catalogue's entry.</summary>
    public static MaskEntry Entry { get; } = new()
    {
        Name = "head_switch",
        Formula = "on[head] = 1",
        Summary = "Switches whole query heads on and off: a pruned head attends to nothing and gives zeros. Combine it with a pattern: "
            + "`causal & head_switch(1+0+1+1)`.",
        Source = "Dutta et al.: VTrans (2024), its mask over heads",
        Parameters = [MaskParameter.Word("on", "1 or 0 for each query head, joined by +")],
        Create = a => new HeadSwitchMask(a.Wholes("on")),
        Examples = ["head_switch(1+0+1+1)", "head_switch(0+1)", "head_switch(1)", "head_switch(0+0+0)"],
        Sample = new("head_switch(1+0+1+1)"),
    };

    private readonly int[] _on;

    /// <summary>Creates the pattern.</summary>
    /// <param name="on">1 or 0 for each query head.</param>
    /// <exception cref="InvalidInputException">There is no head, or a value is neither 0 nor 1.</exception>
    public HeadSwitchMask(params ReadOnlySpan<int> on)
    {
        if (on.Length == 0)
        {
            throw new InvalidInputException($"{Name} on", "no heads", "1 or 0 for each query head");
        }

        _on = on.ToArray();
        for (var head = 0; head < _on.Length; head++)
        {
            if (_on[head] is not (0 or 1))
            {
                throw new InvalidInputException($"{Name} head {head}", $"{_on[head]}", "1 or 0");
            }
        }
    }

    /// <summary>1 or 0 for each query head.</summary>
    public ReadOnlySpan<int> On => _on;

    /// <inheritdoc/>
    public override MaskDemand Demand => new(Heads: _on.Length);

    /// <inheritdoc/>
    public override string Name => "head_switch";

    /// <inheritdoc/>
    public override IReadOnlyList<MaskParameterValue> Arguments => [new("on", Joined(_on))];

    /// <inheritdoc/>
    public override BoundMask Bind(MaskExtent extent) => new Bound(Demand.Require(extent, Name), _on);

    /// <summary>Same heads on.</summary>
    public bool Equals(HeadSwitchMask? other) => other is not null && _on.AsSpan().SequenceEqual(other._on);

    /// <inheritdoc/>
    public override int GetHashCode() => _on.Aggregate(0, HashCode.Combine);

    private sealed class Bound(MaskExtent extent, int[] on) : BoundMask(extent)
    {
        public override bool VariesByHead { get; } = on.Distinct().Count() > 1;

        public override bool Allows(int batch, int head, int query, int key) => on[head] == 1;

        public override TileClass Classify(int batch, int head, MaskRect rect) => on[head] == 1 ? TileClass.Full : TileClass.Empty;

        public override ulong Row64(int batch, int head, int query, int keyStart) => on[head] == 1 ? KeysBetween(keyStart, 0, Extent.KeyLength) : 0;
    }
}
