namespace Stof.Reference.Masks;

/// <summary>
/// Groups of equal size after sorting (FlatFormer, Liu et al. 2023): the rank of a token is its place in an order of all positions, and
/// every g consecutive ranks form a group that attends to itself. The last group, if it has only r &lt; g tokens, borrows as keys the last
/// g − r ranks of the group before: its queries see the last g ranks, nobody else sees more for it. Fewer than g tokens are one group (the
/// published code does not handle them). A query before position 0 or past the last token attends to nothing. Text forms:
/// <c>groups(69)</c>, and with an order, the tokens by rank, <c>groups(size=2,order=3+0+2+1)</c>; see <see cref="FlatFormerOrder"/>.
/// </summary>
public sealed record GroupsMask : NamedMask
{
    /// <summary>The catalogue's entry.</summary>
    public static MaskEntry Entry { get; } = new()
    {
        Name = "groups",
        Formula = "group(rank(k)) = group(rank(p)), or p in the short last group and rank(k) among the last `size`",
        Summary = "Equal groups of tokens that were sorted by place: a permuted block diagonal. A short last group borrows keys from the one before, so that "
            + "every query sees `size` keys; fewer tokens than a group are one group. An order must be a permutation of all keys.",
        Source = "Liu, Yang, Tang, Yang, Han: FlatFormer (2023)",
        Parameters =
        [
            MaskParameter.Whole("size", "tokens of a group"),
            MaskParameter.Word("order", "the tokens by rank, each position once, joined by +; default by position", optional: true),
        ],
        Create = a => a.Has("order") ? new GroupsMask(a.Whole("size"), a.Wholes("order")) : new GroupsMask(a.Whole("size")),
        Examples =
        [
            "groups(69)", "groups(4)", "groups(1)", "groups(2147483647)", "groups(size=4,order=7+2+9+0+4+1+8+3+6+5)",
            "groups(size=3,order=10+9+8+7+6+5+4+3+2+1+0)", "groups(size=5,order=0+2+4+6+8+10+1+3+5+7+9+11)", "groups(size=9,order=2+0+1)",
        ],
        Sample = new(
            "groups(size=9,order=0+8+16+24+1+9+17+25+2+10+18+26+3+11+19+27+28+20+12+4+29+21+13+5+30+22+14+6+31+23+15+7)", 32),
    };

    private readonly int[]? _order;

    /// <summary>Creates groups of consecutive positions, for any number of keys.</summary>
    /// <param name="size">g in tokens, 1 or more.</param>
    /// <exception cref="InvalidInputException">The size is below 1.</exception>
    public GroupsMask(int size) => Size = AtLeast("size", size, 1);

    /// <summary>Creates groups of an order, for as many keys as it has.</summary>
    /// <param name="size">g in tokens, 1 or more.</param>
    /// <param name="order">The tokens by rank: each position from 0 on once.</param>
    /// <exception cref="InvalidInputException">The size is below 1, or a position is out of range or given twice.</exception>
    public GroupsMask(int size, ReadOnlySpan<int> order)
        : this(size)
    {
        _order = order.ToArray();
        var seen = new bool[order.Length];
        for (var rank = 0; rank < order.Length; rank++)
        {
            var position = order[rank];
            if (position < 0 || position >= order.Length || seen[position])
            {
                throw new InvalidInputException(
                    $"{Name} order",
                    position >= 0 && position < order.Length ? $"position {position} twice" : $"position {position} at rank {rank}",
                    $"each position of 0 to {order.Length - 1} once");
            }

            seen[position] = true;
        }
    }

    /// <summary>g in tokens.</summary>
    public int Size { get; }

    /// <summary>The tokens by rank; nothing if they are in order.</summary>
    public ReadOnlySpan<int> Order => _order;

    /// <inheritdoc/>
    public override MaskDemand Demand => _order is null ? default : new(Keys: _order.Length);

    /// <inheritdoc/>
    public override string Name => "groups";

    /// <inheritdoc/>
    public override IReadOnlyList<MaskParameterValue> Arguments =>
        _order is null ? [new("size", Size)] : [new("size", Size), new("order", Joined(_order))];

    /// <inheritdoc/>
    public override BoundMask Bind(MaskExtent extent) =>
        _order is null ? new Consecutive(extent, Size) : new Permuted(Demand.Require(extent, Name), Size, _order);

    /// <summary>Same size and same order.</summary>
    public bool Equals(GroupsMask? other) =>
        other is not null && Size == other.Size && _order is null == other._order is null && _order.AsSpan().SequenceEqual(other._order);

    /// <inheritdoc/>
    public override int GetHashCode() => (_order ?? []).Aggregate(Size, HashCode.Combine);

    private abstract class Bound(MaskExtent extent, int size) : BoundMask(extent)
    {
        /// <summary>Number of tokens.</summary>
        protected int Tokens { get; } = extent.KeyLength;

        protected int Size { get; } = size;

        /// <summary>First rank of the short last group; the number of tokens if there is none.</summary>
        protected int Tail { get; } = extent.KeyLength / size * size;

        /// <summary>The ranks [Low, High) that the query of a rank sees; both grow with the rank.</summary>
        protected (int Low, int High) KeysOf(int rank)
        {
            var start = rank / Size * Size;
            return rank < Tail ? (start, start + Size) : (Math.Max(Tokens - Size, 0), Tokens);
        }

        protected bool IsToken(long position) => position >= 0 && position < Tokens;
    }

