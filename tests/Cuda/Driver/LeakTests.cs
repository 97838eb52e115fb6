using System.Runtime.CompilerServices;
using Stof.Reference.Cuda.Driver;
using Stof.Reference.Cuda.Driver.Api;

namespace Stof.Reference.Cuda.Tests.Driver;

/// <summary>Every create is met by exactly one destroy, whatever happens in between.</summary>
public sealed class LeakTests
{
    private const int Cycles = 10_000;
    private const string Ptx = ".version 8.0\n.target sm_80\n";

    private static readonly LaunchShape One = new(new Dim3(1), new Dim3(32));

    /// <summary>Kind as the fake counts it, the creating call, and one create-use-dispose cycle.</summary>
    private static readonly Dictionary<string, (string Kind, string Call, Action<CudaContext, CudaStream> Cycle)> Resources = new()
    {
        ["memory"] = ("memory", "cuMemAlloc", static (context, stream) =>
        {
            using (var memory = context.Allocate(1000))
            {
                stream.EnqueueFill(memory, (byte)1);
            }

            context.Trim();
        }
        ),
        ["pinned"] = ("pinned", "cuMemHostAlloc", static (context, _) =>
        {
            using var pinned = context.AllocatePinned(64);
            pinned.AsSpan<float>().Fill(1);
        }
        ),
        ["stream"] = ("stream", "cuStreamCreate", static (context, _) =>
        {
            using var stream = context.CreateStream();
            stream.Synchronize();
        }
        ),
        ["event"] = ("event", "cuEventCreate", static (context, stream) =>
        {
            using var marker = context.CreateEvent();
            marker.Record(stream);
        }
        ),
        ["module"] = ("module", "cuModuleLoadDataEx", static (context, stream) =>
        {
            using var module = context.LoadPtx(Ptx, "leak");
            module.GetFunction("k").Launch(stream, One, new ParameterBlock());
        }
        ),
        ["linker"] = ("linker", "cuLinkCreate", static (context, _) =>
        {
            using var linker = context.CreateLinker();
            linker.AddPtx(Ptx, "leak");
            linker.Complete();
        }
        ),
        ["graph"] = ("executable graph", "cuGraphInstantiateWithFlags", static (context, stream) =>
        {
            using var memory = stream.Allocate(100);
            using var graph = stream.Capture(() => stream.EnqueueFill(memory, (byte)0));
            graph.Launch(stream);
        }
        ),
    };

    public static TheoryData<string> Names => [.. Resources.Keys];

    [Theory]
    [MemberData(nameof(Names))]
    public void Ten_thousand_cycles_leave_nothing(string resource)
    {
        var (kind, _, cycle) = Resources[resource];
        var api = new FakeCudaApi();
        using (var context = api.Open())
        using (var stream = context.CreateStream())
        {
            for (var index = 0; index < Cycles; index++)
            {
                cycle(context, stream);
            }
        }

        var (created, destroyed) = api.Count(kind);
        Assert.True(created >= Cycles, $"{created}");
        Assert.Equal(created, destroyed);
        Clean(api);
    }

