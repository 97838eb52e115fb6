using System.Buffers.Binary;
using Stof.Reference.Cuda.Driver;
using Stof.Reference.Cuda.Driver.Api;

namespace Stof.Reference.Cuda.Tests.Driver;

public sealed class LaunchTests : IDisposable
{
    private readonly FakeCudaApi _api = new();
    private readonly CudaContext _context;
    private readonly CudaStream _stream;
    private readonly CudaModule _module;
    private readonly CudaFunction _function;

    public LaunchTests()
    {
        _context = _api.Open();
        _stream = _context.CreateStream();
        _module = _context.LoadPtx(".version 8.0", "m");
        _function = _module.GetFunction("k");
    }

    public void Dispose()
    {
        _module.Dispose();
        _stream.Dispose();
        _context.Dispose();
        Assert.Empty(_api.Mistakes);
    }

    [Fact]
    public void Attributes_are_the_drivers()
    {
        Assert.Equal((96, 0, 1024, 47 * 1024), (_function.Registers, _function.LocalBytes, _function.StaticSharedBytes, _function.MaxDynamicSharedBytes));
        Assert.Equal((512, 90, 90), (_function.MaxThreadsPerBlock, _function.BinaryVersion, _function.PtxVersion));
        Assert.Equal(16, _function.BlocksPerMultiprocessor(128, 0));
        Assert.Throws<InvalidInputException>(() => _function.BlocksPerMultiprocessor(0, 0));
        Assert.Throws<InvalidInputException>(() => _function.BlocksPerMultiprocessor(513, 0));
    }

    [Fact]
    public void A_launch_reaches_the_driver_as_asked()
    {
        using var memory = _context.Allocate(64);
        _function.AllowDynamicShared(200 * 1024);

        _function.Launch(
            _stream,
            new LaunchShape(new Dim3(4, 3, 2), new Dim3(128, 2)) { DynamicSharedBytes = 100_000 },
            new ParameterBlock().Add(memory).Add(7).Add((byte)1).Add(2.5));

        var launch = Assert.Single(_api.Launches);
        Assert.Equal(((4u, 3u, 2u), (128u, 2u, 1u), 100_000u), (launch.Grid, launch.Block, launch.SharedBytes));
        Assert.Null(launch.Cluster);
        Assert.Equal(24, launch.Parameters.Length);
        Assert.Equal(memory.Address, BinaryPrimitives.ReadUInt64LittleEndian(launch.Parameters));
        Assert.Equal(7, BinaryPrimitives.ReadInt32LittleEndian(launch.Parameters.AsSpan(8)));
        Assert.Equal(1, launch.Parameters[12]);
        Assert.Equal(2.5, BinaryPrimitives.ReadDoubleLittleEndian(launch.Parameters.AsSpan(16)));
    }

    [Fact]
    public void Clusters_and_overlap_are_launch_attributes()
    {
        var shape = new LaunchShape(new Dim3(8, 2), new Dim3(64)) { Cluster = new Dim3(2, 2), OverlapsPrevious = true };

        _function.Launch(_stream, shape, new ParameterBlock().Add(1u));
        _function.Launch(_stream, shape with { Cluster = null }, new ParameterBlock());

        Assert.Equal(((2u, 2u, 1u), true, 4), (_api.Launches[0].Cluster!.Value, _api.Launches[0].OverlapsPrevious, _api.Launches[0].Parameters.Length));
        Assert.Equal((null, true, 0), (_api.Launches[1].Cluster, _api.Launches[1].OverlapsPrevious, _api.Launches[1].Parameters.Length));
        Assert.Equal(2, _api.Calls("cuLaunchKernelEx"));
    }

    public static TheoryData<int, int, int, int, int, int> BadShapes => new()
    {
        { 0, 1, 1, 32, 1, 1 },
        { 1, 0, 1, 32, 1, 1 },
        { 1, 1, 0, 32, 1, 1 },
        { -1, 1, 1, 32, 1, 1 },
        { 1, 65536, 1, 32, 1, 1 },
        { 1, 1, 65536, 32, 1, 1 },
        { 1, 1, 1, 0, 1, 1 },
        { 1, 1, 1, 32, 0, 1 },
        { 1, 1, 1, 1025, 1, 1 },
        { 1, 1, 1, 1, 1, 65 },
        { 1, 1, 1, 256, 3, 1 },
    };

    [Theory]
    [MemberData(nameof(BadShapes))]
    public void Shapes_that_cannot_run_are_refused(int gridX, int gridY, int gridZ, int blockX, int blockY, int blockZ) =>
        Refused(new LaunchShape(new Dim3(gridX, gridY, gridZ), new Dim3(blockX, blockY, blockZ)), new ParameterBlock());

    [Fact]
    public void Clusters_that_cannot_run_are_refused()
    {
        var shape = new LaunchShape(new Dim3(48), new Dim3(32));
        Refused(shape with { Cluster = new Dim3(0) }, new ParameterBlock());
        Refused(shape with { Cluster = new Dim3(5) }, new ParameterBlock());
        Refused(shape with { Cluster = new Dim3(16) }, new ParameterBlock());

        _function.AllowLargeClusters();
        _function.Launch(_stream, shape with { Cluster = new Dim3(16) }, new ParameterBlock());
        Assert.Equal(1, _api.FunctionAttributes[FunctionAttribute.NonPortableClusterSizeAllowed]);
    }

