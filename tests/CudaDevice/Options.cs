using System.Globalization;

namespace Stof.Reference.DeviceChecks;

/// <summary>The command line.</summary>
internal sealed record Options
{
    /// <summary>What <c>--lose-context</c> is called: the child process of <see cref="Checks.LostContext"/>.</summary>
    public const string LoseContextSwitch = "--lose-context";

    public const string Usage =
        """
        usage: Stof.Reference.CudaDevice [--only NAME]... [--case TEXT]... [--small] [--json FILE] [--truth FILE] [--device N] [--list]
        Checks what only a GPU can tell. --case leaves out what the speed checks would measure and does not start with a TEXT. Exit codes: 0 good, 1 found wrong, 2 bad usage, 3 no usable device.
        """;

    /// <summary>Names of the checks to run; all if empty.</summary>
    public IReadOnlyList<string> Only { get; init; } = [];

    /// <summary>How the names of cases start that speed checks measure; all if empty.</summary>
    public IReadOnlyList<string> Cases { get; init; } = [];

    /// <summary>Small cases only, as under a sanitizer.</summary>
    public bool Small { get; init; }

    /// <summary>Where the results go as JSON.</summary>
    public string? JsonFile { get; init; }

    /// <summary>Where what instructions did goes.</summary>
    public string? TruthFile { get; init; }

    /// <summary>The device's number.</summary>
    public int Device { get; init; }

    /// <summary>Print the names and end.</summary>
    public bool List { get; init; }

    /// <summary>Lose the context and see what happens.</summary>
    public bool LoseContext { get; init; }

    /// <summary>Reads the arguments; null and the reason if they make no sense.</summary>
    public static (Options? Options, string Mistake) Parse(IReadOnlyList<string> arguments)
    {
        var options = new Options();
        for (var index = 0; index < arguments.Count; index++)
        {
            var name = arguments[index];
            var value = index + 1 < arguments.Count ? arguments[index + 1] : null;
            switch (name)
            {
                case "--small":
                    options = options with { Small = true };
                    break;
                case "--list":
                    options = options with { List = true };
                    break;
                case LoseContextSwitch:
                    options = options with { LoseContext = true };
                    break;
                case "--only" when Catalogue.All.Any(check => check.Name == value):
                    options = options with { Only = [.. options.Only, value!] };
                    index++;
                    break;
                case "--only":
                    return (null, $"--only: {value ?? "nothing"}; expected one of {string.Join(", ", Catalogue.All.Select(check => check.Name))}");
                case "--case" when value is not null:
                    options = options with { Cases = [.. options.Cases, value] };
                    index++;
                    break;
                case "--json" when value is not null:
                    options = options with { JsonFile = value };
                    index++;
                    break;
                case "--truth" when value is not null:
                    options = options with { TruthFile = value };
                    index++;
                    break;
                case "--device" when int.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out var number):
                    options = options with { Device = number };
                    index++;
                    break;
                default:
                    return (null, $"{name}: not understood");
            }
        }

        return (options, "");
    }
}
