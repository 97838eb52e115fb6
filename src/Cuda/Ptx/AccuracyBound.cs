namespace Stof.Reference.Cuda.Ptx;

/// <summary>
/// How far a device's result may lie from the exact one: |found − exact| ≤ <paramref name="Absolute"/> + <paramref name="Relative"/>·|exact|.
/// The special function unit is documented in these two measures, not in units in the last place.
/// </summary>
/// <param name="Relative">Part of the result.</param>
/// <param name="Absolute">In the result's unit.</param>
/// <param name="LargestOperand">The bound holds for finite operands up to this magnitude; 0 for all.</param>
public readonly record struct AccuracyBound(double Relative, double Absolute = 0, double LargestOperand = 0)
{
    /// <summary>The device gives the simulator's bits.</summary>
    public static AccuracyBound Exact => default;

    /// <summary>True where bits are compared.</summary>
    public bool IsExact => Relative == 0 && Absolute == 0;

    /// <summary>Units in the last place of a float; a unit is at most 2^-23 of the value.</summary>
    public static AccuracyBound FloatUlps(double ulps) => new(ulps * Math.ScaleB(1, -23), Math.ScaleB(1, -149));

    /// <summary>True if the bound says something about an operand.</summary>
    public bool Covers(double operand) => LargestOperand == 0 || !double.IsFinite(operand) || Math.Abs(operand) <= LargestOperand;

    /// <summary>True if a result may stand for the exact one. Infinities and NaNs only stand for themselves.</summary>
    public bool Allows(double found, double exact) =>
        found.Equals(exact)
        || (double.IsFinite(found) && double.IsFinite(exact) && Math.Abs(found - exact) <= Absolute + (Relative * Math.Abs(exact)));
}
