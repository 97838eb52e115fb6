namespace Stof.Reference.Masks;

/// <summary>
/// StreamingLLM (Xiao et al. 2023): k ≤ p and (k &lt; sinks or p − k &lt; window), with p = q + offset: the attention sinks at the start
/// and the latest tokens. The window counts the query's own token: window = 1 is the sinks and itself. Positions are those of the
/// text, not of a rolling cache. Text form: <c>streaming(sinks=4,window=64)</c>.
/// </summary>
public sealed record StreamingMask : NamedMask
{
    /// <summary>The catalogue's entry.</summary>
    public static MaskEntry Entry { get; } = new()
    {
        Name = "streaming",
        Formula = "k ≤ p and (k < sinks or p − k < window)",
        Summary = "Attention sinks: the first tokens stay visible beside the latest ones. The window counts the query's own token. Positions are those of "
            + "the text, not of a rolling cache.",
        Source = "Xiao, Tian, Chen, Han, Lewis: StreamingLLM (2023)",
        Parameters =
        [
            MaskParameter.Whole("sinks", "keys from the start that stay visible"),
            MaskParameter.Whole("window", "latest keys, the own one included"),
        ],
        Create = a => new StreamingMask(a.Whole("sinks"), a.Whole("window")),
        Examples =
        [
            "streaming(sinks=4,window=16)", "streaming(sinks=2,window=3)", "streaming(sinks=1,window=1)", "streaming(sinks=3,window=0)",
            "streaming(sinks=0,window=70)", "streaming(sinks=2147483647,window=2147483647)",
        ],
        Sample = new("streaming(sinks=4,window=12)"),
    };

    /// <summary>Creates the pattern.</summary>
    /// <param name="sinks">Keys from the start that stay visible, 0 or more.</param>
    /// <param name="window">Latest keys, the query's own one included, 0 or more; 0 leaves the sinks alone.</param>
    /// <exception cref="InvalidInputException">A parameter is negative.</exception>
    public StreamingMask(int sinks, int window)
    {
        Sinks = AtLeast("sinks", sinks, 0);
        Window = AtLeast("window", window, 0);
    }

    /// <summary>Keys from the start that stay visible.</summary>
    public int Sinks { get; }

    /// <summary>Latest keys, the query's own one included.</summary>
    public int Window { get; }

    /// <inheritdoc/>
    public override string Name => "streaming";

    /// <inheritdoc/>
    public override IReadOnlyList<MaskParameterValue> Arguments => [new("sinks", Sinks), new("window", Window)];

    /// <inheritdoc/>
    public override BoundMask Bind(MaskExtent extent) => new Bound(extent, Sinks, Window);

    private sealed class Bound(MaskExtent extent, int sinks, int window) : BoundMask(extent)
    {
        public override bool Allows(int batch, int head, int query, int key)
        {
            var back = (long)query + QueryOffset - key;
            return back >= 0 && (key < sinks || back < window);
        }

        public override TileClass Classify(int batch, int head, MaskRect rect)
        {
            var (low, high) = Diagonals(rect);
            var recent = TileClasses.Interval(-high, -low, 0, window - 1L);

            // Between sinks and window nothing is allowed: the first key past the sinks is the farthest from the last query.
            var lastPosition = rect.QueryEnd - 1L + QueryOffset;
            var firstPastSinks = Math.Max(rect.KeyStart, sinks);
            var anyBetween = firstPastSinks < rect.KeyEnd && lastPosition - firstPastSinks >= window;
            return high <= 0 && !anyBetween ? TileClass.Full
                : recent != TileClass.Empty || rect.KeyStart < Math.Min(sinks, lastPosition + 1) ? TileClass.Part
                : TileClass.Empty;
        }

        public override ulong Row64(int batch, int head, int query, int keyStart)
        {
            var position = (long)query + QueryOffset;
            return KeysBetween(keyStart, 0, Math.Min(position + 1, sinks)) | KeysBetween(keyStart, position - window + 1, position + 1);
        }
    }
}
