namespace Stof.Reference.Masks;

/// <summary>
/// Shifted windows on an H×W grid whose cells are the positions in row-major order (Swin, Liu et al. 2021): the grid is rolled by −shift
/// in both directions and cut into windows of w×w; a pair is allowed iff both cells lie in one window and in one of Swin's nine regions,
/// so that cells which only the roll brought together stay apart. Rolled back this says: ⌊(row − shift)/w⌋ agrees, and ⌊(column −
/// shift)/w⌋ does. Positions outside [0, H·W) attend to nothing and are attended by nothing.
/// <para>
/// Sides need not be multiples of w: the windows at the end are then smaller, which is what Swin's padding amounts to once the padded
/// cells are gone. Swin turns the shift off for grids no larger than a window; here the shift is what was asked for. Swin's relative
/// position bias is a bias, not a mask. Text forms: <c>swin(height=8,width=8,window=4)</c>,
/// <c>swin(height=8,width=8,window=4,shift=2)</c>.
/// </para>
/// </summary>
public sealed record SwinMask : NamedMask
{
    /// <summary>The catalogue's entry.</summary>
    public static MaskEntry Entry { get; } = new()
    {
        Name = "swin",
        Formula = "⌊(row − shift)/window⌋ is the same for p and k, and ⌊(column − shift)/window⌋ is",
        Summary = "Windows of a grid whose cells are the positions in row-major order, shifted by `shift` rows and columns. A window that the shift "
            + "wraps around the edge is cut there: cells that only the roll brought together stay apart (Swin's nine regions). Sides need not be "
            + "multiples of the window: those at the end are smaller.",
        Source = "Liu et al.: Swin Transformer (2021)",
        Parameters =
        [
            MaskParameter.Whole("height", "rows of the grid"),
            MaskParameter.Whole("width", "columns of the grid"),
            MaskParameter.Whole("window", "side of a window"),
            MaskParameter.Whole("shift", "rows and columns that the windows are moved by, less than the window; default 0", optional: true),
        ],
        Create = a => new SwinMask(a.Whole("height"), a.Whole("width"), a.Whole("window"), a.Whole("shift", 0)),
        Examples =
        [
            "swin(height=8,width=8,window=4)", "swin(height=8,width=8,window=4,shift=2)", "swin(height=4,width=4,window=2,shift=1)",
            "swin(height=3,width=5,window=2,shift=1)", "swin(height=2,width=3,window=3,shift=2)", "swin(height=12,width=16,window=5,shift=3)",
            "swin(height=2147483647,width=2147483647,window=2147483647,shift=2147483646)",
        ],
        Sample = new("swin(height=8,width=8,window=4,shift=2)"),
    };

    /// <summary>Creates the pattern.</summary>
    /// <param name="height">Rows H of the grid, 1 or more.</param>
    /// <param name="width">Columns W of the grid, 1 or more.</param>
    /// <param name="window">Side w of a window in cells, 1 or more.</param>
    /// <param name="shift">Rows and columns that the windows are moved by, 0 to w − 1; Swin takes ⌊w/2⌋.</param>
    /// <exception cref="InvalidInputException">A parameter is out of range.</exception>
    public SwinMask(int height, int width, int window, int shift = 0)
    {
        Height = AtLeast("height", height, 1);
        Width = AtLeast("width", width, 1);
        Window = AtLeast("window", window, 1);
        Shift = shift >= 0 && shift < window
            ? shift
            : throw new InvalidInputException($"{Name} shift", $"{shift}", $"0 to {window - 1}, less than the window");
    }

    /// <summary>Rows of the grid.</summary>
    public int Height { get; }

    /// <summary>Columns of the grid.</summary>
    public int Width { get; }

    /// <summary>Side of a window in cells.</summary>
    public int Window { get; }

    /// <summary>Rows and columns that the windows are moved by.</summary>
    public int Shift { get; }

    /// <inheritdoc/>
    public override string Name => "swin";

    /// <inheritdoc/>
    public override IReadOnlyList<MaskParameterValue> Arguments => Shift == 0
        ? [new("height", Height), new("width", Width), new("window", Window)]
        : [new("height", Height), new("width", Width), new("window", Window), new("shift", Shift)];

    /// <inheritdoc/>
    public override BoundMask Bind(MaskExtent extent) => new GridBound(
        extent,
        new Windows(new MaskExtent(Height, Height), Window, Shift),
        new Windows(new MaskExtent(Width, Width), Window, Shift));

    /// <summary>Rows or columns, cut at shift, shift + window, shift + 2·window, …</summary>
    private sealed class Windows(MaskExtent square, long window, long shift) : BoundMask(square)
    {
        public override bool Allows(int batch, int head, int query, int key) => IndexOf(query) == IndexOf(key);

        public override TileClass Classify(int batch, int head, MaskRect rect)
        {
            var (first, last) = (IndexOf(rect.QueryStart), IndexOf(rect.QueryEnd - 1));
            var (firstKey, lastKey) = (IndexOf(rect.KeyStart), IndexOf(rect.KeyEnd - 1));
            return first > lastKey || firstKey > last ? TileClass.Empty
                : first == last && firstKey == lastKey ? TileClass.Full
                : TileClass.Part;
        }

        public override ulong Row64(int batch, int head, int query, int keyStart)
        {
            var end = (IndexOf(query) * window) + shift;
            return KeysBetween(keyStart, end - window, end);
        }

        /// <summary>The window, counted from the one in front of the first cut, which is empty where the shift is 0.</summary>
        private long IndexOf(int cell) => (cell + window - shift) / window;
    }
}
