namespace Stof.Reference.Verification.Golden;

/// <summary>What inputs are drawn from. Narrow or all-positive inputs hide bugs, so cases come in all of them.</summary>
public enum InputFamily
{
    /// <summary>N(0,1).</summary>
    Normal,

    /// <summary>N(0,1), one element in a hundred times 20.</summary>
    Outliers,

    /// <summary>N(0,3): the softmax becomes peaked.</summary>
    Wide,

    /// <summary>
    /// Code words: every query picks one key and the rest weighs nothing, values are small integers. A right kernel returns a row of V
    /// bit by bit, in any dtype.
    /// </summary>
    Exact,
}
