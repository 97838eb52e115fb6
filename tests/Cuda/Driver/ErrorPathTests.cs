using Stof.Reference.Cuda.Driver;
using Stof.Reference.Cuda.Driver.Api;

namespace Stof.Reference.Cuda.Tests.Driver;

public sealed class ErrorPathTests
{
    private const string Ptx = ".version 9.9\n.target sm_80\n.entry k() { broken }\n";

    [Fact]
    public void An_error_names_call_code_meaning_and_remedy()
    {
        var api = new FakeCudaApi();
        using var context = api.Open();
        api.Script("cuStreamCreate", CudaResult.OperatingSystem);

        var exception = Assert.Throws<CudaException>(context.CreateStream);

        Assert.Equal(
            "cuStreamCreate: CUDA_ERROR_OPERATING_SYSTEM (304): the operating system refused a call; to do: check permissions on /dev/nvidia* "
            + "and the limit of locked memory",
            exception.Message);
        Assert.Equal(("cuStreamCreate", 304), (exception.Call, exception.Error.Code));
    }

    [Fact]
    public void Opening_a_context_that_the_driver_refuses_says_so()
    {
        var api = new FakeCudaApi();
        api.Script("cuDevicePrimaryCtxRetain", CudaResult.DeviceUnavailable);

        var exception = Assert.Throws<CudaException>(api.Open);

        Assert.Contains("CUDA_ERROR_DEVICE_UNAVAILABLE (46)", exception.Message, StringComparison.Ordinal);
        Assert.Contains("device 0 (Fake GPU 0)", exception.Message, StringComparison.Ordinal);
        Assert.Equal((0, 0), api.Count("context"));
    }

    [Theory]
    [InlineData((int)CudaResult.IllegalAddress)]
    [InlineData((int)CudaResult.LaunchTimeout)]
    [InlineData((int)CudaResult.ContextIsDestroyed)]
    [InlineData((int)CudaResult.HardwareStackError)]
    [InlineData((int)CudaResult.IllegalInstruction)]
    [InlineData((int)CudaResult.MisalignedAddress)]
    [InlineData((int)CudaResult.InvalidAddressSpace)]
    [InlineData((int)CudaResult.InvalidPc)]
    [InlineData((int)CudaResult.LaunchFailed)]
    [InlineData((int)CudaResult.Unknown)]
    public void After_a_lost_context_nothing_reaches_the_driver(int fault)
    {
        var api = new FakeCudaApi();
        using var context = api.Open();
        using var stream = context.CreateStream();
        using var memory = context.Allocate(16);
        using var marker = context.CreateEvent();
        using var module = context.LoadPtx(Ptx, "m");
        var function = module.GetFunction("k");
        api.Script("cuStreamSynchronize", (CudaResult)fault);

        var first = Assert.Throws<CudaContextLostException>(stream.Synchronize);

        Assert.True(context.IsLost);
        Assert.StartsWith("cuStreamSynchronize: CUDA_ERROR_", first.Message, StringComparison.Ordinal);
        Assert.EndsWith("the context of device 0 (Fake GPU 0) is gone; the process can go on with the CPU", first.Message, StringComparison.Ordinal);
        var before = api.Calls("cuCtxSetCurrent");
        Action[] later =
        [
            () => context.Allocate(1), () => context.AllocatePinned(1), () => context.CreateStream(), () => context.CreateEvent(),
            () => context.LoadPtx(Ptx, "m"), () => context.CreateLinker(), context.Synchronize, () => context.Trim(), () => context.MemoryInfo(),
            () => stream.Allocate(1), stream.Synchronize, () => stream.IsIdle(), () => stream.EnqueueFill(memory, (byte)0),
            () => stream.Upload<byte>(new byte[16], memory), () => stream.Download<byte>(memory, new byte[16]), () => stream.Wait(marker),
            () => stream.Capture(() => { }), () => marker.Record(stream), marker.Synchronize, () => marker.IsReached(),
            () => marker.MillisecondsSince(marker), () => module.GetFunction("k"), () => function.AllowDynamicShared(1),
            () => function.BlocksPerMultiprocessor(32, 0),
            () => function.Launch(stream, new LaunchShape(new Dim3(1), new Dim3(1)), new ParameterBlock()),
        ];
        Assert.All(later, call =>
        {
            var exception = Assert.Throws<CudaContextLostException>(call);
            Assert.Contains($"not called, because cuStreamSynchronize returned {first.Error.Name}", exception.Message, StringComparison.Ordinal);
            Assert.Same(first, exception.InnerException);
        });
        Assert.Equal(before, api.Calls("cuCtxSetCurrent"));
        Assert.Equal(1, api.Calls("cuStreamSynchronize"));
    }

    [Fact]
    public void Other_errors_lose_nothing()
    {
        var api = new FakeCudaApi();
        using var context = api.Open();
        using var stream = context.CreateStream();
        api.Script("cuStreamSynchronize", CudaResult.LaunchOutOfResources);

        Assert.IsType<CudaException>(Record.Exception(stream.Synchronize));

        stream.Synchronize();
        Assert.False(context.IsLost);
    }

    [Fact]
    public void Work_that_is_not_done_is_no_error()
    {
        var api = new FakeCudaApi();
        using var context = api.Open();
        using var stream = context.CreateStream();
        using var marker = context.CreateEvent();
        api.Script("cuStreamQuery", CudaResult.NotReady);
        api.Script("cuEventQuery", CudaResult.NotReady);

        Assert.False(stream.IsIdle());
        Assert.True(stream.IsIdle());
        Assert.False(marker.IsReached());
        Assert.True(marker.IsReached());
    }

