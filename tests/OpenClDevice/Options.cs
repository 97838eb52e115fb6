using System.Globalization;

namespace Stof.Reference.OpenClDevice;

/// <summary>What the program was asked to do.</summary>
/// <param name="Device">Device as <c>--backend</c> names it; null for all that can be used.</param>
/// <param name="Parts">Parts to run: devices, suite, agreement, speed, products.</param>
/// <param name="Stride">Of many random problems of the suite every so many.</param>
/// <param name="JsonFile">Where the results go as JSON, or null.</param>
internal sealed record Options(string? Device, IReadOnlySet<string> Parts, int Stride, string? JsonFile)
{
    public const string Usage = "usage: Stof.Reference.OpenClDevice [--device opencl[:P[:D]]] [--only suite,agreement,speed,products] [--stride N] [--json FILE]";

    private static readonly string[] AllParts = ["suite", "agreement", "speed", "products"];

    /// <summary>Reads the arguments; null with the mistake.</summary>
    public static (Options? Options, string Mistake) Parse(string[] arguments)
    {
        var options = new Options(null, AllParts.ToHashSet(), 1, null);
        for (var i = 0; i < arguments.Length; i += 2)
        {
            if (i + 1 >= arguments.Length)
            {
                return (null, $"{arguments[i]} needs a value");
            }

            var value = arguments[i + 1];
            switch (arguments[i])
            {
                case "--device":
                    options = options with { Device = value };
                    break;
                case "--only" when value.Split(',').All(AllParts.Contains):
                    options = options with { Parts = value.Split(',').ToHashSet() };
                    break;
                case "--stride" when int.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out var stride) && stride > 0:
                    options = options with { Stride = stride };
                    break;
                case "--json":
                    options = options with { JsonFile = value };
                    break;
                default:
                    return (null, $"{arguments[i]} {value}");
            }
        }

        return (options, "");
    }
}
