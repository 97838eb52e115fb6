using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using Stof.Reference.Formats;
using Stof.Reference.Masks;

namespace Stof.Reference.Cli.Commands;

/// <summary>The JSON reports of the <c>mask</c> verb; field order is stable.</summary>
internal static class MaskReport
{
    private static readonly JsonWriterOptions Indented = new() { Indented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>The tiles of one slice, one string a tile row: <c>F</c> full, <c>P</c> part, <c>.</c> empty.</summary>
    public static string TilesJson(MaskPattern pattern, BlockMask mask, int slice) => Write(writer =>
    {
        WriteMask(writer, pattern, mask.Extent, mask.Tile);
        WriteCounts(writer, TileCounts.Of(mask, slice));
        writer.WriteStartArray("tiles");
        for (var row = slice * mask.TileRows; row < (slice + 1) * mask.TileRows; row++)
        {
            var line = new string('.', mask.TileColumns).ToCharArray();
            for (var entry = mask.LoadRowPtr[row]; entry < mask.LoadRowPtr[row + 1]; entry++)
            {
                line[mask.LoadColIdx[entry]] = mask.LoadPartIdx[entry] < 0 ? 'F' : 'P';
            }

            writer.WriteStringValue(line);
        }

        writer.WriteEndArray();
    });

    /// <summary>The statistics.</summary>
    public static string StatisticsJson(MaskPattern pattern, MaskStatistics statistics) => Write(writer =>
    {
        WriteMask(writer, pattern, statistics.Extent, statistics.Tile);
        WriteCounts(writer, statistics.Tiles);
        writer.WriteNumber("load_share_16", statistics.LoadShare16);
        if (double.IsFinite(statistics.PaperThreshold))
        {
            writer.WriteNumber("paper_threshold", statistics.PaperThreshold);
        }
        else
        {
            writer.WriteNull("paper_threshold");
        }

        writer.WriteString("paper_choice", statistics.PaperChoice == KernelKind.RowWise ? "row-wise" : "block-wise");
    });

    private static void WriteMask(Utf8JsonWriter writer, MaskPattern pattern, MaskExtent extent, TileShape tile)
    {
        if (pattern is StoredPattern stored)
        {
            writer.WriteString("mask", stored.ToString()); // it has no formula
        }
        else
        {
            writer.WritePropertyName("mask");
            MaskJson.Write(writer, pattern);
        }

        writer.WriteNumber("queries", extent.QueryLength);
        writer.WriteNumber("keys", extent.KeyLength);
        writer.WriteString("alignment", extent.Alignment == PositionAlignment.TopLeft ? "top-left" : "bottom-right");
        writer.WriteString("tile", tile.ToString());
    }

    private static void WriteCounts(Utf8JsonWriter writer, TileCounts counts)
    {
        writer.WriteNumber("allowed", counts.Allowed);
        writer.WriteNumber("pairs", counts.Pairs);
        writer.WriteNumber("density", counts.Density);
        writer.WriteNumber("full_tiles", counts.Full);
        writer.WriteNumber("part_tiles", counts.Part);
        writer.WriteNumber("empty_tiles", counts.Empty);
        writer.WriteNumber("load_share", counts.LoadShare);
        writer.WriteNumber("min_row_tiles", counts.MinRowTiles);
        writer.WriteNumber("max_row_tiles", counts.MaxRowTiles);
        writer.WriteNumber("min_row_keys", counts.MinRowKeys);
        writer.WriteNumber("max_row_keys", counts.MaxRowKeys);
        writer.WriteNumber("empty_rows", counts.EmptyRows);
    }

    private static string Write(Action<Utf8JsonWriter> fields)
    {
        using var stream = new MemoryStream();
        using (var writer = new Utf8JsonWriter(stream, Indented))
        {
            writer.WriteStartObject();
            fields(writer);
            writer.WriteEndObject();
        }

        return Encoding.UTF8.GetString(stream.ToArray());
    }
}
