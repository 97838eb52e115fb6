using System.Runtime.InteropServices;
using System.Text;

namespace Stof.Reference.Tests;

/// <summary>
/// The C interface of ONNX Runtime, as far as a one-node model needs it: a table of function pointers, fetched by its version.
/// The numbers are places in that table (struct OrtApi of onnxruntime_c_api.h), which only ever grows at its end.
/// </summary>
internal static unsafe class OnnxRuntime
{
    /// <summary>Names the library; set by the build where ONNX Runtime is installed.</summary>
    public const string Variable = "STOF_ORT_LIB";

    private const int ApiVersion = 14;
    private static readonly Lazy<nint> LazyTable = new(Load);
    private static readonly Lazy<nint> LazyEnvironment = new(CreateEnvironment);

    /// <summary>Functions of the interface by their place in the table.</summary>
    internal enum Slot
    {
        GetErrorMessage = 2,
        CreateEnv = 3,
        CreateSessionFromArray = 8,
        Run = 9,
        CreateSessionOptions = 10,
        SetIntraOpNumThreads = 24,
        CreateTensor = 49, // CreateTensorWithDataAsOrtValue
        CreateCpuMemoryInfo = 69,
        ReleaseStatus = 93,
        ReleaseMemoryInfo = 94,
        ReleaseSession = 95,
        ReleaseValue = 96,
        ReleaseSessionOptions = 100,
    }

    /// <summary>True if the variable names a library; tests skip themselves otherwise.</summary>
    public static bool IsAvailable => !string.IsNullOrEmpty(Environment.GetEnvironmentVariable(Variable));

    /// <summary>Why a test that needs the library skips itself.</summary>
    public static string Missing => $"{Variable} not set; .ci/install-onnxruntime.sh DEST prints a value for it";

    /// <summary>The one environment of the process.</summary>
    internal static nint Env => LazyEnvironment.Value;

    /// <summary>Address of a function.</summary>
    internal static void* Function(Slot slot) => ((void**)LazyTable.Value)[(int)slot];

    /// <summary>Throws with the library's own words if a call failed.</summary>
    internal static void Check(nint status)
    {
        if (status == 0)
        {
            return;
        }

        var message = Marshal.PtrToStringUTF8(((delegate* unmanaged<nint, nint>)Function(Slot.GetErrorMessage))(status));
        ((delegate* unmanaged<nint, void>)Function(Slot.ReleaseStatus))(status);
        throw new InvalidOperationException($"ONNX Runtime: {message}");
    }

    private static nint Load()
    {
        var library = NativeLibrary.Load(Environment.GetEnvironmentVariable(Variable)!);
        var getApiBase = (delegate* unmanaged<nint*>)NativeLibrary.GetExport(library, "OrtGetApiBase");
        var getApi = (delegate* unmanaged<uint, nint>)getApiBase()[0];
        var table = getApi(ApiVersion);
        return table != 0 ? table : throw new InvalidOperationException($"ONNX Runtime has no interface of version {ApiVersion}");
    }

    private static nint CreateEnvironment()
    {
        const int Warnings = 3; // log errors only
        fixed (byte* name = "stof\0"u8)
        {
            nint environment;
            Check(((delegate* unmanaged<int, byte*, nint*, nint>)Function(Slot.CreateEnv))(Warnings, name, &environment));
            return environment;
        }
    }

    /// <summary>A name as the C interface wants it.</summary>
    internal static nint NativeText(string text)
    {
        var bytes = Encoding.UTF8.GetBytes(text);
        var memory = (byte*)NativeMemory.AllocZeroed((nuint)bytes.Length + 1);
        bytes.CopyTo(new Span<byte>(memory, bytes.Length));
        return (nint)memory;
    }
}
