using System.Collections.Immutable;
using System.Runtime.InteropServices;
using Stof.Reference.Cuda.Ptx;
using Stof.Reference.Cuda.Simulator;

namespace Stof.Reference.Cuda.Truth;

/// <summary>
/// A kernel that tries out an instruction whose lanes work together. As with <see cref="InstructionProbe"/>, thread by thread, rows of 64-bit
/// numbers hold results and operands; what the device gives is compared with what a launch on the simulator gives.
/// </summary>
internal sealed class WarpProbe
{
    private readonly ImmutableArray<Func<Random, ulong>> _sources;

    /// <summary>Builds the kernel.</summary>
    /// <param name="name">What the report calls it.</param>
    /// <param name="target">What the kernel is written for.</param>
    /// <param name="results">Rows of results.</param>
    /// <param name="sources">A sampler for each row of operands.</param>
    /// <param name="body">Gets the low 32 bits of the operands of its thread, gives 32 bits for each row of results.</param>
    public WarpProbe(
        string name, Target target, int results, ImmutableArray<Func<Random, ulong>> sources, Func<KernelBuilder, B32[], IReadOnlyList<B32>> body)
    {
        Name = name;
        Results = results;
        _sources = sources;
        var k = new KernelBuilder("probe_" + string.Concat(name.Select(letter => char.IsAsciiLetterOrDigit(letter) ? letter : '_')), target);
        var rows = k.Parameter<B64>("rows");
        var rowBytes = k.ExtendU32(k.Parameter<B32>("row_bytes"));
        var first = k.MadWideU32(k.Mad(k.BlockX(), k.BlockSizeX(), k.ThreadX()), 8, rows);
        var at = first;
        for (var row = 0; row < results; row++)
        {
            at = k.Add(at, rowBytes);
        }

        var operands = new B32[sources.Length];
        for (var row = 0; row < operands.Length; row++)
        {
            operands[row] = k.Narrow(k.LoadGlobal<B64>(new GlobalPointer(at)));
            at = k.Add(at, rowBytes);
        }

        at = first;
        foreach (var value in body(k, operands))
        {
            k.StoreGlobal(new GlobalPointer(at), k.ExtendU32(value));
            at = k.Add(at, rowBytes);
        }

        Kernel = k.Build(InstructionProbe.Threads);
    }

    /// <summary>What the report calls it.</summary>
    public string Name { get; }

    /// <summary>The kernel.</summary>
    public Kernel Kernel { get; }

    /// <summary>Rows of results.</summary>
    public int Results { get; }

    /// <summary>
    /// Null where bits are compared. Else results are sums of products: the accuracy, to be taken of the sum of the products' magnitudes,
    /// and how a row of bits becomes numbers.
    /// </summary>
    public (AccuracyBound Bound, Func<uint, double[]> Values)? Sum { get; init; }

    /// <summary>Operands without their signs, so that the simulator gives the sum of the products' magnitudes.</summary>
    public Func<int, uint, uint> Magnitude { get; init; } = (_, bits) => bits;

    /// <summary>Rows with operands, results 0.</summary>
    public ulong[] Sample(int cases, Random random)
    {
        var rows = new ulong[(Results + _sources.Length) * cases];
        for (var i = Results * cases; i < rows.Length; i++)
        {
            rows[i] = _sources[(i / cases) - Results](random);
        }

        return rows;
    }

    /// <summary>Rows as the simulator leaves them.</summary>
    /// <exception cref="InvalidOperationException">The simulator has found a fault in the kernel.</exception>
    public ulong[] Simulate(ulong[] rows, int blocks, bool ofMagnitudes = false)
    {
        var cases = blocks * InstructionProbe.Threads;
        var given = rows.ToArray();
        for (var i = Results * cases; ofMagnitudes && i < given.Length; i++)
        {
            given[i] = Magnitude((i / cases) - Results, (uint)given[i]);
        }

        var device = new SimulatedDevice(Kernel.Target);
        var address = device.Allocate<ulong>(given);
        var parameters = new byte[Kernel.ParameterBytes];
        MemoryMarshal.Write(parameters.AsSpan(Kernel.Parameters[0].Offset), address);
        MemoryMarshal.Write(parameters.AsSpan(Kernel.Parameters[1].Offset), (uint)(cases * sizeof(ulong)));
        device.Launch(Kernel, new Grid(blocks), parameters).ThrowIfFound();
        return device.Read<ulong>(address, given.Length);
    }
}
