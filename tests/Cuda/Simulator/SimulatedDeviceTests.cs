using Stof.Reference.Cuda.Catalog;
using Stof.Reference.Cuda.Ptx;
using Stof.Reference.Cuda.Ptx.Layouts;
using Stof.Reference.Cuda.Simulator;

namespace Stof.Reference.Cuda.Tests.Simulator;

public sealed class SimulatedDeviceTests
{
    [Fact]
    public void Addresses_are_multiples_of_256_and_allocations_lie_apart()
    {
        var device = new SimulatedDevice(Target.Sm80);
        var addresses = Enumerable.Range(0, 10).Select(i => device.Allocate(1000 + i)).ToArray();
        Assert.All(addresses, address => Assert.Equal(256u, address % 512));
        Assert.All(addresses.Zip(addresses.Skip(1)), pair => Assert.True(pair.Second - pair.First > uint.MaxValue));
        Assert.Equal(1000, device.UnwrittenBytes(addresses[0], 1000));
        device.Write<int>(addresses[0] + 4, [7, 8]);
        Assert.Equal([-1, 7, 8, -1], device.Read<int>(addresses[0], 4));
        Assert.Equal(992, device.UnwrittenBytes(addresses[0], 1000));
    }

    [Fact]
    public void Bad_input_is_refused()
    {
        var device = new SimulatedDevice(Target.Sm80);
        var address = device.Allocate(16);
        var kernel = VectorAdd.Build(Target.Sm80, 32);
        var block = new ParameterBlock(kernel).Set("x", address).Set("y", address).Set("z", address);
        Refused("bytes: 0; expected 1 to 2^30", () => device.Allocate(0));
        Refused("in an allocation that is not freed", () => device.Read<int>(address + 16, 1));
        Refused("in an allocation that is not freed", () => device.Read<int>(12345, 1));
        Refused("the start of", () => device.Free(address + 4));
        Refused("n not set", () => _ = block.Bytes.Length);
        Refused("'m'; expected x, y, z, n", () => block.Set("m", 1));
        Refused("a value of type F32; expected B32", () => block.Set("n", 1f));
        block.Set("n", 4);
        Refused("1 to 2^31-1 blocks along x", () => device.Launch(kernel, new Grid(0), block.Bytes));
        Refused("at most 2097150 in a simulation", () => device.Launch(kernel, new Grid(1 << 22), block.Bytes));
        Refused("parameters: 4 bytes", () => device.Launch(kernel, new Grid(1), new byte[4]));
        Refused("a kernel for sm_90; expected one that sm_80 runs", () => device.Launch(VectorAdd.Build(Target.Sm90, 32), new Grid(1), block.Bytes));
        device.Free(address);
        Refused("in an allocation that is not freed", () => device.Read<int>(address, 1));
    }

    [Fact]
    public void Counters_count()
    {
        var k = new KernelBuilder("counting", Target.Sm80);
        var x = k.Parameter<B64>("x");
        var thread = k.ThreadX();
        var tile = k.AddressOf(k.Shared("tile", 32 * 128));
        var value = k.LoadGlobal<B32>(new GlobalPointer(k.MadWideU32(thread, 8, x))); // 256 bytes wide: 8 sectors
        k.StoreShared(new SharedPointer(k.Mad(thread, 128, tile.Base)), value); // all in one bank: 31 cycles more
        k.StoreShared(new SharedPointer(k.Mad(thread, 8, tile.Base), 4), value); // two lanes a bank: 1 cycle more
        k.WarpSync();
        k.LoadShared<B32>(tile); // one word for all: no conflict
        k.If(k.CompareU32(Comparison.Less, thread, 5), () => k.StoreGlobal(new GlobalPointer(k.MadWideU32(thread, 4, x), 1024), value));
        k.Barrier();
        var kernel = k.Build(32);
        var device = new SimulatedDevice(Target.Sm80);
        var address = device.Allocate<int>(new int[512]);
        var counters = device.Launch(kernel, new Grid(2), new ParameterBlock(kernel).Set("x", address).Bytes).Counters;
        Assert.Equal((2 * 8, 2 * 128), (counters.GlobalLoadSectors, counters.GlobalLoadBytes));
        Assert.Equal((2 * 1, 2 * 20), (counters.GlobalStoreSectors, counters.GlobalStoreBytes));
        Assert.Equal((2 * 3, 2 * 32), (counters.SharedAccesses, counters.SharedConflicts));
        Assert.Equal((2, 2), (counters.DivergentBranches, counters.BarrierWaits));
        Assert.Equal(2 * 2, counters.WarpInstructionsOf(InstructionClass.Global));
        Assert.Equal(2 * (32 + 5), counters.LaneInstructionsOf(InstructionClass.Global));
    }

