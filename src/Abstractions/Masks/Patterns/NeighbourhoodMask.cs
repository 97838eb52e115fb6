namespace Stof.Reference.Masks;

/// <summary>What a neighbourhood does at the edge of the grid.</summary>
public enum NeighbourhoodEdge
{
    /// <summary>The window is cut off: cells near the edge see fewer keys.</summary>
    Clip,

    /// <summary>The window is moved inside the grid: all cells see (2r + 1)² keys, those near the edge from off the window's centre.</summary>
    Shift,
}

/// <summary>
/// A local window on an H×W grid whose cells are the positions in row-major order: a cell sees those at most r rows and at most r columns
/// away, |Δrow| ≤ r and |Δcolumn| ≤ r. With <see cref="NeighbourhoodEdge.Shift"/> it sees the rows from clamp(row − r, 0, H − 2r − 1) on, 2r + 1
/// of them, and columns likewise. Positions outside [0, H·W) attend to nothing and are attended by nothing.
/// <para>
/// Hassani et al. (Neighborhood Attention Transformer, CVPR 2023) define the shifted window, with 2r + 1 as the kernel size; dilation and
/// even kernel sizes, which came later, are not here. The clipped window is the plain one, the default.
/// Text forms: <c>neighbourhood(height=8,width=8,radius=1)</c>, <c>neighbourhood(height=8,width=8,radius=1,edge=shift)</c>.
/// </para>
/// </summary>
public sealed record NeighbourhoodMask : NamedMask
{
    /// <summary>The catalogue's entry.</summary>
    public static MaskEntry Entry { get; } = new()
    {
        Name = "neighbourhood",
        Formula = "|row(p) − row(k)| ≤ radius and |column(p) − column(k)| ≤ radius; with edge=shift "
            + "|clamp(row(p), radius, height − 1 − radius) − row(k)| ≤ radius, and columns likewise",
        Summary = "A local window of 2·radius + 1 rows and columns on a grid whose cells are the positions in row-major order. At the grid's edge the "
            + "window is cut off; `edge=shift` moves it inside, so that every cell sees equally many keys (neighborhood attention, NATTEN). "
            + "Positions past the last cell attend to nothing and are attended by nothing.",
        Source = "Hassani, Walton, Li, Li, Shi: Neighborhood Attention Transformer (2023), for edge=shift",
        Parameters =
        [
            MaskParameter.Whole("height", "rows of the grid"),
            MaskParameter.Whole("width", "columns of the grid"),
            MaskParameter.Whole("radius", "rows and columns seen on each side"),
            MaskParameter.Word("edge", "clip: the window is cut off at the edge; shift: it is moved inside; default clip", optional: true),
        ],
        Create = a => new NeighbourhoodMask(
            a.Whole("height"),
            a.Whole("width"),
            a.Whole("radius"),
            a.Choice("edge", ["clip", "shift"], "clip") == "shift" ? NeighbourhoodEdge.Shift : NeighbourhoodEdge.Clip),
        Examples =
        [
            "neighbourhood(height=8,width=8,radius=1)", "neighbourhood(height=3,width=4,radius=1)", "neighbourhood(height=2,width=5,radius=1)",
            "neighbourhood(height=3,width=4,radius=1,edge=shift)", "neighbourhood(height=12,width=14,radius=2,edge=shift)",
            "neighbourhood(height=5,width=2,radius=0,edge=shift)", "neighbourhood(height=70,width=1,radius=3)",
            "neighbourhood(height=2147483647,width=2147483647,radius=2147483647)",
            "neighbourhood(height=2147483647,width=2147483647,radius=1073741823,edge=shift)",
        ],
        Sample = new("neighbourhood(height=8,width=8,radius=1)"),
    };

    /// <summary>Creates the pattern.</summary>
    /// <param name="height">Rows H of the grid, 1 or more.</param>
    /// <param name="width">Columns W of the grid, 1 or more.</param>
    /// <param name="radius">r in rows and columns, 0 or more; a shifted window needs 2r + 1 rows and columns.</param>
    /// <param name="edge">What happens at the edge of the grid.</param>
    /// <exception cref="InvalidInputException">A parameter is out of range.</exception>
    public NeighbourhoodMask(int height, int width, int radius, NeighbourhoodEdge edge = NeighbourhoodEdge.Clip)
    {
        Height = AtLeast("height", height, 1);
        Width = AtLeast("width", width, 1);
        Radius = AtLeast("radius", radius, 0);
        Edge = edge;
        var side = Math.Min(height, width);
        if (edge == NeighbourhoodEdge.Shift && (2L * radius) + 1 > side)
        {
            throw new InvalidInputException(
                $"{Name} radius",
                $"{radius}, a window of {(2L * radius) + 1}",
                $"at most {(side - 1) / 2}: edge=shift needs 2·radius + 1 rows and columns");
        }
    }

    /// <summary>Rows of the grid.</summary>
    public int Height { get; }

    /// <summary>Columns of the grid.</summary>
    public int Width { get; }

    /// <summary>Rows and columns seen on each side.</summary>
    public int Radius { get; }

    /// <summary>What happens at the edge of the grid.</summary>
    public NeighbourhoodEdge Edge { get; }

    /// <inheritdoc/>
    public override string Name => "neighbourhood";

    /// <inheritdoc/>
    public override IReadOnlyList<MaskParameterValue> Arguments => Edge == NeighbourhoodEdge.Clip
        ? [new("height", Height), new("width", Width), new("radius", Radius)]
        : [new("height", Height), new("width", Width), new("radius", Radius), new("edge", "shift")];

    /// <inheritdoc/>
    public override BoundMask Bind(MaskExtent extent) => new GridBound(extent, Axis(Height), Axis(Width));

    private BoundMask Axis(int side)
    {
        var square = new MaskExtent(side, side);
        return Edge == NeighbourhoodEdge.Clip ? new SlidingMask(Radius).Bind(square) : new ShiftedWindow(square, Radius);
    }

    /// <summary>Rows or columns: 2r + 1 of them, around the own one where there is room.</summary>
    private sealed class ShiftedWindow(MaskExtent square, int radius) : BoundMask(square)
    {
        private readonly int _lastStart = square.KeyLength - ((2 * radius) + 1);

        public override bool Allows(int batch, int head, int query, int key) => key >= Start(query) && key <= Start(query) + (2 * radius);

        public override TileClass Classify(int batch, int head, MaskRect rect)
        {
            // The start grows by 0 or 1 from one query to the next: the union of windows has no gap.
            var (firstStart, lastStart) = (Start(rect.QueryStart), Start(rect.QueryEnd - 1));
            return rect.KeyStart > lastStart + (2 * radius) || rect.KeyEnd <= firstStart ? TileClass.Empty
                : rect.KeyStart >= lastStart && rect.KeyEnd - 1 <= firstStart + (2 * radius) ? TileClass.Full
                : TileClass.Part;
        }

        public override ulong Row64(int batch, int head, int query, int keyStart) =>
            KeysBetween(keyStart, Start(query), Start(query) + (2L * radius) + 1);

        private int Start(int query) => Math.Clamp(query - radius, 0, _lastStart);
    }
}
