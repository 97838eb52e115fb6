using Stof.Reference.OpenCL.Api;

namespace Stof.Reference.OpenCL.Tests;

public sealed class ProbeTests
{
    [Fact]
    public void Devices_are_described_with_what_they_can_do()
    {
        var probe = OpenClProbe.Look(new FakeOpenClApi { Platforms = 2, DevicesPerPlatform = 2 });

        Assert.True(probe.IsAvailable);
        Assert.Equal(["opencl:0:0", "opencl:0:1", "opencl:1:0", "opencl:1:1"], probe.Devices.Select(device => device.Address));
        var device = probe.Devices[3];
        Assert.Equal(("Fake device", "Nobody", "Fake platform 2", OpenClDeviceKind.Gpu, 8), (device.Name, device.Vendor, device.PlatformName, device.Kind, device.ComputeUnits));
        Assert.True(device is { HasHalf: true, HasDouble: true, HasSubGroups: false, HasLocalMemory: true, HasDenormals: true, ComputeCapability: 0, HasMatrixUnits: false });
        Assert.Null(device.Refusal);
        Assert.StartsWith("opencl|Fake device (Fake platform 2)|8|", device.Describe().Fingerprint, StringComparison.Ordinal);
    }

    [Fact]
    public void An_nvidia_device_tells_its_capability()
    {
        var api = new FakeOpenClApi();
        api.DeviceFacts[ClConstants.DeviceExtensions] = "cl_khr_fp64 cl_nv_device_attribute_query";

        Assert.True(api.Device() is { ComputeCapability: 90, HasMatrixUnits: true });
    }

    [Theory]
    [InlineData("OpenCL 1.2 x", "cl_khr_fp64", 0u, 63ul, false, false, "-cl-std=CL1.2")]
    [InlineData("OpenCL 1.2 x", "cl_intel_subgroups cl_khr_fp16", 0u, 63ul, true, true, "-cl-std=CL1.2")]
    [InlineData("OpenCL 2.1 x", "cl_khr_subgroups cl_khr_fp16", 0u, 62ul, true, false, "-cl-std=CL2.0")]
    [InlineData("OpenCL 3.0 x", "cl_khr_fp64", 8u, 0ul, true, false, "-cl-std=CL3.0")]
    [InlineData("OpenCL 3.0 x", "cl_khr_fp64", 0u, 0ul, false, false, "-cl-std=CL1.2")]
    public void Sub_groups_and_16_bit_floats_are_where_a_device_says_so(
        string version, string extensions, uint mostSubGroups, ulong halfConfig, bool hasSubGroups, bool hasHalf, string language)
    {
        var api = new FakeOpenClApi();
        api.DeviceFacts[ClConstants.DeviceVersion] = version;
        api.DeviceFacts[ClConstants.DeviceExtensions] = extensions;
        api.DeviceFacts[ClConstants.DeviceMaxSubGroups] = mostSubGroups;
        api.DeviceFacts[ClConstants.DeviceHalfFpConfig] = halfConfig;

        var device = api.Device();

        Assert.Equal((hasSubGroups, hasHalf, language), (device.HasSubGroups, device.HasHalf, device.LanguageOption));
    }

    [Fact]
    public void No_loader_and_no_vendor_are_ordinary_answers()
    {
        Assert.Equal("no OpenCL loader (libOpenCL.so.1 not found)", OpenClProbe.Look(new FakeOpenClApi { HasLibrary = false }).Reason);

        var api = new FakeOpenClApi();
        api.Script("clGetPlatformIDs", ClResult.PlatformNotFound);
        Assert.Contains("-1001", OpenClProbe.Look(api).Reason, StringComparison.Ordinal);
        Assert.Contains("-1001", OpenClProbe.Look(new FakeOpenClApi { Platforms = 0 }).Reason, StringComparison.Ordinal);
    }

