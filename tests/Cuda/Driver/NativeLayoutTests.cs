using System.Reflection;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Stof.Reference.Cuda.Driver.Api;

namespace Stof.Reference.Cuda.Tests.Driver;

/// <summary>What the C compiler would lay out on a 64-bit system, and the symbols that cuda.h of CUDA 12 and 13 maps the names to.</summary>
public sealed unsafe class NativeLayoutTests
{
    [Fact]
    public void Structures_are_laid_out_as_in_C()
    {
        LaunchConfig config;
        LaunchAttribute attribute;
        var start = (byte*)&config;
        var head = (byte*)&attribute;

        Assert.Equal((56, 72), (Unsafe.SizeOf<LaunchConfig>(), Unsafe.SizeOf<LaunchAttribute>()));
        Assert.Equal(24, (byte*)&config.SharedBytes - start);
        Assert.Equal(32, (byte*)&config.Stream - start);
        Assert.Equal(40, (byte*)&config.Attributes - start);
        Assert.Equal(48, (byte*)&config.AttributeCount - start);
        Assert.Equal((0L, 8L, 8L, 16L), (
            (byte*)&attribute.Id - head,
            (byte*)&attribute.ClusterX - head,
            (byte*)&attribute.Programmatic - head,
            (byte*)&attribute.ClusterZ - head));
    }

    [Fact]
    public void Calls_whose_plain_symbol_is_an_older_one_carry_their_version()
    {
        string[] expected =
        [
            "cuDevicePrimaryCtxRelease_v2", "cuDeviceTotalMem_v2", "cuEventDestroy_v2", "cuLinkAddData_v2", "cuLinkCreate_v2", "cuMemAlloc_v2",
            "cuMemFree_v2", "cuMemGetInfo_v2", "cuMemcpyDtoDAsync_v2", "cuMemcpyDtoHAsync_v2", "cuMemcpyHtoDAsync_v2",
            "cuStreamBeginCapture_v2", "cuStreamDestroy_v2",
        ];

        Assert.Equal(expected, Symbols().Where(name => name.EndsWith("_v2", StringComparison.Ordinal)).Order(StringComparer.Ordinal));
    }

    [Fact]
    public void Every_call_of_the_seam_has_its_symbol()
    {
        var calls = typeof(ICudaApi).GetMethods().Where(method => method.ReturnType == typeof(CudaResult)).Select(method => method.Name);

        Assert.Equal(calls.Order(), Imports().Select(method => method.Name).Order());
        Assert.All(Symbols(), symbol => Assert.StartsWith("cu", symbol, StringComparison.Ordinal));
    }

    private static IEnumerable<MethodInfo> Imports() => typeof(NativeMethods)
        .GetMethods(BindingFlags.Static | BindingFlags.NonPublic)
        .Where(method => method.GetCustomAttribute<LibraryImportAttribute>() is not null);

    private static IEnumerable<string> Symbols() => Imports().Select(method => method.GetCustomAttribute<LibraryImportAttribute>()!.EntryPoint!);
}
