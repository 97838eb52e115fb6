using Stof.Reference.Formats;
using Stof.Reference.Masks;
using Stof.Reference.Numerics;

namespace Stof.Reference.Cli.Benchmarks;

/// <summary>Which attentions <c>bench attention</c> times.</summary>
internal sealed record AttentionSweepRequest
{
    /// <summary>Batch sizes with the lengths of each.</summary>
    public required IReadOnlyList<(int Batch, int Length)> Shapes { get; init; }

    /// <summary>Names of <see cref="PaperMasks"/>; all but dense by default.</summary>
    public IReadOnlyList<string> Masks { get; init; } = [.. PaperMasks.At(1).Select(mask => mask.Name).Where(name => name != "dense")];

    /// <summary>Query heads.</summary>
    public int Heads { get; init; } = 12;

    /// <summary>KV heads.</summary>
    public int KvHeads { get; init; } = 12;

    /// <summary>D = Dv.</summary>
    public int HeadSize { get; init; } = 64;

    /// <summary>Dtype of all tensors.</summary>
    public DType Type { get; init; } = DType.F16;

    /// <summary>Tilings of the CUDA block-wise kernel to time; none for the one that the backend takes.</summary>
    public IReadOnlyList<BlockwiseTiling> Tilings { get; init; } = [];

    /// <summary>True prints every tiling, false the fastest.</summary>
    public bool PrintsEach { get; init; }

    /// <summary>Shapes of a named sweep.</summary>
    /// <exception cref="InvalidInputException">There is no such sweep.</exception>
    public static IReadOnlyList<(int Batch, int Length)> Named(string name) => name switch
    {
        "paper" => [.. from batch in (int[])[1, 8, 16] from length in (int[])[128, 256, 512, 1024, 2048, 4096] select (batch, length)],
        "long" => [(1, 8192), (1, 16_384), (1, 32_768)],
        "quick" => [(1, 256), (1, 1024), (16, 1024)],
        _ => throw new InvalidInputException("--sweep", $"'{name}'", "paper, long or quick"),
    };
}
