namespace Stof.Reference.Cuda.Execution;

/// <summary>
/// Cosines and sines of rotary position embedding (Su et al. 2021, eq. 15): the angle of pair i at position p is p·theta^(−2i/d). Computed in double,
/// rounded once.
/// </summary>
internal static class RotaryAngles
{
    /// <summary>The tables [length, headSize/2].</summary>
    public static (float[] Cosines, float[] Sines) Of(int length, int headSize, double theta)
    {
        var half = headSize / 2;
        var (cosines, sines) = (new float[length * half], new float[length * half]);
        for (var pair = 0; pair < half; pair++)
        {
            var frequency = Math.Pow(theta, -2.0 * pair / headSize);
            for (var position = 0; position < length; position++)
            {
                var (sine, cosine) = Math.SinCos(position * frequency);
                (cosines[(position * half) + pair], sines[(position * half) + pair]) = ((float)cosine, (float)sine);
            }
        }

        return (cosines, sines);
    }
}
