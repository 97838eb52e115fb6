using Stof.Reference.Formats;
using Stof.Reference.Graphs;
using Stof.Reference.Masks;
using Stof.Reference.Numerics;
using Stof.Reference.Operators;

namespace Stof.Reference.Fusion;

/// <summary>What a model is run on, apart from the numbers themselves.</summary>
public sealed class Workload
{
    private readonly Lazy<BlockMask> _tiles;

    /// <summary>Keeps the shape; tiles are built when somebody asks for them.</summary>
    /// <param name="batch">Batch size.</param>
    /// <param name="length">Rows per batch item.</param>
    /// <param name="type">Dtype of weights and activations.</param>
    /// <param name="mask">Mask of every layer, the model's own causality included.</param>
    /// <param name="heads">Query heads, for masks that vary by head.</param>
    public Workload(int batch, int length, DType type, MaskPattern mask, int heads = 1)
    {
        Batch = batch;
        Length = length;
        Type = type;
        Mask = mask;
        Extent = new MaskExtent(length, length, batch, heads);
        _tiles = new Lazy<BlockMask>(() => BlockMaskBuilder.Build(mask, Extent, TileShape.Default));
    }

    /// <summary>Batch size.</summary>
    public int Batch { get; }

    /// <summary>Rows per batch item.</summary>
    public int Length { get; }

    /// <summary>Dtype of weights and activations.</summary>
    public DType Type { get; }

    /// <summary>Mask of every layer, the model's own causality included.</summary>
    public MaskPattern Mask { get; }

    /// <summary>The rectangle that the mask covers.</summary>
    public MaskExtent Extent { get; }

    /// <summary>Rows of every value: batch·length.</summary>
    public int Rows => Batch * Length;

    /// <summary>The mask's tiles at STOF's 64×64.</summary>
    public BlockMask Tiles => _tiles.Value;

    /// <summary>The attention of a layer on rows of joined heads.</summary>
    /// <param name="geometry">The layer's heads.</param>
    /// <param name="bias">What is added to its scores, or null.</param>
    public AttentionProblem Attention(AttentionGeometry geometry, ScoreBias? bias = null)
    {
        ArgumentNullException.ThrowIfNull(geometry);
        return new()
        {
            Batch = Batch,
            QueryHeads = geometry.QueryHeads,
            KvHeads = geometry.KvHeads,
            QueryLength = Length,
            KvLength = Length,
            HeadSize = geometry.HeadSize,
            Type = Type,
            Layout = AttentionLayout.BatchLengthHeads,
            Scale = geometry.Scale,
            Mask = Mask,
            Bias = bias,
        };
    }

    /// <summary>Score pairs in loaded 64×64 tiles, over batch and all heads.</summary>
    public double LoadedPairs(int heads)
    {
        var tiles = Tiles;
        var repeat = (tiles.BatchSlices == 1 ? Batch : 1.0) * (tiles.HeadSlices == 1 ? heads : 1.0);
        return tiles.LoadColIdx.Length * (double)tiles.Tile.Rows * tiles.Tile.Columns * repeat;
    }
}
