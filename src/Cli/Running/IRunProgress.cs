using Spectre.Console;

namespace Stof.Reference.Cli.Running;

/// <summary>Told about long work as it goes on.</summary>
internal interface IRunProgress
{
    /// <summary>A step without a known length begins.</summary>
    void Step(string text);

    /// <summary>A step is so far along, 0…1.</summary>
    void Fraction(string text, double fraction);

    /// <summary>Something is odd but not fatal; one line.</summary>
    void Warn(string text);
}

/// <summary>Progress on the error stream, so that standard output stays clean: one updated line on a terminal, warnings only in a pipe.</summary>
internal sealed class ConsoleProgress : IRunProgress, IDisposable
{
    private const int BarWidth = 24;

    private readonly bool _live = !Console.IsErrorRedirected;
    private int _shown;

    /// <inheritdoc/>
    public void Step(string text) => Show($"{text} ...");

    /// <inheritdoc/>
    public void Fraction(string text, double fraction)
    {
        var filled = (int)(Math.Clamp(fraction, 0, 1) * BarWidth);
        Show($"[{new string('█', filled)}{new string('·', BarWidth - filled)}] {text}");
    }

    /// <inheritdoc/>
    public void Warn(string text)
    {
        Clear();
        Console.Error.WriteLine($"warning: {text}");
    }

    /// <summary>Clears the line.</summary>
    public void Dispose() => Clear();

    private void Show(string text)
    {
        if (!_live)
        {
            return;
        }

        var width = Math.Max(20, AnsiConsole.Profile.Width - 1);
        var line = text.Length > width ? text[..width] : text;
        Console.Error.Write("\r" + line.PadRight(_shown));
        _shown = line.Length;
    }

    private void Clear()
    {
        if (_live && _shown > 0)
        {
            Console.Error.Write("\r" + new string(' ', _shown) + "\r");
            _shown = 0;
        }
    }
}
