using System.Collections.Immutable;
using System.Diagnostics;
using Stof.Reference.Backends;
using Stof.Reference.Fusion;
using Stof.Reference.Graphs;
using Stof.Reference.Plans;

namespace Stof.Reference.Search;

/// <summary>
/// STOF's two-stage search. Stage 1 walks the segments depth-first and tries moves, a few parameter samples before and after
/// each; a move that does not pay is rolled back. Stage 2 keeps the scheme and spends the rest of the budget on parameters,
/// equal shares first, then more for the segments that gained most.
/// </summary>
public sealed class Tuner
{
    private readonly OperatorGraph _graph;
    private readonly Workload _workload;
    private readonly DeviceDescription _device;
    private readonly ISegmentMeasurer _measurer;
    private readonly TuningOptions _options;
    private readonly IProgress<TuningProgress>? _progress;
    private readonly List<TriedMove> _moves = [];
    private readonly List<double> _rounds = [];
    private readonly SegmentTable _table;

    /// <summary>Prepares a search.</summary>
    /// <param name="graph">The layer.</param>
    /// <param name="workload">What it is run on.</param>
    /// <param name="device">Where.</param>
    /// <param name="measurer">The clock; the caller disposes it.</param>
    /// <param name="options">Budget and seed.</param>
    /// <param name="known">Measurements of earlier searches on the same device and workload.</param>
    /// <param name="progress">Told after every step; may be null.</param>
    public Tuner(
        OperatorGraph graph,
        Workload workload,
        DeviceDescription device,
        ISegmentMeasurer measurer,
        TuningOptions options,
        IEnumerable<Measurement>? known = null,
        IProgress<TuningProgress>? progress = null)
    {
        _graph = graph;
        _workload = workload;
        _device = device;
        _measurer = measurer;
        _options = options;
        _progress = progress;
        _table = new SegmentTable(graph, workload, device, measurer, options, known ?? []);
    }

    /// <summary>Runs both stages and lets the whole layer choose between the outcome, the rules' plans and all detached.</summary>
    public TuningResult Run()
    {
        var total = Stopwatch.StartNew();
        var initial = RuleBasedSchemes.Initial(_graph, _workload, _device);
        var analysis = total.Elapsed.TotalSeconds;

        var segments = StageOne([.. initial.Segments]);
        var encoding = total.Elapsed.TotalSeconds - analysis - _table.MeasuringSeconds;
        var measuredBefore = _table.MeasuringSeconds;
        var stageTwoStart = total.Elapsed.TotalSeconds;
        StageTwo(segments);
        var reward = total.Elapsed.TotalSeconds - stageTwoStart - (_table.MeasuringSeconds - measuredBefore);

        // Segments timed apart may mislead, and the best of many noisy samples flatters: the whole layer decides, among what
        // was searched and what rules give.
        var scheme = FusionScheme.FromLengths(segments.Select(segment => segment.Length));
        ExecutionPlan[] candidates =
        [
            ExecutionPlan.Detached(_graph, _workload, _device),
            FromScheme(RuleBasedSchemes.AttentionOnly(_graph)),
            FromScheme(initial),
            FromScheme(scheme),
            ToPlan(segments),
        ];
        var compareStart = total.Elapsed.TotalSeconds;
        var seconds = _measurer.MeasureLayers(candidates);
        var comparing = total.Elapsed.TotalSeconds - compareStart;
        var best = Enumerable.Range(0, candidates.Length).MinBy(i => (seconds[i], -i));
        return new TuningResult
        {
            Plan = candidates[best],
            DetachedSeconds = double.IsFinite(seconds[0]) ? seconds[0] : seconds[1], // where detached scores are refused, attention stays fused
            PlanSeconds = seconds[best],
            Samples = _table.Samples,
            Moves = [.. _moves],
            Rounds = [.. _rounds],
            Measurements = [.. _table.All],
            Overhead = new TuningOverhead(
                analysis, Math.Max(0, encoding), Math.Max(0, reward), _table.MeasuringSeconds + comparing, total.Elapsed.TotalSeconds),
        };
    }

    private ExecutionPlan FromScheme(FusionScheme scheme) => ExecutionPlan.FromScheme(_graph, _workload, _device, scheme);

