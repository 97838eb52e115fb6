using Stof.Reference.Cuda.Ptx;
using Stof.Reference.Cuda.Ptx.Layouts;
using Stof.Reference.Cuda.Simulator;
using Stof.Reference.Formats;

namespace Stof.Reference.Cuda.Tests.Ptx;

public sealed class LayoutTests
{
    [Theory]
    [InlineData(0)]
    [InlineData(32)]
    [InlineData(64)]
    [InlineData(128)]
    public void A_swizzle_moves_whole_units_within_its_width_and_is_its_own_inverse(int width)
    {
        var swizzle = Swizzle.All.Single(candidate => candidate.WidthBytes == width);
        var seen = new HashSet<int>();
        for (var address = 0; address < 4096; address++)
        {
            var moved = swizzle.Apply(address);
            Assert.True(seen.Add(moved));
            Assert.Equal(address, swizzle.Apply(moved));
            Assert.Equal(address % 16, moved % 16);
            Assert.Equal(address / Math.Max(width, 16), moved / Math.Max(width, 16));
            Assert.Equal(moved % swizzle.PeriodBytes, swizzle.Apply(address % swizzle.PeriodBytes));
        }

        Assert.Equal(4096, seen.Count);
        Assert.Equal(width > 0, Enumerable.Range(0, 4096).Any(address => swizzle.Apply(address) != address));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(32)]
    [InlineData(64)]
    [InlineData(128)]
    public void The_builder_computes_a_swizzle_as_it_is_defined(int width)
    {
        var swizzle = Swizzle.All.Single(candidate => candidate.WidthBytes == width);
        var k = new KernelBuilder("swizzled", Target.Sm80);
        var results = k.Parameter<B64>("results");
        var thread = k.ThreadX();
        k.StoreGlobal(new GlobalPointer(k.MadWideU32(thread, 4, results)), k.Swizzled(swizzle, k.MulLo(thread, 4)));
        var kernel = k.Build(1024);
        var device = new SimulatedDevice(Target.Sm80);
        var address = device.Allocate(4096);
        device.Launch(kernel, new Grid(1), new ParameterBlock(kernel).Set("results", address).Bytes).ThrowIfFound();
        Assert.Equal(Enumerable.Range(0, 1024).Select(thread => swizzle.Apply(4 * thread)), device.Read<int>(address, 1024));
    }

    [Fact]
    public void The_widest_swizzle_puts_unit_u_of_row_r_at_u_xor_r()
    {
        for (var row = 0; row < 16; row++)
        {
            for (var unit = 0; unit < 8; unit++)
            {
                Assert.Equal((128 * row) + (16 * (unit ^ (row % 8))), Swizzle.Bytes128.Apply((128 * row) + (16 * unit)));
            }
        }
    }

    [Fact]
    public void Passes_of_known_patterns()
    {
        Assert.Equal(1, BankConflicts.Passes(Lanes(lane => 4 * lane), 4));
        Assert.Equal(1, BankConflicts.Passes(Lanes(lane => 0), 4));
        Assert.Equal(1, BankConflicts.Passes(Lanes(lane => 2 * lane), 2));
        Assert.Equal(2, BankConflicts.Passes(Lanes(lane => 8 * lane), 4));
        Assert.Equal(32, BankConflicts.Passes(Lanes(lane => 128 * lane), 4));
        Assert.Equal(16, BankConflicts.Passes(Lanes(lane => 128 * lane), 4, 0x0000ffff));
        Assert.Equal(0, BankConflicts.Passes(Lanes(lane => 4 * lane), 4, 0));
        Assert.Equal(2, BankConflicts.Passes(Lanes(lane => 8 * lane), 8));
        Assert.Equal(4, BankConflicts.Passes(Lanes(lane => 16 * lane), 16));
        Assert.Equal(0, BankConflicts.Extra(Lanes(lane => 16 * lane), 16));
        Assert.Equal(28, BankConflicts.Extra(Lanes(lane => 128 * lane), 16));
        Assert.Equal(0, BankConflicts.Extra(Lanes(lane => 128 * lane), 16, 0x01010101));
        Assert.Throws<InvalidInputException>(() => BankConflicts.Passes([0], 3));
        Assert.Throws<InvalidInputException>(() => BankConflicts.Passes(new int[33], 4));
    }

    // A warp reads an 8x8 matrix of halves with ldmatrix: 8 rows, each the same 16-byte column of units.
    [Theory]
    [InlineData(32)]
    [InlineData(64)]
    [InlineData(128)]
    public void Rows_of_a_matrix_are_free_of_conflicts_with_a_swizzle_or_padding_and_conflict_without(int rowBytes)
    {
        var swizzle = Swizzle.All.Single(candidate => candidate.WidthBytes == rowBytes);
        for (var unit = 0; unit < rowBytes / 16; unit++)
        {
            int[] Rows(Func<int, int> address) => [.. Enumerable.Range(0, 8).Select(row => address((rowBytes * row) + (16 * unit)))];

            Assert.Equal(0, BankConflicts.Extra(Rows(swizzle.Apply), 16));
            Assert.Equal((rowBytes / 16) - 1, BankConflicts.Extra(Rows(address => address), 16));
            Assert.Equal(0, BankConflicts.Extra(Rows(address => address + (address / rowBytes * 16)), 16));
        }
    }

