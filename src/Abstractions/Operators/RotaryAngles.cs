namespace Stof.Reference.Operators;

/// <summary>
/// Cosines and sines of rotary position embedding (Su et al. 2021, eq. 15): the angle of pair i at position p is p · theta^(−2i/d). Computed in
/// double, rounded once to float.
/// </summary>
public static class RotaryAngles
{
    /// <summary>Fills two tables [positions, d/2].</summary>
    /// <param name="positions">Number of positions.</param>
    /// <param name="headSize">d, even.</param>
    /// <param name="theta">Base of the angles.</param>
    /// <param name="cosines">Receives the cosines.</param>
    /// <param name="sines">Receives the sines.</param>
    public static void Fill(int positions, int headSize, double theta, Span<float> cosines, Span<float> sines)
    {
        var half = headSize / 2;
        for (var i = 0; i < half; i++)
        {
            var frequency = Math.Pow(theta, -2.0 * i / headSize);
            for (var position = 0; position < positions; position++)
            {
                var (sine, cosine) = Math.SinCos(position * frequency);
                cosines[(position * half) + i] = (float)cosine;
                sines[(position * half) + i] = (float)sine;
            }
        }
    }
}
