using Stof.Reference.Formats;
using Stof.Reference.Masks;
using Stof.Reference.Verification.Diagnosis;

namespace Stof.Reference.Unit.Tests.Verification;

/// <summary>The changes of masks against what they are to do, pair by pair.</summary>
public sealed class MaskEditTests
{
    private static readonly TileShape Tile = new(16, 8);
    private static readonly MaskExtent Extent = new(37, 45, 2, 2);

    [Fact]
    public void Planes_are_the_mask()
    {
        var mask = MaskText.Parse("heads([causal,sliding(4)])").Bind(Extent);
        var planes = MaskPlanes.Of(mask);
        ForEach((b, h, q, k) => Assert.Equal(mask.Allows(b, h, q, k), planes[b, h][q, k]));
        for (var row = 0; row < planes.TileRows(Tile); row++)
        {
            foreach (var column in planes.Listed(0, 1, Tile, row))
            {
                Assert.NotEqual(TileClass.Empty, planes[0, 1].Classify(row, column, Tile.Rows, Tile.Columns));
            }
        }

        var tensor = planes.ToTensor();
        Assert.True(tensor.HasShape(1, 2, 37, 45));
        ForEach((b, h, q, k) => Assert.Equal(planes[b, h][q, k], tensor.Bytes[(((h * 37) + q) * 45) + k] != 0));
    }

    [Fact]
    public void Tile_classes_count_every_pair()
    {
        var planes = MaskPlanes.Of(MaskText.Parse("causal & sliding(20)").Bind(Extent));
        var plane = planes[0, 0];
        for (var i = 0; i < planes.TileRows(Tile) * planes.TileColumns(Tile); i++)
        {
            var (row, column) = (i / planes.TileColumns(Tile), i % planes.TileColumns(Tile));
            var bits = Enumerable.Range(0, Tile.Rows * Tile.Columns)
                .Select(at => ((row * Tile.Rows) + (at / Tile.Columns), (column * Tile.Columns) + (at % Tile.Columns)))
                .Select(at => at.Item1 < 37 && at.Item2 < 45 && plane[at.Item1, at.Item2])
                .ToArray();
            var expected = bits.All(bit => bit) ? TileClass.Full : bits.Any(bit => bit) ? TileClass.Part : TileClass.Empty;
            Assert.Equal(expected, planes.Classes(0, 0, Tile)[i]);
        }
    }

    [Fact]
    public void Part_tiles_become_dense_and_others_stay()
    {
        var planes = MaskPlanes.Of(MaskText.Parse("sliding(3)").Bind(Extent));
        var edited = MaskEdits.PartTilesDense(Tile).On(planes);
        ForEach((b, h, q, k) => Assert.Equal(
            planes[b, h].Classify(q / Tile.Rows, k / Tile.Columns, Tile.Rows, Tile.Columns) != TileClass.Empty, edited[b, h][q, k]));
    }

    [Theory]
    [InlineData("inverted")]
    [InlineData("shifted")]
    [InlineData("transposed 8x8")]
    [InlineData("reversed")]
    [InlineData("edges")]
    [InlineData("skipped")]
    public void Bits_move_as_said(string what)
    {
        var planes = MaskPlanes.Of(MaskText.Parse("sliding(6) & !sliding(1) | strided(5)").Bind(Extent));
        bool Right(int b, int h, int q, int k) => q >= 0 && q < 37 && k >= 0 && k < 45 && planes[b, h][q, k];
        var (edit, expected) = what switch
        {
            "inverted" => (MaskEdits.Inverted(), (Func<int, int, int, int, bool>)((b, h, q, k) => !Right(b, h, q, k))),
            "shifted" => (MaskEdits.Shifted(2), (b, h, q, k) => Right(b, h, q, k - 2)),
            "transposed 8x8" => (MaskEdits.BitmapsTransposed(), (b, h, q, k) => Right(b, h, (q / 8 * 8) + (k % 8), (k / 8 * 8) + (q % 8))),
            "reversed" => (MaskEdits.BitsReversed(wholeWord: false), (b, h, q, k) => Right(b, h, q, (k / 8 * 8) + 7 - (k % 8))),
            "edges" => (MaskEdits.EdgesMoved(0, 1), (b, h, q, k) => Right(b, h, q, k) || Right(b, h, q, k - 1)),
            _ => (MaskEdits.TilesSkipped(Tile, tile => tile is { Row: 1, Column: 2, Head: 1 }), (b, h, q, k) => Right(b, h, q, k) && !(h == 1 && q / 16 == 1 && k / 8 == 2)),
        };
        var edited = edit.On(planes);
        ForEach((b, h, q, k) => Assert.True(expected(b, h, q, k) == edited[b, h][q, k], $"({b}, {h}, {q}, {k})"));
    }

    private static void ForEach(Action<int, int, int, int> check)
    {
        for (var i = 0; i < 2 * 2 * 37 * 45; i++)
        {
            check(i / (2 * 37 * 45), i / (37 * 45) % 2, i / 45 % 37, i % 45);
        }
    }
}