    [Fact]
    public void A_platform_without_devices_says_so_and_takes_no_other_away()
    {
        var api = new FakeOpenClApi { Platforms = 2 };
        api.Script("clGetDeviceIDs", ClResult.DeviceNotFound);

        var probe = OpenClProbe.Look(api);

        Assert.Equal("it has no device here", probe.Platforms[0].Reason);
        Assert.Equal("opencl:1:0", Assert.Single(probe.Devices).Address);
        Assert.Equal("Fake platform 1: it has no device here", OpenClProbe.Look(new FakeOpenClApi { DevicesPerPlatform = 0 }).Reason);
    }

    [Theory]
    [InlineData("clGetPlatformInfo")]
    [InlineData("clGetPlatformIDs")]
    public void A_loader_that_fails_is_an_ordinary_answer(string call)
    {
        var api = new FakeOpenClApi();
        api.Script(call, ClResult.OutOfHostMemory);

        var probe = OpenClProbe.Look(api);

        Assert.False(probe.IsAvailable);
        Assert.Contains($"{call}: CL_OUT_OF_HOST_MEMORY (-6)", probe.Reason, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', probe.Reason);
    }

    [Fact]
    public void A_device_that_fails_takes_its_platform_only()
    {
        var api = new FakeOpenClApi { Platforms = 2 };
        api.Script("clGetDeviceInfo", ClResult.InvalidDevice);

        var probe = OpenClProbe.Look(api);

        Assert.Contains("CL_INVALID_DEVICE", probe.Platforms[0].Reason, StringComparison.Ordinal);
        Assert.Equal(1, Assert.Single(probe.Devices).Platform);
    }

    public static TheoryData<uint, object, string> Unfit => new()
    {
        { ClConstants.DeviceAvailable, 0u, "not available" },
        { ClConstants.DeviceCompilerAvailable, 0u, "no compiler" },
        { ClConstants.DeviceEndianLittle, 0u, "big-endian" },
        { ClConstants.DeviceVersion, "OpenCL 1.1 Mesa", "OpenCL 1.1 Mesa; kernels need OpenCL 1.2" },
        { ClConstants.DeviceVersion, "nonsense", "nonsense; kernels need OpenCL 1.2" },
        { ClConstants.DeviceMaxWorkGroupSize, (nuint)32, "work-groups of 32; kernels need 64" },
        { ClConstants.DeviceLocalMemSize, 1024UL, "1024 bytes of local memory; kernels need 16384" },
    };

    [Theory]
    [MemberData(nameof(Unfit))]
    public void An_unfit_device_is_listed_with_its_reason_and_refuses_a_context(uint fact, object value, string reason)
    {
        var api = new FakeOpenClApi();
        api.DeviceFacts[fact] = value;

        var device = api.Device();

        Assert.Contains(reason, device.Refusal, StringComparison.Ordinal);
        Assert.Contains(reason, Assert.Throws<InvalidInputException>(() => new OpenClContext(device)).Message, StringComparison.Ordinal);
        Assert.Equal(0, api.Calls("clCreateContext"));
        Assert.False(OpenClProbe.Look(api).IsAvailable);
    }

    [Fact]
    public void A_device_is_selected_by_platform_and_number()
    {
        var probe = OpenClProbe.Look(new FakeOpenClApi { Platforms = 2, DevicesPerPlatform = 2 });

        Assert.Equal("opencl:0:0", probe.Select("opencl").Address);
        Assert.Equal("opencl:1:0", probe.Select("opencl:1").Address);
        Assert.Equal("opencl:1:1", probe.Select("opencl:1:1").Address);
        foreach (var text in new[] { "opencl:2", "opencl:0:2", "opencl:a", "opencl:0:0:0", "opencl:" })
        {
            Assert.StartsWith($"--backend: '{text}'", Assert.Throws<InvalidInputException>(() => probe.Select(text)).Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Probing_the_real_loader_answers_or_names_the_reason()
    {
        var probe = OpenClProbe.Look();

        Assert.Equal(probe.Devices.Count > 0, probe.Reason.Length == 0);
    }
}
