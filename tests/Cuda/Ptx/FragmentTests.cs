using Stof.Reference.Cuda.Ptx.Layouts;
using Stof.Reference.Formats;

namespace Stof.Reference.Cuda.Tests.Ptx;

public sealed class FragmentTests
{
    public static TheoryData<string> Names => [.. MmaFragments.All.Select(layout => layout.Name)];

    [Theory]
    [MemberData(nameof(Names))]
    public void A_fragment_covers_its_matrix_once(string name)
    {
        var layout = MmaFragments.All.Single(candidate => candidate.Name == name);
        var seen = new HashSet<(int, int)>();
        foreach (var (lane, register, element) in Places(layout))
        {
            var (row, column) = layout.Place(lane, register, element);
            Assert.InRange(row, 0, layout.Rows - 1);
            Assert.InRange(column, 0, layout.Columns - 1);
            Assert.True(seen.Add((row, column)));
            Assert.Equal((lane, register, element), layout.Find(row, column));
        }

        Assert.Equal(layout.Rows * layout.Columns, seen.Count);
    }

    // The hardware's rule, which the ISA's figures show: lane 4·g + t multiplies row g (and g + 8) of A by column t's pairs of B's k.
    [Fact]
    public void Operands_and_sums_fit_one_another()
    {
        foreach (var (a, b, c) in new[]
        {
            (MmaFragments.A16, MmaFragments.B16, MmaFragments.AccumulatorF32),
            (MmaFragments.A16, MmaFragments.B16, MmaFragments.AccumulatorF16),
            (MmaFragments.A8, MmaFragments.B8, MmaFragments.AccumulatorF32),
            (MmaFragments.ATf32, MmaFragments.BTf32, MmaFragments.AccumulatorF32),
        })
        {
            Assert.Equal((a.Rows, a.Columns, b.Columns), (c.Rows, b.Rows, c.Columns));
            var random = new Random(31);
            var left = Matrix(random, a.Rows, a.Columns);
            var right = Matrix(random, b.Rows, b.Columns);
            var plain = Product(left, right);

            // Through the registers: give each lane what it holds, take it from there, multiply, and give the sums to the lanes.
            var product = Product(Collected(a, Distributed(a, left)), Collected(b, Distributed(b, right)));
            Assert.Equal(plain, Collected(c, Distributed(c, product)));

            // Lanes of a quad (same lane ÷ 4) hold the same rows of A and of C; lanes with the same remainder hold the same k of A and B.
            foreach (var (lane, register, element) in Places(a))
            {
                Assert.Equal(lane / 4, a.Place(lane, register, element).Row % 8);
            }

            foreach (var (lane, register, element) in Places(b))
            {
                Assert.Equal(lane / 4, b.Place(lane, register, element).Column);
                Assert.Contains(Places(a), at => at.Lane % 4 == lane % 4 && a.Place(at.Lane, at.Register, at.Element).Column == b.Place(lane, register, element).Row);
            }

            foreach (var (lane, register, element) in Places(c))
            {
                Assert.Equal(lane / 4, c.Place(lane, register, element).Row % 8);
                Assert.Equal(lane % 4, c.Place(lane, register, element).Column / 2);
            }
        }
    }

    [Fact]
    public void Four_matrices_of_a_load_are_the_left_operand()
    {
        // Matrix i is rows 8·(i mod 2), columns 8·(i ÷ 2) of a row-major 16×16 A.
        foreach (var (lane, register, element) in Places(MmaFragments.A16))
        {
            var (row, column) = MmaFragments.Matrix.Place(lane, 0, element);
            Assert.Equal(MmaFragments.A16.Place(lane, register, element), (row + (8 * (register % 2)), column + (8 * (register / 2))));
        }

        foreach (var (lane, register, element) in Places(MmaFragments.A8))
        {
            var (row, column) = MmaFragments.Matrix.Place(lane, 0, element);
            Assert.Equal(MmaFragments.A8.Place(lane, register, element), (row + (8 * register), column));
        }
    }