    private sealed class Consecutive(MaskExtent extent, int size) : Bound(extent, size)
    {
        public override bool Allows(int batch, int head, int query, int key)
        {
            var position = (long)query + QueryOffset;
            if (!IsToken(position))
            {
                return false;
            }

            var (low, high) = KeysOf((int)position);
            return key >= low && key < high;
        }

        public override TileClass Classify(int batch, int head, MaskRect rect)
        {
            var (first, last) = ((long)rect.QueryStart + QueryOffset, rect.QueryEnd - 1L + QueryOffset);
            if (last < 0 || first >= Tokens)
            {
                return TileClass.Empty;
            }

            // The groups of neighbours touch or overlap: together they see all keys from the first one's to the last one's.
            var ofFirst = KeysOf((int)Math.Max(first, 0));
            var ofLast = KeysOf((int)Math.Min(last, Tokens - 1));
            return rect.KeyStart >= ofLast.High || rect.KeyEnd <= ofFirst.Low ? TileClass.Empty
                : IsToken(first) && IsToken(last) && rect.KeyStart >= ofLast.Low && rect.KeyEnd <= ofFirst.High ? TileClass.Full
                : TileClass.Part;
        }

        public override ulong Row64(int batch, int head, int query, int keyStart)
        {
            var position = (long)query + QueryOffset;
            if (!IsToken(position))
            {
                return 0;
            }

            var (low, high) = KeysOf((int)position);
            return KeysBetween(keyStart, low, high);
        }
    }

    private sealed class Permuted : Bound
    {
        private readonly int[] _rank;

        // Positions by rank, ascending inside each group: a group's positions among a range of positions are one search away. The keys of a
        // short last group are kept apart, for they overlap the group before.
        private readonly int[] _members;
        private readonly int[] _tailKeys;

        public Permuted(MaskExtent extent, int size, int[] order)
            : base(extent, size)
        {
            _rank = new int[order.Length];
            for (var rank = 0; rank < order.Length; rank++)
            {
                _rank[order[rank]] = rank;
            }

            _members = [.. order];
            for (long start = 0; start < order.Length; start += size)
            {
                _members.AsSpan((int)start, (int)Math.Min(size, order.Length - start)).Sort();
            }

            _tailKeys = order[Math.Max(order.Length - size, 0)..];
            _tailKeys.AsSpan().Sort();
        }

        public override bool Allows(int batch, int head, int query, int key)
        {
            var position = (long)query + QueryOffset;
            if (!IsToken(position))
            {
                return false;
            }

            var (low, high) = KeysOf(_rank[position]);
            return _rank[key] >= low && _rank[key] < high;
        }

        public override TileClass Classify(int batch, int head, MaskRect rect)
        {
            var (first, last) = ((long)rect.QueryStart + QueryOffset, rect.QueryEnd - 1L + QueryOffset);
            if (last < 0 || first >= Tokens)
            {
                return TileClass.Empty;
            }

            var (from, to) = ((int)Math.Max(first, 0), (int)Math.Min(last, Tokens - 1));
            return IsToken(first) && IsToken(last) && AllSee(from, to, rect.KeyStart, rect.KeyEnd) ? TileClass.Full
                : AnySees(from, to, rect.KeyStart, rect.KeyEnd - 1) ? TileClass.Part
                : TileClass.Empty;
        }

        public override ulong Row64(int batch, int head, int query, int keyStart)
        {
            var position = (long)query + QueryOffset;
            if (!IsToken(position))
            {
                return 0;
            }

            var (bits, count) = (0UL, Math.Min(RowBits, Tokens - keyStart));
            var (low, high) = KeysOf(_rank[position]);
            for (var i = 0; i < count; i++)
            {
                if (_rank[keyStart + i] >= low && _rank[keyStart + i] < high)
                {
                    bits |= 1UL << i;
                }
            }

            return bits;
        }

        /// <summary>Stops at the first query of another group or the first key that a query misses: work of one group at most.</summary>
        private bool AllSee(int from, int to, int keyStart, int keyEnd)
        {
            var (low, high) = (0, Tokens);
            for (var position = from; position <= to && high - low >= keyEnd - keyStart; position++)
            {
                var own = KeysOf(_rank[position]);
                (low, high) = (Math.Max(low, own.Low), Math.Min(high, own.High));
            }

            var all = high - low >= keyEnd - keyStart;
            for (var key = keyStart; all && key < keyEnd; key++)
            {
                all = _rank[key] >= low && _rank[key] < high;
            }

            return all;
        }

        /// <summary>Looks up the shorter side, token by token, in the sorted positions that it meets: never all pairs.</summary>
        private bool AnySees(int from, int to, int firstKey, int lastKey)
        {
            var found = false;
            if (to - from <= lastKey - firstKey)
            {
                for (var position = from; position <= to && !found; position++)
                {
                    found = Holds(_rank[position] < Tail ? Group(_rank[position]) : _tailKeys, firstKey, lastKey);
                }

                return found;
            }

            for (var key = firstKey; key <= lastKey && !found; key++)
            {
                found = Holds(Group(_rank[key]), from, to) || (Tail < Tokens && _rank[key] >= Tokens - Size && Holds(Group(Tail), from, to));
            }

            return found;
        }

        /// <summary>The positions, ascending, of the group that a rank belongs to.</summary>
        private ReadOnlySpan<int> Group(int rank)
        {
            var start = rank / Size * Size;
            return _members.AsSpan(start, Math.Min(Size, Tokens - start));
        }

        private static bool Holds(ReadOnlySpan<int> ascending, int low, int high)
        {
            var index = ascending.BinarySearch(low);
            index = index < 0 ? ~index : index;
            return index < ascending.Length && ascending[index] <= high;
        }
    }
}
