using System.Numerics;

namespace Stof.Reference.Masks;

/// <summary>
/// Token tree of speculative decoding (Miao et al.: SpecInfer, 2024; Cai et al.: Medusa, 2024): the last n positions of the key axis are the
/// nodes of a tree of drafted tokens, all keys before them are context. With p = q + offset and c = Skv − n: a context query sees k ≤ p;
/// node i = p − c sees the context, itself and its ancestors. A query past the last node attends to nothing. Text form, a parent for each
/// node and −1 for a root: <c>tree(-1+0+0+1)</c>. Any order is allowed; several roots are several drafts.
/// </summary>
public sealed record TreeMask : NamedMask
{
    /// <summary>Most nodes of a tree: the ancestors take a bit for each pair of nodes.</summary>
    public const int MaxNodes = 16384;

    /// <summary>The catalogue's entry.</summary>
    public static MaskEntry Entry { get; } = new()
    {
        Name = "tree",
        Formula = "p context: k ≤ p; p node: k context, or k the node or an ancestor; the nodes are the last positions",
        Summary = "Token tree of speculative decoding: drafts that share their beginnings are verified in one pass. The nodes are the last positions of "
            + "the key axis; whatever is before them is context, which every node sees and which is causal in itself. Parents may come in any order.",
        Source = "Miao et al.: SpecInfer (2024); Cai et al.: Medusa (2024)",
        Parameters = [MaskParameter.Word("parents", "parent of each node, -1 for a root, joined by +")],
        Create = a => new TreeMask(a.Wholes("parents")),
        Examples = ["tree(-1+0+0+1+1+2)", "tree(-1)", "tree(3+0+-1+-1+2+0+1)", "tree(-1+0+1+2+3+4+5+6+7+8+9)", "tree(4+4+4+4+-1)"],
        Sample = new("tree(-1+0+0+0+1+1+1+2+2+3+4+4+5+7+8+10)", 32),
    };

    private readonly int[] _parents;

    /// <summary>Creates the pattern.</summary>
    /// <param name="parents">Parent of each node, −1 for a root.</param>
    /// <exception cref="InvalidInputException">
    /// There is no node or more than <see cref="MaxNodes"/>, a parent is no node or the node itself, or the parents run in a circle.
    /// </exception>
    public TreeMask(params ReadOnlySpan<int> parents)
    {
        if (parents.Length is 0 or > MaxNodes)
        {
            throw new InvalidInputException($"{Name} parents", $"{parents.Length} nodes", $"1 to {MaxNodes}");
        }

        _parents = parents.ToArray();
        for (var node = 0; node < _parents.Length; node++)
        {
            if (_parents[node] < -1 || _parents[node] >= _parents.Length || _parents[node] == node)
            {
                throw new InvalidInputException(
                    $"{Name} parent of node {node}",
                    _parents[node] == node ? $"{node}, the node itself" : $"{_parents[node]}",
                    $"-1 for a root, or another node of 0 to {_parents.Length - 1}");
            }
        }

        RefuseCircles();
    }

    /// <summary>Parent of each node, −1 for a root.</summary>
    public ReadOnlySpan<int> Parents => _parents;

    /// <inheritdoc/>
    public override MaskDemand Demand => new(LeastKeys: _parents.Length);

    /// <inheritdoc/>
    public override string Name => "tree";

    /// <inheritdoc/>
    public override IReadOnlyList<MaskParameterValue> Arguments => [new("parents", Joined(_parents))];

    /// <inheritdoc/>
    public override BoundMask Bind(MaskExtent extent) => new Bound(Demand.Require(extent, Name), _parents);

    /// <summary>Same parents.</summary>
    public bool Equals(TreeMask? other) => other is not null && _parents.AsSpan().SequenceEqual(other._parents);

    /// <inheritdoc/>
    public override int GetHashCode() => _parents.Aggregate(0, HashCode.Combine);

    private void RefuseCircles()
    {
        // The walk on which a node was first met, from 1: meeting one of the same walk again is a circle.
        var walks = new int[_parents.Length];
        for (var start = 0; start < _parents.Length; start++)
        {
            var (node, child) = (start, start);
            while (node >= 0 && walks[node] == 0)
            {
                walks[node] = start + 1;
                (node, child) = (_parents[node], node);
            }

            if (node >= 0 && walks[node] == start + 1)
            {
                throw new InvalidInputException($"{Name} parent of node {child}", $"{node}, which descends from node {child}", "no circle of parents");
            }
        }
    }

