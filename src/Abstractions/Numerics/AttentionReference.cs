namespace Stof.Reference.Numerics;

/// <summary>
/// What an oracle says about one attention: the answer in double precision, and the quantities from which the error budget of a
/// backend follows. Elements are in the order [B, Hq, Sq, Dv] and rows in the order [B, Hq, Sq], whatever the layout of the
/// problem. Notation: s the scores of the allowed keys (after bias and cap), m the largest of them (sinks included), p = exp(s −
/// m)/L.
/// </summary>
public sealed record AttentionReference
{
    /// <summary>o = Σ p·v; 0 in rows without keys.</summary>
    public required double[] Output { get; init; }

    /// <summary>m + ln L, natural; −∞ in rows without keys (and without sinks).</summary>
    public required double[] LogSumExp { get; init; }

    /// <summary>A = Σ p·|v|, one an element.</summary>
    public required double[] AbsoluteOutput { get; init; }

    /// <summary>W = Σ |v| over the allowed keys, one an element.</summary>
    public required double[] ValueSum { get; init; }

    /// <summary>n: allowed keys, one a row.</summary>
    public required int[] AllowedKeys { get; init; }

    /// <summary>
    /// σ: the largest scale·Σ|q·k| + |bias| over the allowed keys, and |sink|; one a row. What is not finite does not count.
    /// </summary>
    public required double[] ScoreMagnitude { get; init; }

    /// <summary>L = Σ exp(s − m), sinks included; 0 in rows without keys and sinks; one a row.</summary>
    public required double[] WeightSum { get; init; }

    /// <summary>−Σ p·ln p over the allowed keys, in nats: near 0 a row is one-hot, near ln n it is flat; one a row.</summary>
    public required double[] Entropy { get; init; }

    /// <summary>Rows: B·Hq·Sq.</summary>
    public int Rows => LogSumExp.Length;

    /// <summary>Dv, or 0 where there are no rows.</summary>
    public int ValueSize => Rows == 0 ? 0 : Output.Length / Rows;
}
