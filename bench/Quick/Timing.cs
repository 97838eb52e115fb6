using System.Diagnostics;

namespace Stof.Reference.Bench.Quick;

/// <summary>Repeats an action for a fixed time after a warm-up; reports the best and the median.</summary>
internal readonly record struct Timing(double BestSeconds, double MedianSeconds)
{
    private const double WarmUpSeconds = 0.3; // long enough for tier-1 code, which also needs some 30 calls, ...
    private const int WarmUpCalls = 40;
    private const double MostWarmUpSeconds = 4; // ... unless one takes long
    private const double MeasureSeconds = 0.3;
    private const int MinimumSamples = 7;

    /// <summary>Times an action.</summary>
    public static Timing Of(Action action)
    {
        var clock = Stopwatch.StartNew();
        for (var calls = 0; calls < WarmUpCalls || clock.Elapsed.TotalSeconds < WarmUpSeconds; calls++)
        {
            action();
            if (clock.Elapsed.TotalSeconds > MostWarmUpSeconds)
            {
                break;
            }
        }

        var samples = new List<double>();
        clock.Restart();
        do
        {
            var start = Stopwatch.GetTimestamp();
            action();
            samples.Add(Stopwatch.GetElapsedTime(start).TotalSeconds);
        }
        while (samples.Count < MinimumSamples || clock.Elapsed.TotalSeconds < MeasureSeconds);

        samples.Sort();
        return new Timing(samples[0], samples[samples.Count / 2]);
    }
}
