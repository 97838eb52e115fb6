using System.Text;
using Stof.Reference.Cuda.Driver;
using Stof.Reference.Cuda.Driver.Api;

namespace Stof.Reference.Cuda.Tests.Driver;

/// <summary>
/// A driver in memory that keeps books: what was made and destroyed, in which context, and every call that a real driver would call a
/// mistake. Copies and fills really happen; kernels are only noted. Safe on several threads, for finalisers have their own.
/// </summary>
internal sealed unsafe partial class FakeCudaApi : ICudaApi
{
    private readonly Lock _gate = new();
    private readonly Dictionary<nint, string> _alive = [];
    private readonly Dictionary<string, (int Created, int Destroyed)> _counts = [];
    private readonly Dictionary<string, Queue<CudaResult>> _scripted = [];
    private readonly Dictionary<ulong, byte[]> _memory = [];
    private readonly Dictionary<int, nint> _current = [];
    private readonly List<string> _mistakes = [];
    private readonly List<string> _calls = [];
    private readonly HashSet<nint> _capturing = [];

    private nint _nextHandle = 0x1000;
    private ulong _nextAddress = 0x7f00_0000_0000;
    private CudaResult _sticky = CudaResult.Success;

    public bool HasLibrary { get; init; } = true;

    public int Version { get; init; } = 13000;

    public int Devices { get; init; } = 1;

    public long TotalBytes { get; init; } = 80L << 30;

    public Dictionary<DeviceAttribute, int> Attributes { get; } = new()
    {
        [DeviceAttribute.MaxThreadsPerBlock] = 1024,
        [DeviceAttribute.MaxBlockDimX] = 1024,
        [DeviceAttribute.MaxBlockDimY] = 1024,
        [DeviceAttribute.MaxBlockDimZ] = 64,
        [DeviceAttribute.MaxGridDimX] = int.MaxValue,
        [DeviceAttribute.MaxGridDimY] = 65535,
        [DeviceAttribute.MaxGridDimZ] = 65535,
        [DeviceAttribute.MaxSharedMemoryPerBlock] = 48 * 1024,
        [DeviceAttribute.WarpSize] = 32,
        [DeviceAttribute.MaxRegistersPerBlock] = 65536,
        [DeviceAttribute.ClockRate] = 1_980_000,
        [DeviceAttribute.MultiprocessorCount] = 132,
        [DeviceAttribute.L2CacheSize] = 50 << 20,
        [DeviceAttribute.MaxThreadsPerMultiprocessor] = 2048,
        [DeviceAttribute.ComputeCapabilityMajor] = 9,
        [DeviceAttribute.ComputeCapabilityMinor] = 0,
        [DeviceAttribute.MaxSharedMemoryPerMultiprocessor] = 228 * 1024,
        [DeviceAttribute.MaxSharedMemoryPerBlockOptin] = 227 * 1024,
        [DeviceAttribute.ClusterLaunch] = 1,
        [DeviceAttribute.TensorMapAccessSupported] = 1,
    };

    public Dictionary<FunctionAttribute, int> FunctionAttributes { get; } = new()
    {
        [FunctionAttribute.MaxThreadsPerBlock] = 512,
        [FunctionAttribute.SharedSizeBytes] = 1024,
        [FunctionAttribute.ConstSizeBytes] = 0,
        [FunctionAttribute.LocalSizeBytes] = 0,
        [FunctionAttribute.NumRegs] = 96,
        [FunctionAttribute.PtxVersion] = 90,
        [FunctionAttribute.BinaryVersion] = 90,
        [FunctionAttribute.MaxDynamicSharedSizeBytes] = 47 * 1024,
        [FunctionAttribute.NonPortableClusterSizeAllowed] = 0,
    };

    /// <summary>Kernels that modules have.</summary>
    public HashSet<string> Kernels { get; } = ["k"];

    /// <summary>Parameters of every kernel; null as before CUDA 12.4.</summary>
    public (int Offset, int Bytes)[]? Parameters { get; set; }

    public string InformationLog { get; set; } = "";

    public string ErrorLog { get; set; } = "";

    /// <summary>What no driver would forgive: double destruction, use of what is gone, calls outside the context.</summary>
    public IReadOnlyList<string> Mistakes
    {
        get
        {
            lock (_gate)
            {
                return [.. _mistakes];
            }
        }
    }

    public List<FakeLaunch> Launches { get; } = [];

    public long UsedBytes
    {
        get
        {
            lock (_gate)
            {
                return _memory.Values.Sum(block => (long)block.Length);
            }
        }
    }