    [Fact]
    public void Clusters_need_a_device_that_has_them()
    {
        var api = new FakeCudaApi();
        api.Attributes[DeviceAttribute.ClusterLaunch] = 0;
        using var context = api.Open();
        using var stream = context.CreateStream();
        using var module = context.LoadPtx(".version 8.0", "m");

        Assert.Throws<InvalidInputException>(() => module.GetFunction("k").Launch(
            stream,
            new LaunchShape(new Dim3(2), new Dim3(32)) { Cluster = new Dim3(2) },
            new ParameterBlock()));
    }

    [Fact]
    public void Shared_memory_beyond_the_opt_in_is_refused()
    {
        Refused(new LaunchShape(new Dim3(1), new Dim3(32)) { DynamicSharedBytes = 48 * 1024 }, new ParameterBlock());
        Refused(new LaunchShape(new Dim3(1), new Dim3(32)) { DynamicSharedBytes = -1 }, new ParameterBlock());
        Assert.Throws<InvalidInputException>(() => _function.AllowDynamicShared(-1));
        Assert.Throws<InvalidInputException>(() => _function.AllowDynamicShared((226 * 1024) + 1));

        _function.AllowDynamicShared(226 * 1024);
        Assert.Equal(226 * 1024, _api.FunctionAttributes[FunctionAttribute.MaxDynamicSharedSizeBytes]);
    }

    [Fact]
    public void Pointers_that_are_foreign_gone_or_unaligned_are_refused()
    {
        using var other = CudaContext.Open(new FakeCudaApi().Device(), new FakeCudaApi());
        using var foreign = other.Allocate(64);
        using var memory = _context.Allocate(64);
        var gone = _context.Allocate(64);
        var stale = new ParameterBlock().Add(gone);
        gone.Dispose();
        using var otherStream = other.CreateStream();
        var shape = new LaunchShape(new Dim3(1), new Dim3(32));

        Refused(shape, new ParameterBlock().Add(foreign));
        Refused(shape, stale);
        Refused(shape, new ParameterBlock().Add(memory.Slice(4, 8)));
        Assert.Throws<InvalidInputException>(() => new ParameterBlock().Add(default(CudaMemoryView)));
        Assert.Throws<InvalidInputException>(() => _function.Launch(otherStream, shape, new ParameterBlock()));
        _function.Launch(_stream, shape, new ParameterBlock().Add(memory.Slice(4, 8), alignment: 4));
        Assert.Single(_api.Launches);
    }

    [Fact]
    public void Parameters_of_another_layout_are_refused_where_the_driver_tells_it()
    {
        _api.Parameters = [(0, 8), (8, 4), (16, 8)];
        var function = _module.GetFunction("k");
        var shape = new LaunchShape(new Dim3(1), new Dim3(32));
        using var memory = _context.Allocate(64);

        Assert.Equal([new("", 0, 8), new("", 8, 4), new("", 16, 8)], function.Parameters!);
        ParameterBlock[] wrong =
        [
            new(), new ParameterBlock().Add(memory).Add(1), new ParameterBlock().Add(memory).Add(1).Add(2),
            new ParameterBlock().Add(memory).Add(1L).Add(2L), new ParameterBlock().Add(memory).Add(1).Add(2L).Add(3),
        ];
        Assert.All(wrong, block => Assert.Throws<InvalidInputException>(() => function.Launch(_stream, shape, block)));
        Assert.Empty(_api.Launches);

        function.Launch(_stream, shape, new ParameterBlock().Add(memory).Add(1).Add(2L));
        Assert.Null(_function.Parameters);
    }

    [Fact]
    public void A_given_layout_is_set_by_name()
    {
        using var memory = _context.Allocate(64);
        var block = new ParameterBlock([new("x", 0, 8), new("n", 12, 4), new("scale", 16, 4)]);
        var shape = new LaunchShape(new Dim3(1), new Dim3(32));
        block.Set("x", memory).Set("n", 5);

        Assert.Contains("'scale'", Assert.Throws<InvalidInputException>(() => _function.Launch(_stream, shape, block)).Message, StringComparison.Ordinal);
        Assert.Throws<InvalidInputException>(() => block.Set("scale", 1.0));
        Assert.Throws<InvalidInputException>(() => block.Set("nope", 1));
        Assert.Throws<InvalidInputException>(() => block.Set("", 1));
        Assert.Throws<InvalidInputException>(() => block.Add(1));
        Assert.Throws<InvalidInputException>(() => block.Set("n", Guid.Empty));
        _function.Launch(_stream, shape, block.Set("scale", 1.5f));

        var bytes = Assert.Single(_api.Launches).Parameters;
        Assert.Equal(20, bytes.Length);
        Assert.Equal(5, BinaryPrimitives.ReadInt32LittleEndian(bytes.AsSpan(12)));
        Assert.Equal(1.5f, BinaryPrimitives.ReadSingleLittleEndian(bytes.AsSpan(16)));
    }