    [Fact]
    public void Two_matrices_of_a_load_are_the_right_operand()
    {
        foreach (var (lane, register, element) in Places(MmaFragments.B16))
        {
            // B stored by rows of k (as V is): transposed.
            var (k, n) = MmaFragments.MatrixTransposed.Place(lane, 0, element);
            Assert.Equal(MmaFragments.B16.Place(lane, register, element), (k + (8 * register), n));

            // B stored by rows of n (as K is): plain, rows and columns exchanged.
            var (row, column) = MmaFragments.Matrix.Place(lane, 0, element);
            Assert.Equal(MmaFragments.B16.Place(lane, register, element), (column + (8 * register), row));
        }
    }

    [Fact]
    public void Float_sums_of_two_neighbouring_products_are_the_left_operand_of_the_next()
    {
        // P of attention: columns 16·k of the sums, rounded in pairs, are A of step k.
        foreach (var (lane, register, element) in Places(MmaFragments.A16))
        {
            var (row, column) = MmaFragments.AccumulatorF32.Place(lane, (2 * (register % 2)) + element, 0);
            Assert.Equal(MmaFragments.A16.Place(lane, register, element), (row, column + (8 * (register / 2))));
        }
    }

    [Fact]
    public void A_warp_groups_fragments_are_those_of_its_four_warps()
    {
        for (var thread = 0; thread < WarpGroupFragments.Threads; thread++)
        {
            for (var register = 0; register < 4; register++)
            {
                var (row, column) = MmaFragments.AccumulatorF32.Place(thread % 32, register, 0);
                Assert.Equal((row + (16 * (thread / 32)), column), WarpGroupFragments.Accumulator(thread, register));
                for (var element = 0; element < 2; element++)
                {
                    (row, column) = MmaFragments.A16.Place(thread % 32, register, element);
                    Assert.Equal((row + (16 * (thread / 32)), column), WarpGroupFragments.A(thread, register, element));
                }
            }
        }
    }

    [Fact]
    public void Bitmaps_follow_the_sums()
    {
        foreach (var (lane, register, element) in Places(MmaFragments.AccumulatorF32))
        {
            var (row, column) = MmaFragments.AccumulatorF32.Place(lane, register, element);
            Assert.Equal((lane, register), FragmentBitmaps.Place(row, column));
        }
    }

    private static IEnumerable<(int Lane, int Register, int Element)> Places(FragmentLayout layout) =>
        from lane in Enumerable.Range(0, 32)
        from register in Enumerable.Range(0, layout.Registers)
        from element in Enumerable.Range(0, layout.Elements)
        select (lane, register, element);

    private static double[,] Matrix(Random random, int rows, int columns)
    {
        var matrix = new double[rows, columns];
        for (var i = 0; i < rows * columns; i++)
        {
            matrix[i / columns, i % columns] = random.Next(-50, 50);
        }

        return matrix;
    }

    private static Dictionary<(int, int, int), double> Distributed(FragmentLayout layout, double[,] matrix) =>
        Places(layout).ToDictionary(at => at, at => layout.Place(at.Lane, at.Register, at.Element) is var (row, column) ? matrix[row, column] : 0);

    private static double[,] Collected(FragmentLayout layout, Dictionary<(int, int, int), double> registers)
    {
        var matrix = new double[layout.Rows, layout.Columns];
        for (var row = 0; row < layout.Rows; row++)
        {
            for (var column = 0; column < layout.Columns; column++)
            {
                matrix[row, column] = registers[layout.Find(row, column)];
            }
        }

        return matrix;
    }

    private static double[,] Product(double[,] a, double[,] b)
    {
        var c = new double[a.GetLength(0), b.GetLength(1)];
        for (var row = 0; row < c.GetLength(0); row++)
        {
            for (var column = 0; column < c.GetLength(1); column++)
            {
                for (var k = 0; k < a.GetLength(1); k++)
                {
                    c[row, column] += a[row, k] * b[k, column];
                }
            }
        }

        return c;
    }
}
