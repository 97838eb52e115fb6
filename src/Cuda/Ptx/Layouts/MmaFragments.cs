namespace Stof.Reference.Cuda.Ptx.Layouts;

/// <summary>
/// Where the elements of a matrix lie in the registers of a warp. The maps are those of the PTX ISA, "Matrix Fragments for mma.m16n8k8" and
/// "…k16": with g = lane ÷ 4 and t = lane mod 4, a row of eight lanes' groups holds g, and t holds neighbouring columns.
/// </summary>
/// <param name="Name">Which operand of which instruction.</param>
/// <param name="Rows">Rows of the matrix.</param>
/// <param name="Columns">Columns of the matrix.</param>
/// <param name="Registers">Registers of a lane.</param>
/// <param name="Elements">Elements of a register, the first in the low bits.</param>
/// <param name="Place">Row and column of an element: lane, register, element.</param>
public sealed record FragmentLayout(
    string Name, int Rows, int Columns, int Registers, int Elements, Func<int, int, int, (int Row, int Column)> Place)
{
    /// <summary>Lane, register and element that hold a row and column.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The matrix has no such element.</exception>
    public (int Lane, int Register, int Element) Find(int row, int column)
    {
        for (var lane = 0; lane < 32; lane++)
        {
            for (var register = 0; register < Registers; register++)
            {
                for (var element = 0; element < Elements; element++)
                {
                    if (Place(lane, register, element) == (row, column))
                    {
                        return (lane, register, element);
                    }
                }
            }
        }

        throw new ArgumentOutOfRangeException(nameof(row), $"({row}, {column}) is not in {Rows} x {Columns}");
    }
}

/// <summary>Operands of <c>mma.m16n8k8</c> and <c>mma.m16n8k16</c>: A is M×K, B is K×N, C and D are M×N; and of <c>ldmatrix</c>.</summary>
public static class MmaFragments
{
    /// <summary>A of m16n8k16, 16-bit elements.</summary>
    public static FragmentLayout A16 { get; } = new(
        "m16n8k16 A", 16, 16, 4, 2, (lane, register, element) => ((lane / 4) + (8 * (register & 1)), (2 * (lane % 4)) + element + (8 * (register >> 1))));

    /// <summary>B of m16n8k16, 16-bit elements.</summary>
    public static FragmentLayout B16 { get; } = new(
        "m16n8k16 B", 16, 8, 2, 2, (lane, register, element) => ((2 * (lane % 4)) + element + (8 * register), lane / 4));

    /// <summary>A of m16n8k8, 16-bit elements.</summary>
    public static FragmentLayout A8 { get; } = new(
        "m16n8k8 A", 16, 8, 2, 2, (lane, register, element) => ((lane / 4) + (8 * register), (2 * (lane % 4)) + element));

    /// <summary>B of m16n8k8, 16-bit elements.</summary>
    public static FragmentLayout B8 { get; } = new(
        "m16n8k8 B", 8, 8, 1, 2, (lane, _, element) => ((2 * (lane % 4)) + element, lane / 4));

    /// <summary>A of m16n8k8, TF32.</summary>
    public static FragmentLayout ATf32 { get; } = new(
        "m16n8k8 A tf32", 16, 8, 4, 1, (lane, register, _) => ((lane / 4) + (8 * (register & 1)), (lane % 4) + (4 * (register >> 1))));

    /// <summary>B of m16n8k8, TF32.</summary>
    public static FragmentLayout BTf32 { get; } = new(
        "m16n8k8 B tf32", 8, 8, 2, 1, (lane, register, _) => ((lane % 4) + (4 * register), lane / 4));

    /// <summary>C and D of all m16n8, floats.</summary>
    public static FragmentLayout AccumulatorF32 { get; } = new(
        "m16n8 C f32", 16, 8, 4, 1, (lane, register, _) => ((lane / 4) + (8 * (register >> 1)), (2 * (lane % 4)) + (register & 1)));

    /// <summary>C and D of all m16n8, halves.</summary>
    public static FragmentLayout AccumulatorF16 { get; } = new(
        "m16n8 C f16", 16, 8, 2, 2, (lane, register, element) => ((lane / 4) + (8 * register), (2 * (lane % 4)) + element));

    /// <summary>
    /// An 8×8 matrix of 16-bit elements as <c>ldmatrix</c> gives it, and <c>stmatrix</c> takes it: one register a lane. Row r of matrix i is the 16
    /// bytes at the address of lane 8·i + r.
    /// </summary>
    public static FragmentLayout Matrix { get; } = new(
        "ldmatrix", 8, 8, 1, 2, (lane, _, element) => (lane / 4, (2 * (lane % 4)) + element));

    /// <summary>As <see cref="Matrix"/>, with <c>.trans</c>: rows and columns exchanged.</summary>
    public static FragmentLayout MatrixTransposed { get; } = new(
        "ldmatrix.trans", 8, 8, 1, 2, (lane, _, element) => ((2 * (lane % 4)) + element, lane / 4));

    /// <summary>All layouts.</summary>
    public static IReadOnlyList<FragmentLayout> All { get; } =
        [A16, B16, A8, B8, ATf32, BTf32, AccumulatorF32, AccumulatorF16, Matrix, MatrixTransposed];
}
