using Stof.Reference.Formats;
using Stof.Reference.Numerics;
using Stof.Reference.Operators;

namespace Stof.Reference.OpenCL.Execution.Attention;

/// <summary>Parameters of attention_blockwise_matrix.cl.</summary>
public sealed record BlockwiseMatrixParameters
{
    /// <summary>D, a multiple of 8.</summary>
    public int HeadSize { get; init; } = 64;

    /// <summary>Dv, a multiple of 8.</summary>
    public int ValueSize { get; init; } = 64;

    /// <summary>Queries of a tile.</summary>
    public int TileQ { get; init; } = 64;

    /// <summary>Keys of a tile.</summary>
    public int TileK { get; init; } = 64;

    /// <summary>Tiles of keys and values in local memory at a time.</summary>
    public int Stages { get; init; } = 2;

    /// <summary>Queries of a warp, 16 or 32.</summary>
    public int WarpRows { get; init; } = 16;

    /// <summary>Groups of warps that share the tiles of a row out among themselves.</summary>
    public int KeyGroups { get; init; } = 1;

    /// <summary>True if scores are products times a positive number: the largest product is then the largest score, and the scale costs nothing.</summary>
    public bool IsPlain { get; init; } = true;

    /// <summary>True if rows are cut, and the last part of each merges all.</summary>
    public bool IsCut { get; init; }

    /// <summary>True to add weights in float too, for LSE; what O is divided by is a product with ones, of the rounded weights that its product takes.</summary>
    public bool HasLse { get; init; }

    /// <summary>True to compute products of fragments through local memory, for devices without matrix units.</summary>
    public bool IsEmulated { get; init; }
}

/// <summary>attention_blockwise_matrix.cl: a work-group does a tile row on matrix units.</summary>
/// <param name="Tiling">How.</param>
/// <param name="IsEmulated">True where the device has none.</param>
/// <param name="CutsRows">True if rows above the device's share of the work are cut.</param>
internal sealed record MatrixPlan(BlockwiseTiling Tiling, bool IsEmulated, bool CutsRows) : AttentionLayoutPlan
{
    private const int WarpLanes = 32;
    private const int ChunkBytes = 16;
    private const int ChunkElements = 8;
    private const int LargestSize = 128; // beyond, no tiling fits 48 KiB of local memory
    private const int EmulationWords = 6; // of a lane
    private const int CompilersOwn = 16; // bytes of local memory that NVIDIA's adds
    private const double Merge = 2; // µs: states go through memory
    private const double Norm = 2.5; // p of the model

    // Constants of OpenCL's own: its compiler makes other code, a group has 48 KiB, and no kernel starts before the one in front has ended. Fitted to 1,000
    // measurements (STOF's masks, batch 1, 8 and 16, lengths 128 to 4096) on an H100 with F16 and head size 64: root mean square error 5 %, choices 0.6 %
    // off the fastest of twelve tilings on average.
    private static readonly BlockwiseCost[] Costs =
    [
        new(new BlockwiseTiling(32, 32, 2), 3.0, 0.65, 0.192, 0.522),
        new(new BlockwiseTiling(32, 32, 2, 16, 2), 4.0, 0.75, 0.205, 0.690),
        new(new BlockwiseTiling(64, 32, 2), 3.5, 0.55, 0.252, 0.948),
        new(new BlockwiseTiling(64, 64, 2), 4.0, 0.90, 0.492, 0.914),
        new(new BlockwiseTiling(128, 64, 2), 3.5, 1.30, 0.847, 2.396),
        new(new BlockwiseTiling(128, 64, 2, 32), 3.5, 1.35, 0.783, 2.926),
    ];

    /// <inheritdoc/>
    public override TileShape Tile => Tiling.Tile;

    /// <inheritdoc/>
    public override string KernelName => "attention_blockwise";

    /// <inheritdoc/>
    public override string Description => $"{KernelName} {Tiling}";

    /// <inheritdoc/>
    public override int GroupsPerItem => 1;

    /// <inheritdoc/>
    public override int GroupSize => WarpLanes * Tiling.Warps;

    /// <summary>The plan of a tiling; null where the device has no matrix units, or the kernel does not compute the problem or exceeds the device.</summary>
    public static MatrixPlan? Of(KernelDevice device, AttentionProblem problem, BlockwiseTiling tiling, bool cutsRows = true)
    {
        var (head, value) = (problem.HeadSize, problem.ValueSize);
        if (device.Mapping != Mapping.Groups || device.MatrixUnits == MatrixUnits.None
            || problem.Type is not (DType.F16 or DType.BF16)
            || head % ChunkElements != 0 || head > LargestSize || value % ChunkElements != 0 || value > LargestSize
            || tiling.LikelySpills(2 * ChunkElements * Steps(head), 2 * ChunkElements * Steps(value), keepsQueries: true))
        {
            return null;
        }

        var plan = new MatrixPlan(tiling, device.MatrixUnits == MatrixUnits.Emulated, cutsRows);
        return plan.GroupSize <= device.Device.MaxWorkGroup && plan.StaticLocalBytes(problem) <= device.Device.LocalBytes ? plan : null;
    }

