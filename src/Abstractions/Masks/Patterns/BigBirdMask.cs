namespace Stof.Reference.Masks;

/// <summary>
/// BigBird (Zaheer et al. 2020): |p − k| ≤ band, or p &lt; global, or k &lt; global, or a random pair, with p = q + offset (see
/// <see cref="LongformerMask"/> for what global means). The random pairs come in two kinds: those of the STOF artifact
/// (<see cref="StofCellsMask"/>, other ones in every batch item; the default) and the paper's random key blocks
/// (<see cref="RandomBlocksMask"/>, shared by the batch). Text forms: <c>bigbird(band=32,global=32,fill=0.1,seed=0)</c> and
/// <c>bigbird(band=64,global=64,kind=blocks,blocks=3,size=64,seed=0)</c>.
/// </summary>
public sealed record BigBirdMask : NamedMask
{
    /// <summary>The catalogue's entry.</summary>
    public static MaskEntry Entry { get; } = new()
    {
        Name = "bigbird",
        Formula = "|p − k| ≤ band or p global or k global or a random pair",
        Summary = "Longformer's band and global positions, and random pairs of two kinds. `kind=stof`, the default, takes the cells of the STOF artifact "
            + "(`stof_cells`): they lie within a block of the diagonal, and every batch item has its own. `kind=blocks` takes the paper's random key "
            + "blocks (`random_blocks`): `bigbird(band=64,global=64,kind=blocks,blocks=3,size=64,seed=0)`.",
        Source = "Zaheer et al.: BigBird (2020)",
        Parameters =
        [
            MaskParameter.Whole("band", "one-sided width of the band in keys"),
            MaskParameter.Whole("global", "number of global positions from the start"),
            MaskParameter.Number("fill", "kind stof: draws per 32x32 block as a share of its cells; default 0.1", optional: true),
            MaskParameter.Whole("seed", "seed; default 0", optional: true),
            MaskParameter.Word("kind", "stof: the artifact's cells, other ones in every batch item; blocks: random key blocks; default stof", optional: true),
            MaskParameter.Whole("blocks", "kind blocks: key blocks per block row; default 3", optional: true),
            MaskParameter.Whole("size", "kind blocks: side of a block; default 64", optional: true),
        ],
        Create = From,
        Examples =
        [
            "bigbird(band=32,global=32,fill=0.1,seed=0)", "bigbird(band=3,global=5,fill=0.01,seed=17)",
            "bigbird(band=9,global=4,kind=blocks,blocks=2,size=16,seed=7)", "bigbird(band=0,global=1,kind=blocks,blocks=1,size=3,seed=7)",
        ],
        Sample = new("bigbird(band=8,global=8,fill=0.1,seed=0)", 128),
        Loose = "a union: a rectangle that band, global strips and random pairs cover only together is called part",
    };

    /// <summary>Creates the pattern with the STOF artifact's random cells.</summary>
    /// <param name="band">One-sided width of the band in keys, 0 or more.</param>
    /// <param name="global">Number of global positions from the start, 0 or more.</param>
    /// <param name="fill">Draws per 32×32 block as a share of its 1,024 cells, 0 to 1.</param>
    /// <param name="seed">Seed of the Mersenne Twister, 0 or more.</param>
    /// <exception cref="InvalidInputException">A parameter is out of range.</exception>
    public BigBirdMask(int band, int global, double fill, int seed)
        : this(band, global, new StofCellsMask(fill, seed))
    {
    }

    /// <summary>Creates the pattern with the paper's random key blocks.</summary>
    /// <param name="band">One-sided width of the band in keys, 0 or more.</param>
    /// <param name="global">Number of global positions from the start, 0 or more.</param>
    /// <param name="blocks">The random key blocks.</param>
    /// <exception cref="InvalidInputException">A parameter is out of range.</exception>
    public BigBirdMask(int band, int global, RandomBlocksMask blocks)
        : this(band, global, (NamedMask)blocks)
    {
    }

    private BigBirdMask(int band, int global, NamedMask random)
    {
        Band = AtLeast("band", band, 0);
        Global = AtLeast("global", global, 0);
        Random = random;
    }

    /// <summary>One-sided width of the band in keys.</summary>
    public int Band { get; }

    /// <summary>Number of global positions from the start.</summary>
    public int Global { get; }

    /// <summary>The random pairs: a <see cref="StofCellsMask"/> or a <see cref="RandomBlocksMask"/>.</summary>
    public NamedMask Random { get; }

    /// <inheritdoc/>
    public override string Name => "bigbird";

    /// <inheritdoc/>
    public override IReadOnlyList<MaskParameterValue> Arguments =>
        Random is RandomBlocksMask
            ? [new("band", Band), new("global", Global), new("kind", "blocks"), .. Random.Arguments]
            : [new("band", Band), new("global", Global), .. Random.Arguments];

    /// <inheritdoc/>
    public override BoundMask Bind(MaskExtent extent) => (new LongformerMask(Band, Global) | Random).Bind(extent);

    /// <summary>Reads the arguments of either kind; those of the other kind are refused.</summary>
    internal static BigBirdMask From(MaskArguments arguments)
    {
        var (band, global) = (arguments.Whole("band"), arguments.Whole("global"));
        var seed = arguments.Whole("seed", 0);
        if (arguments.Choice("kind", ["stof", "blocks"], "stof") == "stof")
        {
            arguments.RefuseWith("kind=stof", "blocks", "size");
            return new BigBirdMask(band, global, arguments.Number("fill", 0.1), seed);
        }

        arguments.RefuseWith("kind=blocks", "fill");
        return new BigBirdMask(
            band, global, new RandomBlocksMask(arguments.Whole("blocks", 3), arguments.Whole("size", 64), seed));
    }
}
