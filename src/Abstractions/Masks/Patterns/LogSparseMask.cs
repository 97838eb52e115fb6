using System.Numerics;

namespace Stof.Reference.Masks;

/// <summary>
/// LogSparse (Li et al. 2019): k ≤ p and (p − k &lt; w or p − k is a power of two), with p = q + offset: the latest positions and, at exponential
/// distances, log₂ p of the others, so that any two positions are connected after log₂ S layers. Text form: <c>log_sparse(4)</c>.
/// </summary>
public sealed record LogSparseMask : NamedMask
{
    /// <summary>The catalogue's entry.</summary>
    public static MaskEntry Entry { get; } = new()
    {
        Name = "log_sparse",
        Formula = "k ≤ p and (p − k < window or p − k = 2^i)",
        Summary = "The latest positions, the own one included, and those at distances 1, 2, 4, 8, … before. S·log S pairs connect any two positions "
            + "within log S layers.",
        Source = "Li et al.: Enhancing the Locality of Transformer on Time Series Forecasting (2019)",
        Parameters = [MaskParameter.Whole("window", "latest positions that are all seen, the own one included; default 1", optional: true)],
        Create = a => new LogSparseMask(a.Whole("window", 1)),
        Examples = ["log_sparse(4)", "log_sparse", "log_sparse(3)", "log_sparse(6)", "log_sparse(70)", "log_sparse(2147483647)"],
        Sample = new("log_sparse(4)"),
    };

    /// <summary>Creates the pattern.</summary>
    /// <param name="window">w, latest positions that are all seen, the own one included, 1 or more.</param>
    /// <exception cref="InvalidInputException">The window is below 1.</exception>
    public LogSparseMask(int window = 1) => Window = AtLeast("window", window, 1);

    /// <summary>w, latest positions that are all seen, the own one included.</summary>
    public int Window { get; }

    /// <inheritdoc/>
    public override string Name => "log_sparse";

    /// <inheritdoc/>
    public override IReadOnlyList<MaskParameterValue> Arguments => Window == 1 ? [] : [new("window", Window)];

    /// <inheritdoc/>
    public override BoundMask Bind(MaskExtent extent) => new Bound(extent, Window);

    private sealed class Bound : BoundMask
    {
        private readonly long _window;

        // All ways back from 0 to this one are allowed: the window, and the powers that continue it. Farther ones stand alone.
        private readonly long _last;

        public Bound(MaskExtent extent, long window)
            : base(extent)
        {
            _window = window;
            _last = window - 1;
            while (BitOperations.IsPow2(_last + 1))
            {
                _last++;
            }
        }

        public override bool Allows(int batch, int head, int query, int key)
        {
            var back = (long)query + QueryOffset - key;
            return back >= 0 && (back < _window || BitOperations.IsPow2(back));
        }

        public override TileClass Classify(int batch, int head, MaskRect rect)
        {
            var (low, high) = Diagonals(rect);
            var (shortest, longest) = (-high, -low);
            var recent = TileClasses.Interval(shortest, longest, 0, _last);
            if (recent != TileClass.Empty || longest < 0)
            {
                return recent;
            }

            return (long)BitOperations.RoundUpToPowerOf2((ulong)shortest) > longest ? TileClass.Empty
                : shortest == longest ? TileClass.Full
                : TileClass.Part;
        }

        public override ulong Row64(int batch, int head, int query, int keyStart)
        {
            var position = (long)query + QueryOffset;
            var bits = KeysBetween(keyStart, position - _last, position + 1);
            for (var back = (long)BitOperations.RoundUpToPowerOf2((ulong)Math.Max(position - keyStart - RowBits + 1, 1)); back <= position - keyStart; back *= 2)
            {
                bits |= KeysBetween(keyStart, position - back, position - back + 1);
            }

            return bits;
        }
    }
}
