using System.Diagnostics;

namespace Stof.Reference.Bench.Quick;

/// <summary>
/// Times several actions in turn, so that what else the machine does hits all of them. What runs first in a turn is not timed: threads of the one before
/// still wait for work, spinning, and take the cores meanwhile (ONNX Runtime's some 50 ms on 16 cores; who came then took up to twice as long).
/// </summary>
internal static class Turns
{
    private const int WarmUpRounds = 2;
    private const int SamplesPerTurn = 3;
    private const double SettleSeconds = 0.15;

    /// <summary>Times of each action over so many rounds, after some that are not counted.</summary>
    /// <param name="rounds">Turns of each action, of some samples each.</param>
    /// <param name="actions">What to time.</param>
    public static Timing[] Of(int rounds, IReadOnlyList<Action> actions)
    {
        var samples = actions.Select(_ => new List<double>()).ToArray();
        for (var round = -WarmUpRounds; round < rounds; round++)
        {
            for (var i = 0; i < actions.Count; i++)
            {
                var turn = Stopwatch.StartNew();
                do
                {
                    actions[i]();
                }
                while (turn.Elapsed.TotalSeconds < SettleSeconds);

                for (var sample = 0; round >= 0 && sample < SamplesPerTurn; sample++)
                {
                    var start = Stopwatch.GetTimestamp();
                    actions[i]();
                    samples[i].Add(Stopwatch.GetElapsedTime(start).TotalSeconds);
                }
            }
        }

        Array.ForEach(samples, list => list.Sort());
        return [.. samples.Select(sorted => new Timing(sorted[0], sorted[sorted.Count / 2]))];
    }
}
