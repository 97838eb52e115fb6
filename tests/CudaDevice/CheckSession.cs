using System.Runtime.CompilerServices;
using Stof.Reference.Cuda.Driver;

namespace Stof.Reference.DeviceChecks;

/// <summary>What checks run in: one context and stream for all, made once.</summary>
internal sealed class CheckSession : IDisposable
{
    private readonly Dictionary<string, CudaModule> _modules = [];

    public CheckSession(CudaProbe probe, CudaDevice device, bool small)
    {
        Probe = probe;
        Small = small;
        Context = CudaContext.Open(device);
        Stream = Context.CreateStream();
    }

    public CudaProbe Probe { get; }

    /// <summary>True under a sanitizer, which makes kernels a hundred times slower: the smallest sizes that still show everything.</summary>
    public bool Small { get; }

    /// <summary>Where what instructions did goes; null for nowhere.</summary>
    public string? TruthFile { get; init; }

    /// <summary>How the names of cases start that speed checks measure; all if empty.</summary>
    public IReadOnlyList<string> Cases { get; init; } = [];

    public CudaContext Context { get; }

    public CudaStream Stream { get; }

    public CudaDevice Device => Context.Device;

    /// <summary>True if a speed check shall measure a case.</summary>
    public bool Wants(string name) => Cases.Count == 0 || Cases.Any(start => name.StartsWith(start, StringComparison.Ordinal));

    /// <summary>The text of an embedded PTX file.</summary>
    public static string Ptx(string file)
    {
        using var stream = typeof(CheckSession).Assembly.GetManifestResourceStream(file)
            ?? throw new CheckFailedException($"{file} is not embedded");
        using var reader = new StreamReader(stream);
        return reader.ReadToEnd();
    }

    /// <summary>A kernel of an embedded PTX file, compiled once.</summary>
    public CudaFunction Kernel(string file, string name)
    {
        if (!_modules.TryGetValue(file, out var module))
        {
            _modules.Add(file, module = Context.LoadPtx(Ptx(file), Path.GetFileNameWithoutExtension(file)));
        }

        return module.GetFunction(name);
    }

    /// <summary>A buffer with numbers in it.</summary>
    public CudaMemory Upload<T>(T[] values)
        where T : unmanaged
    {
        var memory = Stream.Allocate(values.Length * (long)Unsafe.SizeOf<T>());
        Stream.Upload<T>(values, memory);
        return memory;
    }

    /// <summary>All numbers of a buffer.</summary>
    public T[] Download<T>(CudaMemoryView memory)
        where T : unmanaged
    {
        var values = new T[memory.Bytes / Unsafe.SizeOf<T>()];
        Stream.Download(memory, values.AsSpan());
        return values;
    }

    /// <summary>Fails at the first difference.</summary>
    /// <returns>How many were compared.</returns>
    public static long RequireEqual<T>(T[] expected, T[] found, string what)
        where T : IEquatable<T>
    {
        if (expected.AsSpan().SequenceEqual(found))
        {
            return expected.Length;
        }

        Require(expected.Length == found.Length, $"{what}: {found.Length} values, expected {expected.Length}");
        for (var index = 0; index < expected.Length; index++)
        {
            if (!expected[index].Equals(found[index]))
            {
                throw new CheckFailedException($"{what}[{index}] is {found[index]}, expected {expected[index]}");
            }
        }

        throw new CheckFailedException($"{what} differs from itself"); // NaN: compare bits instead
    }

    /// <summary>Fails with a message unless a condition holds.</summary>
    public static void Require(bool condition, string message)
    {
        if (!condition)
        {
            throw new CheckFailedException(message);
        }
    }

    /// <summary>Runs what must throw one kind of exception, and gives it.</summary>
    public static T RequireThrows<T>(Action action, string what)
        where T : Exception
    {
        try
        {
            action();
        }
        catch (T expected)
        {
            return expected;
        }

        throw new CheckFailedException($"{what} did not throw {typeof(T).Name}");
    }

    public void Dispose()
    {
        foreach (var module in _modules.Values)
        {
            module.Dispose();
        }

        Stream.Dispose();
        Context.Dispose();
    }
}
