namespace Stof.Reference.Masks;

/// <summary>
/// The random cells of the STOF artifact's BigBird, bit for bit: CPython's Mersenne Twister seeded once, then for each batch
/// item in order (the stream runs on, so every item has its own cells) and for each block row i = 0 … ⌊S/32⌋ − 2:
/// a column-block offset o from [1, 0] if i = 0, from [−1, 0] if i = ⌊S/32⌋ − 2, else from [−1, 0, 1]; then ⌊1024·fill⌋ times
/// x and y uniform in 0 … 32 inclusive, allowing the pair (32·i + x, 32·(i + o) + y).
/// <para>
/// S is the number of keys and the first number of a pair is a position p = q + offset, so that a decoding step sees the row it
/// would have in the square mask. The bounds are inclusive as in the artifact: cells spill one row or column into the next block.
/// A pair past the last key is dropped. Text form: <c>stof_cells(fill=0.1,seed=0)</c>.
/// </para>
/// </summary>
public sealed record StofCellsMask : NamedMask
{
    /// <summary>The catalogue's entry.</summary>
    public static MaskEntry Entry { get; } = new()
    {
        Name = "stof_cells",
        Formula = "the random cells of bigbird's kind stof",
        Summary = "Bit for bit the artifact's procedure: CPython's Mersenne Twister, seeded once; the stream runs on over batch items. For each block row "
            + "i = 0 … ⌊S/32⌋ − 2 a column-block offset from [1, 0] (first row), [−1, 0] (last of them) or [−1, 0, 1], then ⌊1024·fill⌋ cells with both "
            + "coordinates from 0 to 32 inclusive. S is the number of keys.",
        Source = "the STOF artifact's BigBird mask",
        Parameters =
        [
            MaskParameter.Number("fill", "draws per 32x32 block as a share of its cells; default 0.1", optional: true),
            MaskParameter.Whole("seed", "seed; default 0", optional: true),
        ],
        Create = a => new StofCellsMask(a.Number("fill", 0.1), a.Whole("seed", 0)),
        Examples = ["stof_cells(fill=0.1,seed=0)", "stof_cells(fill=1,seed=2147483647)", "stof_cells(fill=0,seed=1)"],
        Sample = new("stof_cells(fill=0.1,seed=0)", 128),
        Loose = "single random cells: only what lies farther from the diagonal than they reach is known to be empty",
    };

    private const int Block = 32;

    /// <summary>Creates the cells.</summary>
    /// <param name="fill">Draws per block as a share of its 1,024 cells, 0 to 1.</param>
    /// <param name="seed">Seed, 0 or more.</param>
    /// <exception cref="InvalidInputException">A parameter is out of range.</exception>
    public StofCellsMask(double fill, int seed)
    {
        Fill = fill is >= 0 and <= 1 ? fill : throw new InvalidInputException($"{Name} fill", $"{fill}", "0 to 1");
        Seed = AtLeast("seed", seed, 0);
    }

    /// <summary>Draws per block as a share of its 1,024 cells.</summary>
    public double Fill { get; }

    /// <summary>Seed.</summary>
    public int Seed { get; }

    /// <inheritdoc/>
    public override string Name => "stof_cells";

    /// <inheritdoc/>
    public override IReadOnlyList<MaskParameterValue> Arguments => [new("fill", Fill), new("seed", Seed)];

    /// <inheritdoc/>
    public override BoundMask Bind(MaskExtent extent) => new Bound(extent, this);

    private sealed class Bound : BoundMask
    {
        // Cells of row p lie in the 129 columns from 32·(⌊p/32⌋ − 2): three words a row hold them at any length.
        private const int WindowWords = 3;

        // Both differences of a cell to its block are at most 32, and o is at most one block: |p − k| ≤ 64.
        private const int Reach = 2 * Block;

        private readonly ulong[][] _windows;

        public Bound(MaskExtent extent, StofCellsMask pattern)
            : base(extent)
        {
            var random = new MersenneTwister((uint)pattern.Seed);
            var draws = (int)(Block * Block * pattern.Fill);
            _windows = new ulong[extent.Batch][];
            for (var batch = 0; batch < extent.Batch; batch++)
            {
                _windows[batch] = new ulong[checked(extent.KeyLength * WindowWords)];
                Draw(random, draws, _windows[batch]);
            }
        }

        public override bool VariesByBatch => true;

        public override bool Allows(int batch, int head, int query, int key)
        {
            var position = query + QueryOffset;
            if (position < 0 || position >= Extent.KeyLength)
            {
                return false;
            }

            var bit = key - WindowStart(position);
            return bit is >= 0 and < WindowWords * RowBits
                && ((_windows[batch][(position * WindowWords) + (bit / RowBits)] >> (bit % RowBits)) & 1) != 0;
        }

        public override TileClass Classify(int batch, int head, MaskRect rect)
        {
            var (low, high) = Diagonals(rect);
            return low > Reach || high < -Reach ? TileClass.Empty : TileClass.Part;
        }

        public override ulong Row64(int batch, int head, int query, int keyStart)
        {
            var position = query + QueryOffset;
            if (position < 0 || position >= Extent.KeyLength)
            {
                return 0;
            }

            var window = _windows[batch].AsSpan(position * WindowWords, WindowWords);
            var start = keyStart - WindowStart(position);
            var shift = start & (RowBits - 1);
            var bits = Word(window, start >> 6) >> shift;
            return shift == 0 ? bits : bits | (Word(window, (start >> 6) + 1) << (RowBits - shift));
        }

        private static ulong Word(ReadOnlySpan<ulong> window, int index) => (uint)index < WindowWords ? window[index] : 0;

        private static int WindowStart(int position) => ((position / Block) - 2) * Block;

        private void Draw(MersenneTwister random, int draws, ulong[] windows)
        {
            ReadOnlySpan<int> first = [1, 0];
            ReadOnlySpan<int> last = [-1, 0];
            ReadOnlySpan<int> inner = [-1, 0, 1];
            var lastRow = (Extent.KeyLength / Block) - 2;
            for (var i = 0; i <= lastRow; i++)
            {
                var offsets = i == 0 ? first : i == lastRow ? last : inner;
                var columnBlock = i + offsets[random.Below(offsets.Length)];
                for (var draw = 0; draw < draws; draw++)
                {
                    var position = (Block * i) + random.Below(Block + 1);
                    var key = (Block * columnBlock) + random.Below(Block + 1);
                    if (key < Extent.KeyLength)
                    {
                        var bit = key - WindowStart(position);
                        windows[(position * WindowWords) + (bit / RowBits)] |= 1UL << (bit % RowBits);
                    }
                }
            }
        }
    }
}
