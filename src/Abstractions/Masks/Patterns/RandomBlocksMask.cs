namespace Stof.Reference.Masks;

/// <summary>
/// Random key blocks (BigBird, Zaheer et al. 2020): positions and keys are cut into blocks of <see cref="Size"/>, and every block
/// row attends to <see cref="Blocks"/> distinct key blocks, drawn uniformly from all of them (fewer where there are fewer). All
/// batch items and heads share the draw: it belongs to the model, not to the input.
/// <para>
/// The draw of block row j among n key blocks depends on the seed, j and n alone. The state starts at
/// seed·0x9E3779B97F4A7C15 + j·0xD1B54A32D192ED03 (mod 2⁶⁴); <see cref="SplitMix64"/> turns it into 64-bit numbers z; a
/// number below m is the upper half of the 128-bit product z·m; distinct blocks come by Floyd's method: for m = n − r … n − 1 draw
/// t ≤ m, take t unless it was taken, else take m. Text form: <c>random_blocks(blocks=3,size=64,seed=0)</c>.
/// </para>
/// </summary>
public sealed record RandomBlocksMask : NamedMask
{
    /// <summary>The catalogue's entry.</summary>
    public static MaskEntry Entry { get; } = new()
    {
        Name = "random_blocks",
        Formula = "block(k) is one of the key blocks drawn for block(p)",
        Summary = "Distinct key blocks, drawn uniformly from all of them for every block row; batch items and heads share the draw. The generator is "
            + "written out in `RandomBlocksMask`.",
        Source = "Zaheer et al.: BigBird (2020)",
        Parameters =
        [
            MaskParameter.Whole("blocks", "key blocks per block row"),
            MaskParameter.Whole("size", "side of a block; default 64", optional: true),
            MaskParameter.Whole("seed", "seed; default 0", optional: true),
        ],
        Create = a => new RandomBlocksMask(a.Whole("blocks"), a.Whole("size", 64), a.Whole("seed", 0)),
        Examples =
        [
            "random_blocks(blocks=3,size=64,seed=0)", "random_blocks(blocks=2,size=7,seed=3)", "random_blocks(blocks=1,size=2,seed=3)",
            "random_blocks(blocks=1000,size=16,seed=5)",
        ],
        Sample = new("random_blocks(blocks=2,size=8,seed=0)"),
    };

    /// <summary>Creates the pattern.</summary>
    /// <param name="blocks">Key blocks r drawn for a block row, 0 or more.</param>
    /// <param name="size">Side of a block in positions, 1 or more.</param>
    /// <param name="seed">Seed, 0 or more.</param>
    /// <exception cref="InvalidInputException">A parameter is out of range.</exception>
    public RandomBlocksMask(int blocks, int size, int seed)
    {
        Blocks = AtLeast("blocks", blocks, 0);
        Size = AtLeast("size", size, 1);
        Seed = AtLeast("seed", seed, 0);
    }

    /// <summary>Key blocks drawn for a block row.</summary>
    public int Blocks { get; }

    /// <summary>Side of a block in positions.</summary>
    public int Size { get; }

    /// <summary>Seed.</summary>
    public int Seed { get; }

    /// <inheritdoc/>
    public override string Name => "random_blocks";

    /// <inheritdoc/>
    public override IReadOnlyList<MaskParameterValue> Arguments => [new("blocks", Blocks), new("size", Size), new("seed", Seed)];

    /// <inheritdoc/>
    public override BoundMask Bind(MaskExtent extent) => new Bound(extent, this);

    /// <summary>The key blocks of block row <paramref name="row"/> among <paramref name="count"/>, ascending.</summary>
    private int[] Draw(int row, int count)
    {
        var random = new SplitMix64(unchecked(((ulong)Seed * 0x9E3779B97F4A7C15) + ((ulong)row * 0xD1B54A32D192ED03)));
        var taken = new SortedSet<int>();
        for (var m = count - Math.Min(Blocks, count); m < count; m++)
        {
            var t = (int)Math.BigMul(random.Next(), (ulong)m + 1, out _);
            taken.Add(taken.Contains(t) ? m : t);
        }

        return [.. taken];
    }

    private sealed class Bound : BoundMask
    {
        private readonly int _size;
        private readonly int[][] _rows;

        public Bound(MaskExtent extent, RandomBlocksMask pattern)
            : base(extent)
        {
            _size = pattern.Size;
            var keyBlocks = (extent.KeyLength + (long)_size - 1) / _size;
            var positions = Math.Max(extent.QueryLength + (long)QueryOffset, 0);
            _rows = new int[(int)((positions + _size - 1) / _size)][];
            for (var row = 0; row < _rows.Length; row++)
            {
                _rows[row] = pattern.Draw(row, (int)keyBlocks);
            }
        }

        public override bool Allows(int batch, int head, int query, int key)
        {
            var position = query + QueryOffset;
            return position >= 0 && _rows[position / _size].AsSpan().BinarySearch(key / _size) >= 0;
        }

        public override TileClass Classify(int batch, int head, MaskRect rect)
        {
            var firstBlock = rect.KeyStart / _size;
            var lastBlock = (rect.KeyEnd - 1) / _size;
            var firstPosition = rect.QueryStart + QueryOffset;
            var lastPosition = rect.QueryEnd - 1 + QueryOffset;
            var (anyTaken, anyLeftOut) = (false, firstPosition < 0);
            for (var row = Math.Max(firstPosition, 0) / _size; lastPosition >= 0 && row <= lastPosition / _size; row++)
            {
                var taken = FirstFrom(_rows[row], lastBlock + 1) - FirstFrom(_rows[row], firstBlock);
                anyTaken |= taken > 0;
                anyLeftOut |= taken <= lastBlock - firstBlock;
            }

            return !anyTaken ? TileClass.Empty : anyLeftOut ? TileClass.Part : TileClass.Full;
        }

        public override ulong Row64(int batch, int head, int query, int keyStart)
        {
            var position = query + QueryOffset;
            if (position < 0)
            {
                return 0;
            }

            var bits = 0UL;
            var row = _rows[position / _size];
            for (var i = FirstFrom(row, keyStart / _size); i < row.Length && (long)row[i] * _size < keyStart + (long)RowBits; i++)
            {
                bits |= KeysBetween(keyStart, (long)row[i] * _size, (row[i] + 1L) * _size);
            }

            return bits;
        }
    }
}
