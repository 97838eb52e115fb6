namespace Stof.Reference.Masks;

/// <summary>
/// A window with gaps on an H×W grid whose cells are the positions in row-major order: with s = gap + 1, |Δrow| ≤ r·s, |Δcolumn| ≤ r·s,
/// and both are multiples of s; (2r + 1)² keys away from the edge. At the edge the window is cut off. Positions outside [0, H·W) attend
/// to nothing and are attended by nothing. A gap of 0 is <see cref="NeighbourhoodMask"/>. Text form:
/// <c>dilated_2d(height=8,width=8,radius=1,gap=1)</c>.
/// </summary>
public sealed record Dilated2DMask : NamedMask
{
    /// <summary>The catalogue's entry.</summary>
    public static MaskEntry Entry { get; } = new()
    {
        Name = "dilated_2d",
        Formula = "Δrow and Δcolumn are multiples of gap + 1, at most radius·(gap + 1) in size",
        Summary = "A window of 2·radius + 1 rows and columns on a grid whose cells are the positions in row-major order, with `gap` of them left out "
            + "between two that are seen; cut off at the grid's edge. The own cell is always seen.",
        Parameters =
        [
            MaskParameter.Whole("height", "rows of the grid"),
            MaskParameter.Whole("width", "columns of the grid"),
            MaskParameter.Whole("radius", "rows and columns seen on each side"),
            MaskParameter.Whole("gap", "rows and columns left out between two that are seen"),
        ],
        Create = a => new Dilated2DMask(a.Whole("height"), a.Whole("width"), a.Whole("radius"), a.Whole("gap")),
        Examples =
        [
            "dilated_2d(height=8,width=8,radius=1,gap=1)", "dilated_2d(height=3,width=4,radius=1,gap=1)", "dilated_2d(height=4,width=3,radius=2,gap=0)",
            "dilated_2d(height=13,width=11,radius=2,gap=2)", "dilated_2d(height=2,width=6,radius=0,gap=3)",
            "dilated_2d(height=2147483647,width=2147483647,radius=2147483647,gap=2147483647)",
        ],
        Sample = new("dilated_2d(height=8,width=8,radius=2,gap=1)"),
    };

    /// <summary>Creates the pattern.</summary>
    /// <param name="height">Rows H of the grid, 1 or more.</param>
    /// <param name="width">Columns W of the grid, 1 or more.</param>
    /// <param name="radius">r, rows and columns seen on each side, 0 or more.</param>
    /// <param name="gap">Rows and columns left out between two that are seen, 0 or more.</param>
    /// <exception cref="InvalidInputException">A parameter is out of range.</exception>
    public Dilated2DMask(int height, int width, int radius, int gap)
    {
        Height = AtLeast("height", height, 1);
        Width = AtLeast("width", width, 1);
        Radius = AtLeast("radius", radius, 0);
        Gap = AtLeast("gap", gap, 0);
    }

    /// <summary>Rows of the grid.</summary>
    public int Height { get; }

    /// <summary>Columns of the grid.</summary>
    public int Width { get; }

    /// <summary>Rows and columns seen on each side.</summary>
    public int Radius { get; }

    /// <summary>Rows and columns left out between two that are seen.</summary>
    public int Gap { get; }

    /// <inheritdoc/>
    public override string Name => "dilated_2d";

    /// <inheritdoc/>
    public override IReadOnlyList<MaskParameterValue> Arguments =>
        [new("height", Height), new("width", Width), new("radius", Radius), new("gap", Gap)];

    /// <inheritdoc/>
    public override BoundMask Bind(MaskExtent extent) => new GridBound(extent, Axis(Height), Axis(Width));

    private BoundMask Axis(int side)
    {
        // Steps past the grid change nothing; without them the reach fits a 1-D band, whose edge width + gap is the last step seen.
        var steps = Math.Min(Radius, (int)((side - 1) / (Gap + 1L)));
        NamedMask band = steps == 0 ? new SlidingMask(0) : new DilatedMask((int)((steps * (Gap + 1L)) - Gap), Gap);
        return band.Bind(new MaskExtent(side, side));
    }
}
