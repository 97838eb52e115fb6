using System.Runtime.CompilerServices;
using Stof.Reference.Cuda.Ptx;
using Stof.Reference.Cuda.Simulator;

namespace Stof.Reference.Cuda.Tests.Simulator;

/// <summary>A kernel with one fault that can be taken out, and what must be found.</summary>
internal sealed class PlantedFault
{
    public required string Name { get; init; }

    /// <summary>What the simulator must report; null if the fault shows in the result (or a counter).</summary>
    public FindingKind? Kind { get; init; }

    /// <summary>Writes the kernel, sets up memory and marks the line whose instruction must be named.</summary>
    public required Action<FaultCase> Write { get; init; }

    /// <inheritdoc/>
    public override string ToString() => Name;
}

/// <summary>One of a fault's two kernels while it is written.</summary>
internal sealed class FaultCase(bool isFaulty, Target target)
{
    private readonly List<Action<ParameterBlock>> _parameters = [];

    /// <summary>True for the kernel with the fault.</summary>
    public bool IsFaulty { get; } = isFaulty;

    public KernelBuilder K { get; } = new("planted", target);

    public SimulatedDevice Device { get; } = new(target);

    public Grid Grid { get; set; } = new(1);

    public int Threads { get; set; } = 32;

    public LaunchOptions Options { get; set; } = LaunchOptions.Default;

    /// <summary>Line that a finding must name.</summary>
    public int Line { get; private set; }

    /// <summary>Says what is wrong with the result; null if it is right.</summary>
    public Func<LaunchReport, string?> Check { get; set; } = _ => null;

    /// <summary>Marks the line that it stands on.</summary>
    public FaultCase Mark([CallerLineNumber] int line = 0)
    {
        Line = line;
        return this;
    }

    /// <summary>A parameter with the address of a buffer.</summary>
    public GlobalPointer Buffer(string name, params float[] values)
    {
        var address = Device.Allocate<float>(values, name);
        return Address(name, address);
    }

    /// <summary>A parameter with the address of a buffer that nothing has written.</summary>
    public GlobalPointer Output(string name, int bytes, out ulong address)
    {
        address = Device.Allocate(bytes, name);
        return Address(name, address);
    }

    /// <summary>A parameter with an address.</summary>
    public GlobalPointer Address(string name, ulong address)
    {
        _parameters.Add(parameters => parameters.Set(name, address));
        return new GlobalPointer(K.Parameter<B64>(name));
    }

    /// <summary>base + 4·index.</summary>
    public GlobalPointer At(GlobalPointer start, B32 index, int bytes = 4) => new(K.MadWideU32(index, bytes, start.Base), start.Offset);

    /// <summary>base + 4·index.</summary>
    public SharedPointer At(SharedPointer start, B32 index, int bytes = 4) => new(K.Mad(index, bytes, start.Base), start.Offset);

    /// <summary>Compares an output with what must be there.</summary>
    public void Expect(ulong address, int count, Func<int, float> expected) => Check = _ =>
    {
        var found = Device.Read<float>(address, count);
        for (var i = 0; i < count; i++)
        {
            if (found[i] != expected(i))
            {
                return $"[{i}] is {found[i]}; expected {expected(i)}";
            }
        }

        return null;
    };

    public LaunchReport Run()
    {
        var kernel = K.Build(Threads);
        var parameters = new ParameterBlock(kernel);
        foreach (var set in _parameters)
        {
            set(parameters);
        }

        return Device.Launch(kernel, Grid, parameters.Bytes, Options);
    }
}
