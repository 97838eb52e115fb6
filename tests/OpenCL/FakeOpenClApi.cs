using System.Text;
using Stof.Reference.OpenCL.Api;

namespace Stof.Reference.OpenCL.Tests;

/// <summary>
/// An OpenCL in memory that keeps books: what was made and released, copies that really happen, and results that tests script for single
/// calls. Kernels are only noted. Safe on several threads, for finalisers have their own.
/// </summary>
internal sealed unsafe partial class FakeOpenClApi : IOpenClApi
{
    private readonly Lock _gate = new();
    private readonly Dictionary<string, Queue<ClResult>> _scripted = [];
    private readonly Dictionary<nint, (string Kind, byte[] Bytes)> _alive = [];
    private readonly List<string> _calls = [];
    private readonly List<string> _mistakes = [];
    private nint _next = 0x1000;

    public bool HasLibrary { get; init; } = true;

    public int Platforms { get; init; } = 1;

    public int DevicesPerPlatform { get; init; } = 1;

    public string BuildLog { get; set; } = "";

    public byte[] Binary { get; set; } = [1, 2, 3, 4];

    /// <summary>Arguments that every kernel has.</summary>
    public int KernelArguments { get; init; } = 2;

    /// <summary>Texts and numbers of the device, by the names in cl.h.</summary>
    public Dictionary<uint, object> DeviceFacts { get; } = new()
    {
        [ClConstants.DeviceType] = ClConstants.TypeGpu,
        [ClConstants.DeviceMaxComputeUnits] = 8u,
        [ClConstants.DeviceMaxWorkGroupSize] = (nuint)256,
        [ClConstants.DevicePreferredVectorWidthFloat] = 1u,
        [ClConstants.DeviceAddressBits] = 64u,
        [ClConstants.DeviceMaxMemAllocSize] = 1UL << 30,
        [ClConstants.DeviceSingleFpConfig] = 63UL,
        [ClConstants.DeviceGlobalMemSize] = 4UL << 30,
        [ClConstants.DeviceLocalMemType] = 1u,
        [ClConstants.DeviceLocalMemSize] = 48UL << 10,
        [ClConstants.DeviceEndianLittle] = 1u,
        [ClConstants.DeviceAvailable] = 1u,
        [ClConstants.DeviceCompilerAvailable] = 1u,
        [ClConstants.DeviceName] = "Fake device",
        [ClConstants.DeviceVendor] = "Nobody",
        [ClConstants.DriverVersion] = "1.0",
        [ClConstants.DeviceVersion] = "OpenCL 1.2 fake",
        [ClConstants.DeviceExtensions] = "cl_khr_fp64 cl_khr_fp16",
        [ClConstants.DeviceHalfFpConfig] = 63UL,
        [ClConstants.DeviceOpenClCVersion] = "OpenCL C 1.2",
        [ClConstants.DeviceComputeCapabilityMajorNv] = 9u,
        [ClConstants.DeviceComputeCapabilityMinorNv] = 0u,
    };

    /// <summary>Objects that were made and not released.</summary>
    public IReadOnlyList<string> Alive
    {
        get
        {
            lock (_gate)
            {
                return [.. _alive.Values.Select(item => item.Kind).Order(StringComparer.Ordinal)];
            }
        }
    }

    /// <summary>What a real implementation would call a mistake of its caller.</summary>
    public IReadOnlyList<string> Mistakes => _mistakes;

    /// <summary>How often a call was made.</summary>
    public int Calls(string name)
    {
        lock (_gate)
        {
            return _calls.Count(call => call == name);
        }
    }

    /// <summary>Lets the next calls of a name give these results.</summary>
    public void Script(string name, params ReadOnlySpan<ClResult> results)
    {
        var queue = _scripted.TryGetValue(name, out var known) ? known : _scripted[name] = new Queue<ClResult>();
        foreach (var result in results)
        {
            queue.Enqueue(result);
        }
    }

    /// <summary>The fake's only device.</summary>
    public OpenClDevice Device() => OpenClProbe.Look(this).Devices[0];

    public bool TryLoad(out string failure)
    {
        failure = HasLibrary ? "" : "libOpenCL.so.1 not found";
        return HasLibrary;
    }

    private ClResult Note(string name)
    {
        lock (_gate)
        {
            _calls.Add(name);
            return _scripted.TryGetValue(name, out var queue) && queue.Count > 0 ? queue.Dequeue() : ClResult.Success;
        }
    }

    private nint Make(string name, string kind, ClResult* error, int bytes = 0)
    {
        *error = Note(name);
        lock (_gate)
        {
            if (*error != ClResult.Success)
            {
                return 0;
            }

            _next += 16;
            _alive[_next] = (kind, new byte[bytes]);
            return _next;
        }
    }

    private ClResult Release(string name, nint handle)
    {
        lock (_gate)
        {
            if (!_alive.Remove(handle))
            {
                _mistakes.Add($"{name} of what is not there");
            }
        }

        return Note(name);
    }

    private static ClResult Answer(object fact, nuint size, void* value, nuint* needed)
    {
        var bytes = fact switch
        {
            string text => Encoding.UTF8.GetBytes(text + '\0'),
            uint number => BitConverter.GetBytes(number),
            ulong number => BitConverter.GetBytes(number),
            nuint number => BitConverter.GetBytes((ulong)number),
            byte[] raw => raw,
            _ => throw new ArgumentException($"no answer of type {fact.GetType()}", nameof(fact)),
        };
        if (needed is not null)
        {
            *needed = (nuint)bytes.Length;
        }

        if (value is not null)
        {
            if (size < (nuint)bytes.Length)
            {
                return ClResult.InvalidValue;
            }

            bytes.CopyTo(new Span<byte>(value, bytes.Length));
        }

        return ClResult.Success;
    }
}