    private sealed class Bound : BoundMask
    {
        private readonly int _nodes;
        private readonly int _context;
        private readonly int _wordsPerNode;

        // Bit j of node i's row: j is i or an ancestor of it.
        private readonly ulong[] _ancestors;

        public Bound(MaskExtent extent, int[] parents)
            : base(extent)
        {
            _nodes = parents.Length;
            _context = extent.KeyLength - _nodes;
            _wordsPerNode = (_nodes + RowBits - 1) / RowBits;
            _ancestors = new ulong[_nodes * _wordsPerNode];
            var pending = new Stack<int>();
            for (var start = 0; start < _nodes; start++)
            {
                // Up to a root or a node whose row is there, then down again: a row is its parent's and the node.
                for (var node = start; node >= 0 && !IsAncestor(node, node); node = parents[node])
                {
                    pending.Push(node);
                }

                while (pending.TryPop(out var node))
                {
                    var row = Row(node);
                    if (parents[node] >= 0)
                    {
                        Row(parents[node]).CopyTo(row);
                    }

                    row[node / RowBits] |= 1UL << (node % RowBits);
                }
            }
        }

        public override bool Allows(int batch, int head, int query, int key)
        {
            var position = (long)query + QueryOffset;
            return position < _context ? key <= position
                : position < Extent.KeyLength && (key < _context || IsAncestor((int)position - _context, key - _context));
        }

        public override TileClass Classify(int batch, int head, MaskRect rect)
        {
            var (first, last) = ((long)rect.QueryStart + QueryOffset, rect.QueryEnd - 1L + QueryOffset);
            TileClass? known = null;
            if (first < _context)
            {
                var lastInContext = Math.Min(last, _context - 1L);
                known = TileClasses.Interval(rect.KeyStart - lastInContext, rect.KeyEnd - 1L - first, long.MinValue, 0);
            }

            var (firstNode, endNode) = (Math.Max(first - _context, 0), Math.Min(last - _context + 1, _nodes));
            if (firstNode < endNode && rect.KeyStart < _context)
            {
                known = Joined(known, TileClass.Full);
            }

            if (firstNode < endNode && rect.KeyEnd > _context)
            {
                known = Joined(known, ClassifyNodes((int)firstNode, (int)endNode, Math.Max(rect.KeyStart - _context, 0), rect.KeyEnd - _context));
            }

            return last >= Extent.KeyLength ? Joined(known, TileClass.Empty) : known!.Value;
        }

        public override ulong Row64(int batch, int head, int query, int keyStart)
        {
            var position = (long)query + QueryOffset;
            if (position < _context || position >= Extent.KeyLength)
            {
                return position < _context ? KeysBetween(keyStart, 0, position + 1) : 0;
            }

            var (node, ahead) = ((int)position - _context, (long)_context - keyStart);
            var ancestors = ahead <= 0 ? Ancestors64(node, (int)-ahead) : ahead < RowBits ? Ancestors64(node, 0) << (int)ahead : 0;
            return ancestors | KeysBetween(keyStart, 0, _context);
        }

        private static TileClass Joined(TileClass? known, TileClass piece) => known?.Join(piece) ?? piece;

        private Span<ulong> Row(int node) => _ancestors.AsSpan(node * _wordsPerNode, _wordsPerNode);

        private bool IsAncestor(int node, int other) => ((Row(node)[other / RowBits] >> (other % RowBits)) & 1) != 0;

        /// <summary>Sixty-four nodes from <paramref name="start"/> on: which are the node or an ancestor of it.</summary>
        private ulong Ancestors64(int node, int start)
        {
            var row = Row(node);
            var (word, shift) = (start / RowBits, start % RowBits);
            var bits = row[word] >> shift;
            return shift == 0 || word + 1 == row.Length ? bits : bits | (row[word + 1] << (RowBits - shift));
        }

        private TileClass ClassifyNodes(int firstNode, int endNode, int firstKey, int endKey)
        {
            var (any, all) = (false, true);
            for (var node = firstNode; node < endNode && (all || !any); node++)
            {
                var count = 0;
                for (var key = firstKey; key < endKey; key += RowBits)
                {
                    var beyond = Math.Max(key + RowBits - endKey, 0);
                    count += BitOperations.PopCount(Ancestors64(node, key) << beyond);
                }

                any |= count > 0;
                all &= count == endKey - firstKey;
            }

            return all ? TileClass.Full : any ? TileClass.Part : TileClass.Empty;
        }
    }
}
