using System.Diagnostics;

namespace Stof.Reference.Bench.Quick;

/// <summary>
/// Times several actions in turn, so that what else the machine does hits all of them. The first run of a turn is not timed: the threads of the one
/// before still wait for work and take the cores meanwhile (who came after ONNX Runtime lost 25 to 60 ms of a model by it).
/// </summary>
internal static class Turns
{
    private const int WarmUpRounds = 4;

    /// <summary>Times of each action over so many rounds, after some that are not counted.</summary>
    /// <param name="rounds">Samples of each action.</param>
    /// <param name="actions">What to time.</param>
    public static Timing[] Of(int rounds, IReadOnlyList<Action> actions)
    {
        var samples = actions.Select(_ => new double[rounds]).ToArray();
        for (var round = -WarmUpRounds; round < rounds; round++)
        {
            for (var i = 0; i < actions.Count; i++)
            {
                actions[i]();
                var start = Stopwatch.GetTimestamp();
                actions[i]();
                samples[i][Math.Max(round, 0)] = Stopwatch.GetElapsedTime(start).TotalSeconds;
            }
        }

        Array.ForEach(samples, Array.Sort);
        return [.. samples.Select(sorted => new Timing(sorted[0], sorted[rounds / 2]))];
    }
}