    [Theory]
    [InlineData(32)]
    [InlineData(64)]
    [InlineData(128)]
    public void Stores_of_16_bytes_along_rows_stay_free_of_conflicts_under_a_swizzle(int rowBytes)
    {
        var swizzle = Swizzle.All.Single(candidate => candidate.WidthBytes == rowBytes);
        Assert.Equal(0, BankConflicts.Extra(Lanes(lane => swizzle.Apply(16 * lane)), 16));
    }

    [Theory]
    [InlineData(8)]
    [InlineData(64)]
    [InlineData(128)]
    [InlineData(256)]
    public void Accumulators_of_a_warp_group_cover_the_matrix_once(int columns)
    {
        var seen = new HashSet<(int, int)>();
        for (var thread = 0; thread < WarpGroupFragments.Threads; thread++)
        {
            for (var register = 0; register < WarpGroupFragments.Accumulators(columns); register++)
            {
                var (row, column) = WarpGroupFragments.Accumulator(thread, register);
                Assert.InRange(row, 0, 63);
                Assert.InRange(column, 0, columns - 1);
                Assert.True(seen.Add((row, column)));
                Assert.Equal((thread, register), WarpGroupFragments.AccumulatorOf(row, column));
            }
        }

        Assert.Equal(64 * columns, seen.Count);
    }

    [Fact]
    public void Accumulators_become_the_next_products_left_operand_without_leaving_their_thread()
    {
        // What attention does with P: columns 16·k to 16·k + 15 of the accumulators are A of step k, packed in pairs.
        for (var thread = 0; thread < WarpGroupFragments.Threads; thread++)
        {
            for (var register = 0; register < 32; register++)
            {
                var (row, column) = WarpGroupFragments.Accumulator(thread, register);
                var inStep = register % 8;
                Assert.Equal((row, column % 16), WarpGroupFragments.A(thread, inStep / 2, inStep % 2));
            }
        }
    }

    [Fact]
    public void Column_counts_that_the_instruction_lacks_are_refused()
    {
        Assert.Throws<InvalidInputException>(() => WarpGroupFragments.Accumulators(0));
        Assert.Throws<InvalidInputException>(() => WarpGroupFragments.Accumulators(12));
        Assert.Throws<InvalidInputException>(() => WarpGroupFragments.Accumulators(264));
    }

    [Fact]
    public void A_descriptor_says_what_it_was_made_of()
    {
        // Start 0x1400, leading 16 bytes, 1024 bytes between groups of eight rows, 128-byte swizzle.
        Assert.Equal(0x4000004000010140UL, new SharedMatrixDescriptor(0x1400, 16, 1024, 0, Swizzle.Bytes128).Encode());
        var random = new Random(23);
        for (var trial = 0; trial < 1000; trial++)
        {
            var descriptor = new SharedMatrixDescriptor(
                16 * random.Next(1 << 14), 16 * random.Next(1 << 14), 16 * random.Next(1 << 14), random.Next(8), Swizzle.All[random.Next(4)]);
            Assert.Equal(descriptor, SharedMatrixDescriptor.Decode(descriptor.Encode()));
        }

        Assert.Throws<InvalidInputException>(() => new SharedMatrixDescriptor(8, 16, 16, 0, Swizzle.None).Encode());
        Assert.Throws<InvalidInputException>(() => new SharedMatrixDescriptor(1 << 18, 16, 16, 0, Swizzle.None).Encode());
        Assert.Throws<InvalidInputException>(() => new SharedMatrixDescriptor(0, 16, 16, 8, Swizzle.None).Encode());
    }

    [Theory]
    [InlineData(64, 64)]
    [InlineData(16, 8)]
    [InlineData(32, 128)]
    [InlineData(128, 96)]
    public void Bitmaps_reach_the_lane_and_register_of_each_element_and_come_back(int rows, int columns)
    {
        var random = new Random(24);
        var tile = new TileShape(rows, columns);
        var words = new ulong[rows * columns / 64];
        for (var i = 0; i < words.Length; i++)
        {
            words[i] = (ulong)random.NextInt64(long.MinValue, long.MaxValue);
        }

        var back = new ulong[words.Length];
        for (var block = 0; block < rows / 16; block++)
        {
            var lanes = new uint[FragmentBitmaps.WordsPerBlock(columns)];
            FragmentBitmaps.ToLanes(words, rows, columns, block, lanes);
            for (var row = 0; row < 16; row++)
            {
                for (var column = 0; column < columns; column++)
                {
                    var stored = (words[tile.WordIndex((16 * block) + row, column)] >> TileShape.BitIndex(row, column)) & 1;
                    var (lane, register) = FragmentBitmaps.Place(row, column);
                    Assert.Equal(stored, (lanes[(register / 32 * 32) + lane] >> (register % 32)) & 1);

                    // The same place as a warp group gives it.
                    Assert.Equal((lane, register), WarpGroupFragments.AccumulatorOf(row, column));
                }
            }

            FragmentBitmaps.FromLanes(lanes, back, rows, columns, block);
        }

        Assert.Equal(words, back);
    }

    [Fact]
    public void Bitmaps_of_sizes_that_do_not_fit_are_refused()
    {
        Assert.Throws<InvalidInputException>(() => FragmentBitmaps.ToLanes(new ulong[8], 8, 64, 0, new uint[32]));
        Assert.Throws<InvalidInputException>(() => FragmentBitmaps.ToLanes(new ulong[64], 64, 64, 4, new uint[32]));
        Assert.Throws<InvalidInputException>(() => FragmentBitmaps.FromLanes(new uint[31], new ulong[64], 64, 64, 0));
    }

    private static int[] Lanes(Func<int, int> address) => [.. Enumerable.Range(0, 32).Select(address)];
}
