using System.Collections.Frozen;

namespace Stof.Reference.Masks;

/// <summary>What the catalogue knows of one pattern.</summary>
/// <param name="Name">Its name in text and JSON.</param>
/// <param name="Formula">The predicate in one line; p is the query's position q + offset.</param>
/// <param name="Parameters">Its parameters, in positional order.</param>
/// <param name="Create">Makes the pattern from its arguments.</param>
/// <param name="Examples">Texts that parse; the first is the one to show. Tests walk all of them.</param>
public sealed record MaskEntry(
    string Name,
    string Formula,
    IReadOnlyList<MaskParameter> Parameters,
    Func<MaskArguments, NamedMask> Create,
    params IReadOnlyList<string> Examples)
{
    /// <summary>Name and parameters, such as <c>longformer(band,global[,second])</c>.</summary>
    public string Signature
    {
        get
        {
            if (Parameters.Count == 0)
            {
                return Name;
            }

            // A comma belongs to what follows it, so that leaving out an optional parameter leaves out its comma.
            return $"{Name}({string.Concat(Parameters.Select((p, i) => $"{(p.Optional ? "[" : "")}{(i > 0 ? "," : "")}{p.Name}{(p.Optional ? "]" : "")}"))})";
        }
    }
}

/// <summary>
/// Every pattern that has a text and a JSON form. A new pattern is one file with a <see cref="NamedMask"/>, one line here, and
/// is then covered by the tests that walk this list.
/// </summary>
public static class MaskCatalog
{
    /// <summary>All entries, from the plain to the involved.</summary>
    public static IReadOnlyList<MaskEntry> Entries { get; } =
    [
        new("full", "every pair", [], _ => new FullMask(), "full"),
        new("empty", "no pair", [], _ => new EmptyMask(), "empty"),
        new("causal", "k ≤ p", [], _ => new CausalMask(), "causal"),
        new("sliding", "|p − k| ≤ width", [Whole("width", "one-sided width in keys")],
            a => new SlidingMask(a.Whole("width")), "sliding(64)", "sliding(0)", "sliding(5)", "sliding(2147483647)"),
        new("dilated", "|p − k| ≤ width + gap and (k − (p − width − gap)) mod (gap + 1) = 0",
            [Whole("width", "one-sided width in keys"), Whole("gap", "keys left out between two attended ones")],
            a => new DilatedMask(a.Whole("width"), a.Whole("gap")),
            "dilated(width=64,gap=1)", "dilated(width=20,gap=0)", "dilated(width=7,gap=2)", "dilated(width=100,gap=70)",
            "dilated(width=2147483647,gap=2147483647)"),
        new("strided", "k ≤ p and (p − k < stride or (p − k) mod stride = 0)", [Whole("stride", "distance in keys")],
            a => new StridedMask(a.Whole("stride")), "strided(8)", "strided(1)", "strided(70)", "strided(2147483647)"),
        new("fixed", "k ≤ p and (block(k) = block(p) or k mod block ≥ block − summary)",
            [Whole("block", "side of a block in positions"), OptionalWhole("summary", "last positions of a block that later ones see; default 1")],
            a => new FixedMask(a.Whole("block"), a.Whole("summary", 1)),
            "fixed(block=8,summary=1)", "fixed(block=20,summary=3)", "fixed(block=70,summary=70)", "fixed(block=2147483647,summary=0)"),
        new("local", "block(k) = block(p)", [Whole("block", "side of a block in positions")],
            a => new LocalMask(a.Whole("block")), "local(32)", "local(1)", "local(7)", "local(2147483647)"),
        new("prefix", "k ≤ p or k < length", [Whole("length", "keys that all queries see")],
            a => new PrefixMask(a.Whole("length")), "prefix(16)", "prefix(0)", "prefix(2147483647)"),
        new("documents", "p and k in the same document", [Required("lengths", "positions of each document, joined by +")],
            DocumentsMask.From, "documents(20+5+40)", "documents(64)", "documents(1+1+1+2147483644)"),
        new("longformer", "|p − k| ≤ band or p global or k global; global: 0 ≤ x < global",
            [
                Whole("band", "one-sided width of the band in keys"),
                Whole("global", "number of global positions from the start"),
                Word("second", "none, or half: as many from the middle are global too; default none"),
            ],
            a => new LongformerMask(a.Whole("band"), a.Whole("global"), a.Choice("second", ["none", "half"], "none") == "half" ? SecondGlobalBand.Half : SecondGlobalBand.None),
            "longformer(band=32,global=32)", "longformer(band=4,global=9,second=half)", "longformer(band=2147483647,global=2147483647,second=half)"),
        new("bigbird", "|p − k| ≤ band or p global or k global or a random pair",
            [
                Whole("band", "one-sided width of the band in keys"),
                Whole("global", "number of global positions from the start"),
                Number("fill", "kind stof: draws per 32x32 block as a share of its cells; default 0.1"),
                OptionalWhole("seed", "seed; default 0"),
                Word("kind", "stof: the artifact's cells, other ones in every batch item; blocks: random key blocks; default stof"),
                OptionalWhole("blocks", "kind blocks: key blocks per block row; default 3"),
                OptionalWhole("size", "kind blocks: side of a block; default 64"),
            ],
            BigBirdMask.From,
            "bigbird(band=32,global=32,fill=0.1,seed=0)", "bigbird(band=3,global=5,fill=0.01,seed=17)",
            "bigbird(band=9,global=4,kind=blocks,blocks=2,size=16,seed=7)"),
        new("stof_cells", "the random cells of bigbird's kind stof",
            [Number("fill", "draws per 32x32 block as a share of its cells; default 0.1"), OptionalWhole("seed", "seed; default 0")],
            a => new StofCellsMask(a.Number("fill", 0.1), a.Whole("seed", 0)),
            "stof_cells(fill=0.1,seed=0)", "stof_cells(fill=1,seed=2147483647)", "stof_cells(fill=0,seed=1)"),
        new("random_blocks", "block(k) is one of the key blocks drawn for block(p)",
            [Whole("blocks", "key blocks per block row"), OptionalWhole("size", "side of a block; default 64"), OptionalWhole("seed", "seed; default 0")],
            a => new RandomBlocksMask(a.Whole("blocks"), a.Whole("size", 64), a.Whole("seed", 0)),
            "random_blocks(blocks=3,size=64,seed=0)", "random_blocks(blocks=2,size=7,seed=3)", "random_blocks(blocks=1000,size=16,seed=5)"),
        new("dense", "bit k of row q",
            [Required("shape", "SqxSkv or BxHxSqxSkv"), Required("bits", "base64url of rows of whole bytes, least significant bit first")],
            DenseMask.From,
            "dense(shape=4x4,bits=AQMHDw)", "dense(shape=2x1x3x9,bits=AQEDAQcAAAAAAP8B)"),
    ];

    private static readonly FrozenDictionary<string, MaskEntry> ByName = Entries.ToFrozenDictionary(e => e.Name);

    /// <summary>Finds an entry by its exact name.</summary>
    /// <exception cref="InvalidInputException">There is none; the message lists the names.</exception>
    public static MaskEntry Find(string name) =>
        ByName.GetValueOrDefault(name)
        ?? throw new InvalidInputException("mask", $"unknown pattern '{name}'", $"one of {string.Join(", ", Entries.Select(e => e.Name))}");

    private static MaskParameter Whole(string name, string meaning) => new(name, MaskParameterKind.Whole, meaning);

    private static MaskParameter OptionalWhole(string name, string meaning) => new(name, MaskParameterKind.Whole, meaning, true);

    private static MaskParameter Number(string name, string meaning) => new(name, MaskParameterKind.Number, meaning, true);

    private static MaskParameter Word(string name, string meaning) => new(name, MaskParameterKind.Word, meaning, true);

    private static MaskParameter Required(string name, string meaning) => new(name, MaskParameterKind.Word, meaning);
}
