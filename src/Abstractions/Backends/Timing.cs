using System.Diagnostics;

namespace Stof.Reference.Backends;

/// <summary>How times are taken: one call by the monotonic clock, many calls by their median.</summary>
public static class Timing
{
    /// <summary>Seconds of one call.</summary>
    public static double Seconds(Action action)
    {
        ArgumentNullException.ThrowIfNull(action);
        var start = Stopwatch.GetTimestamp();
        action();
        return Stopwatch.GetElapsedTime(start).TotalSeconds;
    }

    /// <summary>The middle value; the upper one of an even number.</summary>
    public static double Median(IEnumerable<double> values)
    {
        double[] sorted = [.. values.Order()];
        return sorted[sorted.Length / 2];
    }
}