    /// <summary>The context of this thread.</summary>
    private nint Current => _current.GetValueOrDefault(Environment.CurrentManagedThreadId);

    /// <summary>How often a call was made.</summary>
    public int Calls(string call)
    {
        lock (_gate)
        {
            return _calls.Count(name => name == call);
        }
    }

    public (int Created, int Destroyed) Count(string kind)
    {
        lock (_gate)
        {
            return _counts.GetValueOrDefault(kind);
        }
    }

    /// <summary>Objects that are alive, by kind.</summary>
    public IReadOnlyList<string> Alive()
    {
        lock (_gate)
        {
            return [.. _alive.Values.Concat(_memory.Keys.Select(_ => "memory"))];
        }
    }

    /// <summary>Makes the next calls of a name return these results (Success: as usual).</summary>
    public void Script(string call, params CudaResult[] results)
    {
        lock (_gate)
        {
            _scripted[call] = new Queue<CudaResult>(results);
        }
    }

    public CudaDevice Device(int ordinal = 0) => CudaDriver.Probe(this).Devices[ordinal];

    public CudaContext Open() => CudaContext.Open(Device(), this);

    /// <summary>Books a call; anything but success is what it has to return.</summary>
    private CudaResult Book(string call, bool needsContext = true)
    {
        _calls.Add(call);
        if (needsContext && !(_alive.TryGetValue(Current, out var kind) && kind == "context"))
        {
            _mistakes.Add($"{call} without a context");
        }

        if (_scripted.TryGetValue(call, out var queue) && queue.TryDequeue(out var result) && result != CudaResult.Success)
        {
            if (IsSticky(result))
            {
                _sticky = result;
            }

            return result;
        }

        return _sticky;
    }

    private static bool IsSticky(CudaResult result) => CudaErrorTable.All.Any(error => error.Code == (int)result && error.LosesContext);

    private CudaResult Make(string call, string kind, out nint raw, bool needsContext = true)
    {
        lock (_gate)
        {
            raw = 0;
            var result = Book(call, needsContext);
            if (result == CudaResult.Success)
            {
                raw = Register(kind);
            }

            return result;
        }
    }

    private nint Register(string kind)
    {
        var raw = _nextHandle += 0x10;
        _alive.Add(raw, kind);
        var (created, destroyed) = _counts.GetValueOrDefault(kind);
        _counts[kind] = (created + 1, destroyed);
        return raw;
    }

    private CudaResult Unmake(string call, string kind, nint raw, bool needsContext = true)
    {
        lock (_gate)
        {
            var result = Book(call, needsContext);
            if (_alive.TryGetValue(raw, out var found) && found == kind)
            {
                _alive.Remove(raw);
            }
            else
            {
                _mistakes.Add($"{call} of 0x{raw:x}, which is no {kind} that is alive");
            }

            var (created, destroyed) = _counts.GetValueOrDefault(kind);
            _counts[kind] = (created, destroyed + 1);
            return result;
        }
    }

    private CudaResult Use(string call, params ReadOnlySpan<(string Kind, nint Raw)> handles)
    {
        lock (_gate)
        {
            foreach (var (kind, raw) in handles)
            {
                if (!_alive.TryGetValue(raw, out var found) || found != kind)
                {
                    _mistakes.Add($"{call} uses 0x{raw:x}, which is no {kind} that is alive");
                }
            }

            return Book(call);
        }
    }

    private Span<byte> Range(string call, ulong address, nuint bytes)
    {
        foreach (var (start, block) in _memory)
        {
            if (address >= start && address + bytes <= start + (ulong)block.Length)
            {
                return block.AsSpan((int)(address - start), (int)bytes);
            }
        }

        _mistakes.Add($"{call} touches 0x{address:x}, {bytes} bytes, outside every allocation");
        return [];
    }

    private static void Put(byte* target, int length, string text) =>
        Encoding.UTF8.GetBytes(text + '\0').AsSpan().CopyTo(new Span<byte>(target, length));

    private void WriteLogs(uint count, JitOption* options, void** values)
    {
        for (var index = 0; index < count; index++)
        {
            switch (options[index])
            {
                case JitOption.InfoLogBuffer:
                    Put((byte*)values[index], 64 * 1024, InformationLog);
                    break;
                case JitOption.ErrorLogBuffer:
                    Put((byte*)values[index], 64 * 1024, ErrorLog);
                    break;
            }
        }
    }
}