    [Fact]
    public void Ten_thousand_contexts_leave_nothing()
    {
        var api = new FakeCudaApi();
        var device = api.Device();
        for (var index = 0; index < Cycles; index++)
        {
            using var context = CudaContext.Open(device, api);
            using var memory = context.Allocate(1);
        }

        Assert.Equal((Cycles, Cycles), api.Count("context"));
        Clean(api);
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void A_failure_half_way_leaves_nothing(string resource)
    {
        var (kind, creator, cycle) = Resources[resource];
        string[] calls =
        [
            creator, "cuCtxSetCurrent", "cuMemsetD8Async", "cuStreamSynchronize", "cuEventRecord", "cuModuleGetFunction", "cuFuncGetAttribute",
            "cuLaunchKernel", "cuLinkAddData", "cuLinkComplete", "cuGraphGetNodes", "cuGraphInstantiateWithFlags", "cuGraphLaunch",
            "cuStreamBeginCapture", "cuStreamEndCapture", "cuMemAlloc",
        ];
        var failed = 0;
        foreach (var call in calls.Distinct())
        {
            for (var after = 0; after < 8; after++)
            {
                foreach (var fault in new[] { CudaResult.InvalidValue, CudaResult.OutOfMemory, CudaResult.LaunchFailed })
                {
                    var api = new FakeCudaApi();
                    using (var context = api.Open())
                    using (var stream = context.CreateStream())
                    {
                        api.Script(call, [.. Enumerable.Repeat(CudaResult.Success, after), fault]);
                        failed += Record.Exception(() => cycle(context, stream)) is null ? 0 : 1;
                    }

                    var (created, destroyed) = api.Count(kind);
                    Assert.True(created == destroyed, $"{call} number {after} failing with {fault}: {created} created, {destroyed} destroyed");
                    Clean(api);
                }
            }
        }

        Assert.True(failed >= 6, $"only {failed} failures were seen");
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Finalisers_destroy_what_was_forgotten(bool lost)
    {
        var api = new FakeCudaApi();

        Forget(api, lost);
        for (var round = 0; round < 20 && api.Alive().Count > 0; round++)
        {
            GC.Collect();
            GC.WaitForPendingFinalizers();
        }

        Clean(api);
        foreach (var kind in new[] { "context", "memory", "pinned", "stream", "event", "module", "linker", "executable graph", "graph" })
        {
            var (created, destroyed) = api.Count(kind);
            Assert.True(created > 0 && created == destroyed, $"{kind}: {created} created, {destroyed} destroyed");
        }
    }

    [Fact]
    public void Objects_outlive_the_disposal_of_their_context_object()
    {
        var api = new FakeCudaApi();
        var context = api.Open();
        var stream = context.CreateStream();
        var memory = context.Allocate(16);
        context.Dispose();

        stream.EnqueueFill(memory, (byte)7);
        stream.Synchronize();
        Assert.Throws<ObjectDisposedException>(() => context.Allocate(1));
        Assert.Equal(0, api.Count("context").Destroyed);

        memory.Dispose();
        memory.Dispose();
        stream.Dispose();
        Assert.Equal((1, 1), api.Count("context"));
        Clean(api);
    }

    [Fact]
    public void What_is_disposed_refuses_use()
    {
        var api = new FakeCudaApi();
        using var context = api.Open();
        var stream = context.CreateStream();
        var marker = context.CreateEvent();
        var module = context.LoadPtx(Ptx, "m");
        var function = module.GetFunction("k");
        var linker = context.CreateLinker();
        var pinned = context.AllocatePinned(4);
        using var live = context.CreateStream();
        foreach (var resource in new IDisposable[] { stream, marker, module, linker, pinned })
        {
            resource.Dispose();
        }

        Assert.Throws<ObjectDisposedException>(stream.Synchronize);
        Assert.Throws<ObjectDisposedException>(() => stream.Allocate(1));
        Assert.Throws<ObjectDisposedException>(marker.Synchronize);
        Assert.Throws<ObjectDisposedException>(() => function.Launch(live, One, new ParameterBlock()));
        Assert.Throws<ObjectDisposedException>(() => linker.Log);
        Assert.Throws<ObjectDisposedException>(() => pinned.AsSpan<byte>());
        Assert.Throws<InvalidInputException>(() => live.Wait(marker));
        Assert.Empty(api.Mistakes);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Forget(FakeCudaApi api, bool lost)
    {
        for (var index = 0; index < 10; index++)
        {
            var context = api.Open();
            var stream = context.CreateStream();
            var memory = context.Allocate(100);
            context.Allocate(100).Dispose();
            context.AllocatePinned(10);
            context.CreateEvent().Record(stream);
            context.LoadPtx(Ptx, "m").GetFunction("k").Launch(stream, One, new ParameterBlock());
            context.CreateLinker().AddPtx(Ptx, "l");
            stream.Capture(() => stream.EnqueueFill(memory, (byte)0)).Launch(stream);
            if (lost && index == 9)
            {
                api.Script("cuStreamSynchronize", CudaResult.IllegalAddress);
                Assert.Throws<CudaContextLostException>(stream.Synchronize);
            }
        }
    }

    private static void Clean(FakeCudaApi api)
    {
        Assert.Empty(api.Mistakes);
        Assert.Empty(api.Alive());
    }
}