    [Fact]
    public void Out_of_memory_names_needed_and_free_bytes()
    {
        var api = new FakeCudaApi { TotalBytes = 1 << 20 };
        using var context = api.Open();
        using var half = context.Allocate(1 << 19);

        var exception = Assert.Throws<CudaOutOfMemoryException>(() => context.Allocate(1 << 20));

        Assert.Equal((1 << 20, 1 << 19, 1 << 20), (exception.NeededBytes, exception.FreeBytes, exception.TotalBytes));
        Assert.Contains("needed 1,048,576 bytes, free 524,288 of 1,048,576 bytes", exception.Message, StringComparison.Ordinal);
        using var fits = context.Allocate(1 << 19);
    }

    [Fact]
    public void Ptx_that_does_not_compile_is_kept_and_its_log_shown()
    {
        var api = new FakeCudaApi { ErrorLog = "ptxas application ptx input, line 3; error : Parsing error near 'broken'", InformationLog = "info line" };
        using var context = api.Open();
        api.Script("cuModuleLoadDataEx", CudaResult.InvalidPtx);

        var exception = Assert.Throws<CudaBuildException>(() => context.LoadPtx(Ptx, "rows/f16 <x>"));

        Assert.Contains("cuModuleLoadDataEx: CUDA_ERROR_INVALID_PTX (218)", exception.Message, StringComparison.Ordinal);
        Assert.Contains(api.ErrorLog, exception.Message, StringComparison.Ordinal);
        Assert.Contains("info line", exception.Message, StringComparison.Ordinal);
        Assert.Contains(exception.KeptFile!, exception.Message, StringComparison.Ordinal);
        Assert.StartsWith("rows_f16__x_-", Path.GetFileName(exception.KeptFile), StringComparison.Ordinal);
        Assert.Equal(Ptx, File.ReadAllText(exception.KeptFile!));
        Assert.Equal(api.ErrorLog, exception.Log.Errors);
        File.Delete(exception.KeptFile!);
        Assert.Equal((0, 0), api.Count("module"));
    }

    [Fact]
    public void A_version_that_the_driver_does_not_know_is_quoted()
    {
        var api = new FakeCudaApi();
        using var context = api.Open();
        api.Script("cuModuleLoadDataEx", CudaResult.UnsupportedPtxVersion);

        var exception = Assert.Throws<CudaBuildException>(() => context.LoadPtx(Ptx, "new"));

        Assert.Contains("it says '.version 9.9'", exception.Message, StringComparison.Ordinal);
        Assert.Contains("update the driver, or build for an older .version", exception.Message, StringComparison.Ordinal);
        Assert.Contains("(the driver gave no log)", exception.Message, StringComparison.Ordinal);
        File.Delete(exception.KeptFile!);
    }

    [Fact]
    public void The_linker_keeps_what_it_refuses()
    {
        var api = new FakeCudaApi { ErrorLog = "error : no such instruction" };
        using var context = api.Open();
        using var linker = context.CreateLinker();
        api.Script("cuLinkAddData", CudaResult.InvalidPtx);
        api.Script("cuLinkComplete", CudaResult.InvalidImage);

        var added = Assert.Throws<CudaBuildException>(() => linker.AddPtx(Ptx, "linked"));
        var completed = Assert.Throws<CudaBuildException>(linker.Complete);

        Assert.Equal(Ptx, File.ReadAllText(added.KeptFile!));
        Assert.Contains("no such instruction", added.Message, StringComparison.Ordinal);
        Assert.Contains("no such instruction", completed.Message, StringComparison.Ordinal);
        File.Delete(added.KeptFile!);
    }

    [Fact]
    public void A_full_device_is_no_build_failure()
    {
        var api = new FakeCudaApi();
        using var context = api.Open();
        api.Script("cuModuleLoadDataEx", CudaResult.OutOfMemory, CudaResult.LaunchFailed);

        Assert.IsType<CudaException>(Record.Exception(() => context.LoadPtx(Ptx, "m")));
        Assert.Throws<CudaContextLostException>(() => context.LoadPtx(Ptx, "m"));
    }

    [Fact]
    public void Compiler_warnings_are_a_list()
    {
        var api = new FakeCudaApi
        {
            InformationLog =
                """
                ptxas info    : Compiling entry function 'k' for 'sm_90a'
                ptxas info    : (C7510) Potential Performance Loss: wgmma.mma_async instructions are serialized due to a call in the function 'k'
                ptxas info    : (C7508) Potential Performance Loss: 'setmaxnreg' ignored; unable to determine register count at entry.
                ptxas warning : Value of threads per SM for entry k is out of range. .minnctapersm will be ignored
                ptxas info    : Used 168 registers
                """,
        };
        using var context = api.Open();
        using var module = context.LoadPtx(Ptx, "m");

        Assert.Equal(["C7510", "C7508", ""], module.Warnings.Select(warning => warning.Code));
        Assert.Equal([true, true, false], module.Warnings.Select(warning => warning.CostsPerformance));
        Assert.Contains("wgmma.mma_async", module.Warnings[0].Text, StringComparison.Ordinal);
    }

    [Fact]
    public void A_kernel_that_is_not_there_is_wrong_input()
    {
        using var context = new FakeCudaApi().Open();
        using var module = context.LoadPtx(Ptx, "m");

        Assert.Equal(
            "kernel: no 'nope' in module 'm'; expected the name of an .entry of the module",
            Assert.Throws<InvalidInputException>(() => module.GetFunction("nope")).Message);
        Assert.Throws<InvalidInputException>(() => context.LoadPtx("", "empty"));
        Assert.Throws<InvalidInputException>(() => context.LoadCubin([], "empty"));
    }
}