    [Fact]
    public void Matrix_products_of_any_values_are_within_the_stated_bound_of_the_exact_sum()
    {
        var random = new Random(7);
        var a = new double[256];
        var b = new double[128];
        for (var round = 0; round < 50; round++)
        {
            Fill(a);
            Fill(b);
            var c = Enumerable.Range(0, 128).Select(_ => (double)(float)((random.NextDouble() - 0.5) * 100)).ToArray();
            var sums = c.ToArray();
            MmaArithmetic.MultiplyAdd(a, b, sums, 16);
            for (var i = 0; i < sums.Length; i++)
            {
                decimal exact = (decimal)c[i];
                double magnitude = Math.Abs(c[i]);
                for (var j = 0; j < 16; j++)
                {
                    exact += (decimal)a[(i / 8 * 16) + j] * (decimal)b[(j * 8) + (i % 8)];
                    magnitude += Math.Abs(a[(i / 8 * 16) + j] * b[(j * 8) + (i % 8)]);
                }

                var found = BitConverter.UInt32BitsToSingle(MmaArithmetic.RoundToFloat(sums[i]));
                Assert.True(Math.Abs(found - (double)exact) <= MmaArithmetic.Bound.Relative * magnitude, $"round {round}, element {i} (seed 7)");
            }
        }

        void Fill(double[] values)
        {
            for (var i = 0; i < values.Length; i++)
            {
                values[i] = (double)(Half)((random.NextDouble() - 0.5) * 8);
            }
        }
    }

    [Fact]
    public void Fragments_hold_each_element_once() => Assert.All(MmaFragments.All, layout =>
    {
        var places = Enumerable.Range(0, 32)
            .SelectMany(lane => Enumerable.Range(0, layout.Registers)
                .SelectMany(register => Enumerable.Range(0, layout.Elements).Select(element => layout.Place(lane, register, element))))
            .ToArray();
        Assert.Equal(layout.Rows * layout.Columns, places.Length);
        Assert.Equal(places.Length, places.Distinct().Count());
        Assert.All(places, place =>
        {
            Assert.InRange(place.Row, 0, layout.Rows - 1);
            Assert.InRange(place.Column, 0, layout.Columns - 1);
            var (lane, register, element) = layout.Find(place.Row, place.Column);
            Assert.Equal(place, layout.Place(lane, register, element));
        });
    });

    [Fact]
    public void A_copy_that_no_block_waits_for_does_not_trouble_the_next_block()
    {
        var k = new KernelBuilder("tail", Target.Sm80);
        var x = k.Parameter<B64>("x");
        var tile = k.AddressOf(k.Shared("tile", 256));
        var thread = k.ThreadX();
        k.StoreShared(new SharedPointer(k.Mad(thread, 4, tile.Base)), thread);
        k.CopyAsync(new SharedPointer(k.Mad(thread, 4, tile.Base), 128), new GlobalPointer(k.MadWideU32(thread, 4, x)), 4);
        k.StoreShared(new SharedPointer(k.Mad(thread, 4, tile.Base)), thread);
        var kernel = k.Build(32);
        var device = new SimulatedDevice(Target.Sm80);
        var address = device.Allocate<int>(new int[32]);
        device.Launch(kernel, new Grid(4), new ParameterBlock(kernel).Set("x", address).Bytes, LaunchOptions.Default with { Workers = 1 }).ThrowIfFound();
    }

    [Fact]
    public void Races_between_blocks_do_not_change_what_a_launch_leaves()
    {
        // Both ways end with what blocks in order leave: the last block's numbers.
        var k = new KernelBuilder("racing", Target.Sm80);
        var x = k.Parameter<B64>("x");
        k.StoreGlobal(new GlobalPointer(k.MadWideU32(k.ThreadX(), 4, x)), k.BlockX());
        var kernel = k.Build(32);
        foreach (var workers in new[] { 1, 4 })
        {
            var device = new SimulatedDevice(Target.Sm80);
            var address = device.Allocate<int>(new int[32]);
            var report = device.Launch(
                kernel, new Grid(64), new ParameterBlock(kernel).Set("x", address).Bytes, LaunchOptions.Default with { Workers = workers });
            var finding = Assert.Single(report.Findings);
            Assert.Equal((FindingKind.RaceBetweenBlocks, 63 * 32 * 4L), (finding.Kind, finding.Count));
            Assert.Equal(Enumerable.Repeat(63, 32), device.Read<int>(address, 32));
        }
    }

    private static void Refused(string message, Action action) =>
        Assert.Contains(message, Assert.Throws<InvalidInputException>(action).Message, StringComparison.Ordinal);
}
