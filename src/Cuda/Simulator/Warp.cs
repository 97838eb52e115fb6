using Stof.Reference.Cuda.Ptx;

namespace Stof.Reference.Cuda.Simulator;

/// <summary>Thirty-two lanes: their registers, and where each of them is.</summary>
internal sealed partial class Warp
{
    /// <summary>Lanes of a warp.</summary>
    public const int Lanes = 32;

    private readonly uint[] _words;
    private readonly ulong[] _longWords;
    private readonly uint[] _predicates;
    private readonly ConstantRows _constants;

    private readonly byte[] _parameterBlock;
    private readonly ThreadBlock _block;

    /// <summary>Creates a warp.</summary>
    /// <param name="kernel">Says which registers there are.</param>
    /// <param name="constants">The kernel's constants.</param>
    /// <param name="parameterBlock">The launch's parameters.</param>
    /// <param name="block">The block that it runs in; null for a warp whose registers only are used.</param>
    /// <param name="index">Number within the block.</param>
    public Warp(Kernel kernel, ConstantRows constants, byte[] parameterBlock, ThreadBlock? block = null, int index = 0)
    {
        _block = block!;
        Index = index;
        _program = block?.Launch.Program ?? [];
        _defined = new uint[new RegisterNumbers(kernel).Count];
        _local = new LocalMemory(kernel);
        Order = new WarpClock(index, block?.Rank ?? 0, block?.Cluster.Size ?? 1);
        BlockThreads = kernel.Threads;
        if (block is not null)
        {
            Grid = (block.Launch.Grid.X, block.Launch.Grid.Y, block.Launch.Grid.Z);
        }

        _parameterBlock = parameterBlock;
        _predicates = new uint[kernel.RegisterTypes[(int)RegisterFile.Predicates].Length];
        _words = new uint[kernel.RegisterTypes[(int)RegisterFile.Words].Length * Lanes];
        _longWords = new ulong[kernel.RegisterTypes[(int)RegisterFile.LongWords].Length * Lanes];
        _constants = constants;
    }

    /// <summary>The launch's parameters.</summary>
    public ReadOnlySpan<byte> ParameterBlock => _parameterBlock;

    /// <summary>The 32 lanes of a 32-bit (or 16-bit) register or constant.</summary>
    public ReadOnlySpan<uint> Words(Operand operand) =>
        (operand.IsRegister ? _words : _constants.Words).AsSpan(operand.Index * Lanes, Lanes);

    /// <summary>The 32 lanes of a 32-bit (or 16-bit) register, to write; only participating lanes may change.</summary>
    public Span<uint> WordsOf(Operand register) => _words.AsSpan(register.Index * Lanes, Lanes);

    /// <summary>The 32 lanes of a 64-bit register or constant.</summary>
    public ReadOnlySpan<ulong> LongWords(Operand operand) =>
        (operand.IsRegister ? _longWords : _constants.LongWords).AsSpan(operand.Index * Lanes, Lanes);

    /// <summary>The 32 lanes of a 64-bit register, to write; only participating lanes may change.</summary>
    public Span<ulong> LongWordsOf(Operand register) => _longWords.AsSpan(register.Index * Lanes, Lanes);

    /// <summary>A predicate: bit l is lane l.</summary>
    public uint Predicate(Operand register) => _predicates[register.Index];

    /// <summary>Writes a predicate in the lanes that take part.</summary>
    public void SetPredicate(Operand register, uint value, uint lanes) =>
        _predicates[register.Index] = (_predicates[register.Index] & ~lanes) | (value & lanes);
}
