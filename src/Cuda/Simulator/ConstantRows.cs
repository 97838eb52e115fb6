using Stof.Reference.Cuda.Ptx;

namespace Stof.Reference.Cuda.Simulator;

/// <summary>A kernel's constants, each repeated for 32 lanes, so that instructions read them like registers.</summary>
internal sealed class ConstantRows
{
    public ConstantRows(Kernel kernel)
    {
        var words = kernel.Constants[(int)RegisterFile.Words];
        Words = new uint[words.Length * Warp.Lanes];
        for (var i = 0; i < words.Length; i++)
        {
            Words.AsSpan(i * Warp.Lanes, Warp.Lanes).Fill((uint)words[i]);
        }

        var longWords = kernel.Constants[(int)RegisterFile.LongWords];
        LongWords = new ulong[longWords.Length * Warp.Lanes];
        for (var i = 0; i < longWords.Length; i++)
        {
            LongWords.AsSpan(i * Warp.Lanes, Warp.Lanes).Fill(longWords[i]);
        }
    }

    /// <summary>32-bit constants, 32 lanes each.</summary>
    public uint[] Words { get; }

    /// <summary>64-bit constants, 32 lanes each.</summary>
    public ulong[] LongWords { get; }
}