    /// <summary>The plan that is expected to be fastest; null if there is none.</summary>
    public static MatrixPlan? Cheapest(KernelDevice device, AttentionProblem problem)
    {
        var (best, least) = ((MatrixPlan?)null, double.MaxValue);
        void Consider(BlockwiseCost cost, TileWork work, bool cutsRows)
        {
            var expected = cost.Microseconds(problem, work, device.Device.ComputeUnits, Merge, Norm);
            (best, least) = expected < least ? (Of(device, problem, cost.Tiling, cutsRows), expected) : (best, least);
        }

        foreach (var cost in Costs.Where(cost => Of(device, problem, cost.Tiling) is not null))
        {
            var work = BlockwiseWork.Of(problem, cost.Tiling, device.Device.ComputeUnits, device.CacheBytes);
            var isCut = work.Work.Merges.Length > 0;
            Consider(cost, work.Work, isCut);
            if (isCut)
            {
                Consider(cost, TileWork.Of(problem, work.Mask, longest: 0, device.CacheBytes), cutsRows: false);
            }
        }

        return best;
    }

    /// <inheritdoc/>
    public override long LocalBytes(AttentionProblem problem) => 0;

    /// <inheritdoc/>
    public override bool MergesItself => true;

    /// <inheritdoc/>
    public override long StateFloats(AttentionProblem problem) => (long)GroupSize / Tiling.KeyGroups * LaneState(problem);

    /// <inheritdoc/>
    public override (BlockMask Mask, TileWork Work) Lists(KernelDevice device, AttentionProblem problem)
    {
        var work = BlockwiseWork.Of(problem, Tiling, CutsRows ? device.Device.ComputeUnits : 0, device.CacheBytes);
        return (work.Mask, work.Work);
    }

    /// <inheritdoc/>
    public override long AddBits(JoinedLists lists, BlockMask mask)
    {
        // Full tiles ask for bits too, those of the first part tile, and do not look at them.
        var bits = FragmentBits.Of(mask);
        return lists.Add(bits.Length > 0 ? bits : new uint[Tile.Rows / FragmentBitmaps.BlockRows * FragmentBitmaps.WordsPerBlock(Tile.Columns)]);
    }

    /// <inheritdoc/>
    public override ProgramSpec Program(KernelDevice device, AttentionProblem problem)
    {
        var options = AttentionParameters.Of(problem, IsJoined);
        return ProgramSpec.Of("attention_blockwise_matrix.cl", device.Numbers(problem.Type), options, new BlockwiseMatrixParameters
        {
            HeadSize = problem.HeadSize,
            ValueSize = problem.ValueSize,
            TileQ = Tiling.QueryTile,
            TileK = Tiling.KeyTile,
            Stages = Tiling.Stages,
            WarpRows = Tiling.WarpRows,
            KeyGroups = Tiling.KeyGroups,
            IsPlain = options is { Bias: BiasForm.None, HasSoftcap: false } && problem.EffectiveScale > 0,
            IsCut = CutsRows || problem.KvSplits > 1,
            HasLse = problem.LogSumExp != LogSumExpOutput.None,
            IsEmulated = IsEmulated,
        });
    }

    // Steps of sixteen elements.
    private static int Steps(int size) => (size + (2 * ChunkElements) - 1) / (2 * ChunkElements);

    // Chunks between rows, as PITCH in matrix_units.cl.
    private static int Pitch(int size) => (2 * Steps(size)) | 1;

    // As MEMORY in the kernel.
    private long StaticLocalBytes(AttentionProblem problem)
    {
        var (key, value) = (Pitch(problem.HeadSize), Pitch(problem.ValueSize));
        var stage = (long)Tiling.KeyTile * (key + value);
        var queries = (long)Tiling.QueryTile * Math.Max(key, value);
        var rings = Tiling.KeyGroups * ChunkBytes * (((Tiling.Stages - 1) * stage) + Math.Max(stage, queries));
        var states = (Tiling.KeyGroups - 1) * sizeof(float) * StateFloats(problem);
        var exchange = IsEmulated ? EmulationWords * GroupSize : 0;
        return Math.Max(rings, states) + (sizeof(uint) * exchange) + CompilersOwn;
    }

    // As STATE in the kernel.
    private int LaneState(AttentionProblem problem) => Tiling.WarpRows / FragmentBitmaps.BlockRows * (7 + (8 * Steps(problem.ValueSize)));
}
