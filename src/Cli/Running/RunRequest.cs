using Stof.Reference.Numerics;
using Stof.Reference.Search;

namespace Stof.Reference.Cli.Running;

/// <summary>What <c>stof run</c> was asked for, options parsed and nothing loaded yet.</summary>
internal sealed record RunRequest
{
    /// <summary>Folder or preset.</summary>
    public required string Model { get; init; }

    /// <summary>Mask text or file.</summary>
    public required string Mask { get; init; }

    /// <summary>File of token ids, or null.</summary>
    public string? Ids { get; init; }

    /// <summary>File of images, or null.</summary>
    public string? Pixels { get; init; }

    /// <summary>Batch of a random input, or null.</summary>
    public int? Batch { get; init; }

    /// <summary>Length of a random input, or null.</summary>
    public int? Length { get; init; }

    /// <summary>Dtype of weights and activations.</summary>
    public DType Type { get; init; } = DType.F32;

    /// <summary>What runs it: <c>cpu</c> or a device of OpenCL.</summary>
    public string Backend { get; init; } = "cpu";

    /// <summary>Threads, or null for all processors.</summary>
    public int? Threads { get; init; }

    /// <summary>Seed of random inputs, preset weights and the search.</summary>
    public int Seed { get; init; }

    /// <summary>Search budget, or null for no search.</summary>
    public TuningBudget? Budget { get; init; }

    /// <summary>Search even if the cache holds a plan.</summary>
    public bool Retune { get; init; }

    /// <summary>Folder of the search cache.</summary>
    public required string CacheFolder { get; init; }

    /// <summary>Plan file to run, or null.</summary>
    public string? PlanFile { get; init; }

    /// <summary>Compare every layer with the oracle.</summary>
    public bool Verify { get; init; }
}
