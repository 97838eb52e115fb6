using Stof.Reference.Operators;

namespace Stof.Reference.Cpu.Simd;

/// <summary>
/// Cosines and sines of rotary position embedding (Su et al. 2021, eq. 15): the angle of pair i at position p is
/// p · theta^(−2i/d). Computed in double, rounded once to float.
/// </summary>
public sealed unsafe class RotaryTable
{
    private readonly AlignedFloats _cosines;
    private readonly AlignedFloats _sines;

    /// <summary>Fills the table.</summary>
    /// <param name="positions">Number of positions.</param>
    /// <param name="headSize">d, even.</param>
    /// <param name="theta">Base of the angles.</param>
    /// <exception cref="InvalidInputException">A number is out of range.</exception>
    public RotaryTable(int positions, int headSize, double theta = 10_000)
    {
        if (positions < 1)
        {
            throw new InvalidInputException(nameof(positions), $"{positions}", "1 or more");
        }

        if (headSize < 2 || headSize % 2 != 0)
        {
            throw new InvalidInputException(nameof(headSize), $"{headSize}", "an even number, 2 or more");
        }

        if (!(theta > 0) || !double.IsFinite(theta))
        {
            throw new InvalidInputException(nameof(theta), $"{theta}", "a finite number above 0");
        }

        Positions = positions;
        HeadSize = headSize;
        var half = headSize / 2;
        _cosines = new AlignedFloats((long)positions * half);
        _sines = new AlignedFloats((long)positions * half);
        RotaryAngles.Fill(
            positions, headSize, theta, new Span<float>(_cosines.Address, positions * half), new Span<float>(_sines.Address, positions * half));
    }

    /// <summary>Number of positions.</summary>
    public int Positions { get; }

    /// <summary>d.</summary>
    public int HeadSize { get; }

    internal float* Cosines(int position) => _cosines.Address + ((long)position * (HeadSize / 2));

    internal float* Sines(int position) => _sines.Address + ((long)position * (HeadSize / 2));
}
