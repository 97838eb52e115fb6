using System.Runtime.InteropServices;
using Stof.Reference.Cuda.Ptx;
using Stof.Reference.Cuda.Simulator;

namespace Stof.Reference.Cuda.Tests.Simulator;

/// <summary>A kernel that uses instructions, with the bytes that must come out.</summary>
internal sealed class SemanticsCase
{
    private readonly List<Action<ParameterBlock>> _parameters = [];
    private readonly List<(ulong Address, byte[] Expected, string Name)> _expected = [];

    public required string Name { get; init; }

    /// <summary>Writes the kernel and says what must come out.</summary>
    public required Action<SemanticsCase> Write { get; init; }

    public int Threads { get; set; } = 32;

    public int Blocks { get; set; } = 1;

    public KernelBuilder K { get; } = new("semantics", Target.Sm90);

    public SimulatedDevice Device { get; } = new(Target.Sm90);

    /// <summary>The built kernel.</summary>
    public Kernel? Kernel { get; private set; }

    /// <inheritdoc/>
    public override string ToString() => Name;

    /// <summary>A parameter with the address of values.</summary>
    public GlobalPointer Input<T>(string name, T[] values)
        where T : unmanaged
    {
        var address = Device.Allocate<T>(values, name);
        _parameters.Add(parameters => parameters.Set(name, address));
        return new GlobalPointer(K.Parameter<B64>(name));
    }

    /// <summary>A parameter with the address of a buffer that the kernel must fill with these values.</summary>
    public GlobalPointer Output<T>(string name, T[] expected)
        where T : unmanaged
    {
        var bytes = MemoryMarshal.AsBytes(expected.AsSpan()).ToArray();
        var address = Device.Allocate(bytes.Length, name);
        _expected.Add((address, bytes, name));
        _parameters.Add(parameters => parameters.Set(name, address));
        return new GlobalPointer(K.Parameter<B64>(name));
    }

    /// <summary>Says that an input must hold other values after the launch.</summary>
    public GlobalPointer InOut<T>(string name, T[] values, T[] expected)
        where T : unmanaged
    {
        var address = Device.Allocate<T>(values, name);
        _expected.Add((address, MemoryMarshal.AsBytes(expected.AsSpan()).ToArray(), name));
        _parameters.Add(parameters => parameters.Set(name, address));
        return new GlobalPointer(K.Parameter<B64>(name));
    }

    /// <summary>A scalar parameter.</summary>
    public void Scalar(Action<ParameterBlock> set) => _parameters.Add(set);

    public GlobalPointer At(GlobalPointer start, B32 index, int bytes) => new(K.MadWideU32(index, bytes, start.Base), start.Offset);

    public SharedPointer At(SharedPointer start, B32 index, int bytes) => new(K.Mad(index, bytes, start.Base), start.Offset);

    /// <summary>Builds the kernel without running it.</summary>
    public Kernel Build()
    {
        Write(this);
        return Kernel = K.Build(Threads);
    }

    /// <summary>Runs it and compares.</summary>
    public void Run()
    {
        var kernel = Build();
        var parameters = new ParameterBlock(kernel);
        foreach (var set in _parameters)
        {
            set(parameters);
        }

        Device.Launch(kernel, new Grid(Blocks), parameters.Bytes).ThrowIfFound();
        foreach (var (address, expected, name) in _expected)
        {
            var found = Device.Read<byte>(address, expected.Length);
            for (var i = 0; i < found.Length; i++)
            {
                Assert.True(found[i] == expected[i], $"{Name}: byte {i} of {name} is 0x{found[i]:x2}; expected 0x{expected[i]:x2}");
            }
        }
    }
}
