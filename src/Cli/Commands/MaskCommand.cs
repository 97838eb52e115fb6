using System.CommandLine;
using Stof.Reference.Formats;
using Stof.Reference.Masks;

namespace Stof.Reference.Cli.Commands;

/// <summary>The <c>mask</c> verb: look at masks, count them, convert them.</summary>
internal static class MaskCommand
{
    /// <summary>Creates the verb with its sub-commands.</summary>
    public static Command Create() => new("mask", "Show, count and convert attention masks.")
    {
        MaskShowCommand.Create(),
        MaskStatsCommand.Create(),
        MaskConvertCommand.Create(),
        MaskGalleryCommand.Create(),
        CreateList(),
        CreateFormats(),
    };

    private static Command CreateList()
    {
        var command = new Command("list", "List the patterns with formula, parameters and an example.");
        command.SetAction(_ =>
        {
            foreach (var entry in MaskCatalog.Entries)
            {
                Console.WriteLine($"{entry.Signature}\n    {entry.Formula}\n    such as {entry.Examples[0]}");
                foreach (var parameter in entry.Parameters)
                {
                    Console.WriteLine($"    {parameter.Name}: {parameter.Meaning}");
                }
            }

            return 0;
        });
        return command;
    }

    private static Command CreateFormats()
    {
        var command = new Command("formats", "List the forms that masks are stored in, what each cannot hold, and its arrays.");
        command.SetAction(_ =>
        {
            foreach (var format in MaskFormats.Entries)
            {
                var refuses = format.CannotHold.Length == 0 ? "holds every mask" : $"refuses {format.CannotHold}";
                Console.WriteLine($"{format.Name}\n    {format.Summary}\n    {refuses}\n    arrays {string.Join(", ", format.Arrays)}");
            }

            return 0;
        });
        return command;
    }
}

/// <summary>The options that say on which rectangle a mask lives; shared by the sub-commands.</summary>
internal sealed class MaskRectangleOptions
{
    private const string BottomRight = "bottom-right";
    private const string TopLeft = "top-left";

    /// <summary>Adds the options to a command.</summary>
    public MaskRectangleOptions(Command command)
    {
        Alignment.AcceptOnlyFromAmong(BottomRight, TopLeft);
        command.Arguments.Add(Mask);
        command.Options.Add(Queries);
        command.Options.Add(Keys);
        command.Options.Add(Tile);
        command.Options.Add(Alignment);
    }

    /// <summary>The mask.</summary>
    public Argument<string> Mask { get; } = new("mask") { Description = MaskSource.Help };

    private Option<int?> Queries { get; } = new("--seq") { Description = "queries; a mask from arrays has its own" };

    private Option<int?> Keys { get; } = new("--seq-kv") { Description = "keys; default as many as queries" };

    private Option<string> Tile { get; } = new("--tile")
    {
        Description = "outer tile, rows x columns, multiples of 8",
        DefaultValueFactory = _ => TileShape.Default.ToString(),
    };

    private Option<string?> Alignment { get; } = new("--alignment")
    {
        Description = "which ends of queries and keys line up; default bottom-right, or that of the file",
    };

    /// <summary>The tile size.</summary>
    public TileShape TileOf(ParseResult result) => TileShape.Parse(result.GetValue(Tile)!);

    /// <summary>The mask bound to its rectangle.</summary>
    /// <param name="result">The parsed command line.</param>
    /// <param name="batch">Number of batch items that are needed.</param>
    /// <param name="heads">Number of heads that are needed.</param>
    public (MaskPattern Pattern, BoundMask Mask) Bind(ParseResult result, int batch, int heads)
    {
        var pattern = MaskSource.Load(result.GetValue(Mask)!);
        PositionAlignment? alignment = result.GetValue(Alignment) switch
        {
            TopLeft => PositionAlignment.TopLeft,
            BottomRight => PositionAlignment.BottomRight,
            _ => null,
        };
        return (pattern, pattern.Bind(MaskSource.Extent(
            pattern, Positive(Queries.Name, result.GetValue(Queries)), Positive(Keys.Name, result.GetValue(Keys)), batch, heads, alignment)));
    }

    // A library caller may have sequences of no tokens; who types one has made a mistake.
    private static int? Positive(string option, int? length) =>
        length is < 1 ? throw new InvalidInputException(option, $"{length}", "1 or more") : length;
}

/// <summary>The options that pick one batch item and one head.</summary>
internal sealed class MaskSliceOptions
{
    /// <summary>Adds the options to a command.</summary>
    public MaskSliceOptions(Command command)
    {
        command.Options.Add(Batch);
        command.Options.Add(Head);
    }

    private Option<int> Batch { get; } = new("--batch") { Description = "batch item, from 0" };

    private Option<int> Head { get; } = new("--head") { Description = "query head, from 0" };

    /// <summary>The batch item and the head.</summary>
    /// <exception cref="InvalidInputException">One is negative.</exception>
    public (int Batch, int Head) Read(ParseResult result)
    {
        var (batch, head) = (result.GetValue(Batch), result.GetValue(Head));
        return batch is < 0 or int.MaxValue ? throw new InvalidInputException("--batch", $"{batch}", "0 or more")
            : head is < 0 or int.MaxValue ? throw new InvalidInputException("--head", $"{head}", "0 or more")
            : (batch, head);
    }
}