    [Fact]
    public void Layouts_that_overlap_or_are_too_large_are_refused()
    {
        Assert.Throws<InvalidInputException>(() => new ParameterBlock([new("a", 0, 8), new("b", 4, 4)]));
        Assert.Throws<InvalidInputException>(() => new ParameterBlock([new("a", 0, 0)]));
        Assert.Throws<InvalidInputException>(() => new ParameterBlock([new("a", -4, 4)]));
        Assert.Throws<InvalidInputException>(() => new ParameterBlock([new("a", 0, 4097)]));
    }

    [Fact]
    public void A_tensor_map_is_a_parameter_of_128_bytes_aligned_to_64()
    {
        using var memory = _context.Allocate(1 << 16);
        var map = _context.EncodeTensorMap(new(memory, TensorMapType.F16, [64, 128], [128], [64, 64]) { Swizzle = TensorMapSwizzle.Bytes128 });

        _function.Launch(_stream, new LaunchShape(new Dim3(1), new Dim3(32)), new ParameterBlock().Add(3).Add(map).Add(4));

        var launch = Assert.Single(_api.Launches);
        Assert.Equal(64 + 128 + 4, launch.Parameters.Length);
        Assert.All(launch.Parameters[64..192], value => Assert.Equal(0xA5, value));
        memory.Dispose();
        Refused(new LaunchShape(new Dim3(1), new Dim3(32)), new ParameterBlock().Add(map));
    }

    [Fact]
    public void Tensor_maps_that_break_a_rule_are_refused()
    {
        using var memory = _context.Allocate(1 << 16);
        var good = new TensorMapSpec(memory, TensorMapType.F16, [64, 128], [128], [64, 64]);
        TensorMapSpec[] wrong =
        [
            good with { Memory = memory.Slice(8, 1 << 15) }, good with { Dimensions = [] }, good with { Dimensions = [64, 128, 2] },
            good with { Strides = [] }, good with { Strides = [100] }, good with { Strides = [64] }, good with { Strides = [-128] },
            good with { Strides = [1L << 40] }, good with { Box = [64] }, good with { Box = [64, 257] }, good with { Box = [64, 0] },
            good with { Box = [4, 64] }, good with { Dimensions = [64, 0] }, good with { Dimensions = [64, 513] },
            good with { Box = [128, 64], Swizzle = TensorMapSwizzle.Bytes128 }, good with { Type = (TensorMapType)77 },
            good with { Swizzle = (TensorMapSwizzle)9 },
        ];

        Assert.All(wrong, spec => Assert.Throws<InvalidInputException>(() => _context.EncodeTensorMap(spec)));
        Assert.Equal(0, _api.Calls("cuTensorMapEncodeTiled"));
        _context.EncodeTensorMap(good with { Dimensions = [64, 512] });
    }

    [Fact]
    public void Tensor_maps_need_a_device_that_has_them()
    {
        var api = new FakeCudaApi();
        api.Attributes[DeviceAttribute.TensorMapAccessSupported] = 0;
        using var context = api.Open();
        using var memory = context.Allocate(1024);

        Assert.Throws<InvalidInputException>(() => context.EncodeTensorMap(new(memory, TensorMapType.F32, [16], [], [16])));
    }

    [Fact]
    public void Foreign_streams_and_events_are_refused()
    {
        using var other = CudaContext.Open(new FakeCudaApi().Device(), new FakeCudaApi());
        using var otherStream = other.CreateStream();
        using var otherEvent = other.CreateEvent();
        using var marker = _context.CreateEvent();
        using var graph = _stream.Capture(() => { });

        Assert.Throws<InvalidInputException>(() => marker.Record(otherStream));
        Assert.Throws<InvalidInputException>(() => marker.MillisecondsSince(otherEvent));
        Assert.Throws<InvalidInputException>(() => _stream.Wait(otherEvent));
        Assert.Throws<InvalidInputException>(() => graph.Launch(otherStream));
        marker.Record(_stream);
        _stream.Wait(marker);
        Assert.Equal(1.5f, marker.MillisecondsSince(marker));
    }

    [Fact]
    public void The_linker_gives_a_cubin_of_its_own()
    {
        byte[] cubin;
        using (var linker = _context.CreateLinker())
        {
            linker.AddPtx(".version 8.0", "a");
            linker.AddCubin([1, 2, 3], "b");
            cubin = linker.Complete();
            Assert.Throws<InvalidInputException>(() => linker.AddCubin([], "c"));
        }

        Assert.Equal("CUDA_ERROR"u8.ToArray(), cubin);
        using var module = _context.LoadCubin(cubin, "linked");
        Assert.Equal("linked", module.Name);
    }

    private void Refused(LaunchShape shape, ParameterBlock parameters)
    {
        var before = _api.Launches.Count;
        Assert.Throws<InvalidInputException>(() => _function.Launch(_stream, shape, parameters));
        Assert.Equal(before, _api.Launches.Count);
    }
}
