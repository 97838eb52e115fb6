using Stof.Reference.OpenCL.Api;

namespace Stof.Reference.OpenCL.Tests;

public sealed class ContextTests
{
    [Fact]
    public void Everything_that_was_made_is_released_once()
    {
        var api = new FakeOpenClApi();
        using (var context = new OpenClContext(api.Device()))
        {
            using var buffer = context.Upload<float>([1, 2, 3]);
            using var program = OpenClProgram.Build(context, Source(), null);
            using var kernel = program.Kernel("k");
            kernel.Begin().Add(buffer).Add(3);
            Assert.Equal([2e-3, 2e-3], context.Time(2, () => context.Launch(kernel, WorkSize.One, WorkSize.One)), (x, y) => Math.Abs(x - y) < 1e-9);
            Assert.Equal(["buffer", "context", "kernel", "program", "queue", "queue"], api.Alive);
        }

        Assert.Empty(api.Alive);
        Assert.Empty(api.Mistakes);
    }

    [Theory]
    [InlineData("clCreateContext", ClResultCode.OutOfHostMemory)]
    [InlineData("clCreateCommandQueue", ClResultCode.OutOfResources)]
    public void A_context_that_fails_leaves_nothing(string call, int code)
    {
        var api = new FakeOpenClApi();
        var device = api.Device();
        api.Script(call, (ClResult)code);

        var exception = Assert.Throws<OpenClException>(() => new OpenClContext(device));

        Assert.Equal((call, code), (exception.Call, exception.Error.Code));
        Assert.Empty(api.Alive);
    }

    [Fact]
    public void A_full_device_says_how_much_was_asked_for()
    {
        var api = new FakeOpenClApi();
        using var context = new OpenClContext(api.Device());
        api.Script("clCreateBuffer", ClResult.MemObjectAllocationFailure);

        Assert.Contains("1,000 bytes", Assert.Throws<OpenClException>(() => context.Allocate(1000)).Message, StringComparison.Ordinal);
        Assert.StartsWith("buffer: ", Assert.Throws<InvalidInputException>(() => context.Allocate(2L << 30)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void An_upload_that_fails_gives_its_memory_back()
    {
        var api = new FakeOpenClApi();
        using var context = new OpenClContext(api.Device());
        api.Script("clEnqueueWriteBuffer", ClResult.OutOfResources);

        Assert.Throws<OpenClException>(() => context.Upload<float>([1, 2, 3]));

        Assert.Equal(["context", "queue"], api.Alive);
    }

    [Fact]
    public void Copies_stay_inside_their_buffer()
    {
        using var context = new OpenClContext(new FakeOpenClApi().Device());
        using var buffer = context.Upload<byte>([1, 2, 3, 4]);
        var bytes = new byte[2];

        context.Read(buffer, bytes, 2);

        Assert.Equal([3, 4], bytes);
        Assert.Throws<InvalidInputException>(() => context.Read(buffer, bytes, 3));
        Assert.Throws<InvalidInputException>(() => context.Write(buffer, bytes, -1));
    }

    [Fact]
    public void A_launch_needs_every_argument_of_its_own()
    {
        var api = new FakeOpenClApi();
        using var context = new OpenClContext(api.Device());
        using var program = OpenClProgram.Build(context, Source(), null);
        using var kernel = program.Kernel("k");
        kernel.Begin().Add(1).Add(2);
        context.Launch(kernel, WorkSize.One, WorkSize.One);

        kernel.Begin().Add(1);

        Assert.Contains("k, argument 1 of 2", Assert.Throws<OpenClException>(() => context.Launch(kernel, WorkSize.One, WorkSize.One)).Message, StringComparison.Ordinal);
        Assert.Equal(1, api.Calls("clEnqueueNDRangeKernel"));
    }

    [Theory]
    [InlineData(ClResultCode.InvalidWorkGroupSize, "CL_INVALID_WORK_GROUP_SIZE")]
    [InlineData(ClResultCode.OutOfResources, "CL_OUT_OF_RESOURCES")]
    [InlineData(ClResultCode.DeviceNotAvailable, "CL_DEVICE_NOT_AVAILABLE")]
    public void A_refused_launch_names_kernel_and_sizes(int code, string name)
    {
        var api = new FakeOpenClApi();
        using var context = new OpenClContext(api.Device());
        using var program = OpenClProgram.Build(context, Source(), null);
        using var kernel = program.Kernel("k");
        kernel.Begin().Add(1).Add(2);
        api.Script("clEnqueueNDRangeKernel", (ClResult)code);

        var message = Assert.Throws<OpenClException>(() => context.Launch(kernel, new WorkSize(3, 2), new WorkSize(64))).Message;

        Assert.Contains(name, message, StringComparison.Ordinal);
        Assert.Contains("k, 3x2x1 groups of 64x1x1", message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_lost_device_shows_when_one_waits_for_it()
    {
        var api = new FakeOpenClApi();
        using var context = new OpenClContext(api.Device());
        api.Script("clFinish", ClResult.DeviceNotAvailable);

        Assert.Contains("the device cannot be used now or was lost", Assert.Throws<OpenClException>(context.Finish).Message, StringComparison.Ordinal);
    }

    internal static KernelSource Source() => KernelSource.Expand("k.cl", "#define N 1\n", _ => "kernel void k(global float *x, int n)\n{\n}\n");

    private static class ClResultCode
    {
        public const int OutOfResources = (int)ClResult.OutOfResources;
        public const int OutOfHostMemory = (int)ClResult.OutOfHostMemory;
        public const int InvalidWorkGroupSize = (int)ClResult.InvalidWorkGroupSize;
        public const int DeviceNotAvailable = (int)ClResult.DeviceNotAvailable;
    }
}