    private ExecutionPlan ToPlan(List<Segment> segments) => new()
    {
        GraphHash = _graph.Hash(),
        Device = _device.Fingerprint,
        Workload = ExecutionPlan.WorkloadKey(_workload),
        Segments = [.. segments.Select(segment =>
            new SegmentPlan(segment, _table.Template(segment)!.Name, _table.BestParameters(segment)))],
    };

    private List<Segment> StageOne(List<Segment> segments)
    {
        foreach (var segment in segments)
        {
            _table.SampleUpTo(segment, 1, mandatory: true);
        }

        // A start segment that this backend refuses falls apart into its operators before the search begins.
        for (var i = segments.Count - 1; i >= 0; i--)
        {
            if (double.IsPositiveInfinity(_table.BestSeconds(segments[i])) && segments[i].Length > 1)
            {
                var refused = segments[i];
                segments.RemoveAt(i);
                segments.InsertRange(i, Enumerable.Range(refused.Start, refused.Length).Select(op => new Segment(op, 1)));
                segments.ForEach(segment => _table.SampleUpTo(segment, 1, mandatory: true));
            }
        }

        for (var i = 0; i < segments.Count && !_table.IsExhausted; i++)
        {
            // Depth-first: as long as a move at this segment pays, look again from where it changed.
            while (TryMoves(segments, i) is { } changed)
            {
                i = Math.Min(i, changed);
            }
        }

        return segments;
    }

    /// <summary>Tries the moves around a segment; returns the first changed index, or null if none paid.</summary>
    private int? TryMoves(List<Segment> segments, int index)
    {
        foreach (var move in SchemeMoves.Around(_graph, segments, index))
        {
            if (_table.IsExhausted)
            {
                return null;
            }

            if (Array.Exists([.. move.Inserted], segment => _table.Template(segment) is null))
            {
                continue;
            }

            var removed = segments.GetRange(move.First, move.Removed);
            foreach (var segment in removed.Concat(move.Inserted))
            {
                _table.SampleUpTo(segment, _options.SamplesPerMove);
            }

            var before = _table.Seconds(removed);
            var after = _table.Seconds(move.Inserted);
            var kept = after < before * (1.0 - _options.KeepThreshold);
            _moves.Add(new TriedMove(move.Name, string.Concat(removed), string.Concat(move.Inserted), before, after, kept));
            Report(1, kept ? segments : null, $"{move.Name} {string.Concat(removed)} → {string.Concat(move.Inserted)}: {(kept ? "kept" : "rolled back")}");
            if (kept)
            {
                segments.RemoveRange(move.First, move.Removed);
                segments.InsertRange(move.First, move.Inserted);
                return move.First;
            }
        }

        return null;
    }

    private void StageTwo(List<Segment> segments)
    {
        var shares = segments.ToDictionary(segment => segment, _ => 2);
        while (!_table.IsExhausted && segments.Exists(HasMore))
        {
            var knownBefore = segments.Sum(_table.Known);
            var gains = new Dictionary<Segment, double>();
            foreach (var segment in segments.Where(HasMore))
            {
                var before = _table.BestSeconds(segment);
                _table.SampleUpTo(segment, _table.Known(segment) + shares[segment]);
                gains[segment] = Math.Max(0, before - _table.BestSeconds(segment));
            }

            _rounds.Add(_table.Seconds(segments));
            Report(2, segments, $"round {_rounds.Count}");
            if (segments.Sum(_table.Known) == knownBefore)
            {
                return; // random draws only repeated what is known: the spaces are as good as exhausted
            }

            // Reward: two samples for everybody, two more a segment dealt out by who gained how much.
            var total = gains.Values.Sum();
            foreach (var segment in segments)
            {
                var reward = total > 0 ? gains.GetValueOrDefault(segment) / total * 2 * segments.Count : 0;
                shares[segment] = 2 + (int)Math.Round(reward);
            }
        }

        bool HasMore(Segment segment) => _table.Known(segment) < _table.SpaceSize(segment);
    }

    private void Report(int stage, List<Segment>? segments, string message) =>
        _progress?.Report(new TuningProgress(
            stage, _table.Samples, _table.Fraction, segments is null ? double.NaN : _table.Seconds(segments), message));
}
