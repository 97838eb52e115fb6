using System.Diagnostics;
using Stof.Reference.Backends;
using Stof.Reference.Fusion;
using Stof.Reference.Graphs;

namespace Stof.Reference.Search;

/// <summary>One measurement: this segment with these parameters took this long.</summary>
/// <param name="Segment">The operators.</param>
/// <param name="Parameters">Parameters of the only template that covers them.</param>
/// <param name="Seconds">Time of one run; +∞ if the backend refused.</param>
public sealed record Measurement(Segment Segment, ParameterSet Parameters, double Seconds);

/// <summary>
/// Everything measured so far, by segment and parameters. Nothing is measured twice; a segment's time in a scheme is the best
/// it has shown.
/// </summary>
internal sealed class SegmentTable
{
    private readonly OperatorGraph _graph;
    private readonly Workload _workload;
    private readonly DeviceDescription _device;
    private readonly ISegmentMeasurer _measurer;
    private readonly TuningOptions _options;
    private readonly Random _random;
    private readonly Dictionary<Segment, Dictionary<ParameterSet, double>> _times = [];
    private readonly Dictionary<Segment, FusionTemplate?> _templates = [];
    private readonly Stopwatch _clock = Stopwatch.StartNew();

    public SegmentTable(
        OperatorGraph graph, Workload workload, DeviceDescription device, ISegmentMeasurer measurer, TuningOptions options, IEnumerable<Measurement> known)
    {
        _graph = graph;
        _workload = workload;
        _device = device;
        _measurer = measurer;
        _options = options;
        _random = new Random(options.Seed);
        foreach (var (segment, parameters, seconds) in known)
        {
            Times(segment)[parameters] = seconds;
        }
    }

    /// <summary>Measurements made by this search.</summary>
    public int Samples { get; private set; }

    /// <summary>Seconds spent inside the measurer.</summary>
    public double MeasuringSeconds { get; private set; }

    /// <summary>Share of the budget used.</summary>
    public double Fraction => Math.Min(1.0, Math.Max(
        Samples / (double)(_options.Budget.Samples ?? int.MaxValue),
        _options.Budget.Time is { } time ? _clock.Elapsed / time : 0.0));

    /// <summary>True once nothing more may be measured.</summary>
    public bool IsExhausted => Fraction >= 1.0;

    /// <summary>All that is known, in a stable order.</summary>
    public IEnumerable<Measurement> All =>
        from pair in _times
        orderby pair.Key.Start, pair.Key.Length
        from time in pair.Value
        orderby time.Key.ToString()
        select new Measurement(pair.Key, time.Key, time.Value);

    /// <summary>The template of a segment, or null.</summary>
    public FusionTemplate? Template(Segment segment)
    {
        if (!_templates.TryGetValue(segment, out var template))
        {
            _templates[segment] = template = TemplateCatalog.Match(_graph, segment);
        }

        return template;
    }

    /// <summary>Best known time of a segment; +∞ if nothing is known or nothing may run.</summary>
    public double BestSeconds(Segment segment) =>
        _times.TryGetValue(segment, out var times) && times.Count > 0 ? times.Values.Min() : double.PositiveInfinity;

    /// <summary>Parameters of the best known time, the default set where nothing is known.</summary>
    public ParameterSet BestParameters(Segment segment) =>
        _times.TryGetValue(segment, out var times) && times.Count > 0
            ? times.MinBy(pair => (pair.Value, pair.Key.ToString())).Key
            : ParameterSet.Default(Template(segment)!.Parameters(Context(segment)));

    /// <summary>Sum over segments.</summary>
    public double Seconds(IEnumerable<Segment> segments) => segments.Sum(BestSeconds);

    /// <summary>
    /// Brings a segment to <paramref name="count"/> known parameter sets: the default first, then random ones that are legal.
    /// Does nothing for a segment without a template.
    /// </summary>
    /// <param name="segment">The segment.</param>
    /// <param name="count">How many sets should be known.</param>
    /// <param name="mandatory">Measure the default set even if the budget is used up: the baseline must have a time.</param>
    public void SampleUpTo(Segment segment, int count, bool mandatory = false)
    {
        if (Template(segment) is not { } template)
        {
            return;
        }

        var context = Context(segment);
        var parameters = template.Parameters(context);
        var times = Times(segment);
        var standard = ParameterSet.Default(parameters);
        if (!times.ContainsKey(standard) && (mandatory || !IsExhausted))
        {
            Measure(template, context, standard);
        }

        // Draws may repeat or be illegal; a bounded number of them keeps small spaces from looping.
        for (var draws = 0; times.Count < count && draws < 8 * count && !IsExhausted; draws++)
        {
            var sample = ParameterSet.Sample(parameters, _random);
            if (!times.ContainsKey(sample))
            {
                Measure(template, context, sample);
            }
        }
    }

    /// <summary>Number of parameter sets known for a segment.</summary>
    public int Known(Segment segment) => _times.TryGetValue(segment, out var times) ? times.Count : 0;

    /// <summary>Number of parameter sets a segment has.</summary>
    public long SpaceSize(Segment segment) =>
        Template(segment) is { } template
            ? template.Parameters(Context(segment)).Aggregate(1L, (product, parameter) => product * parameter.Values.Length)
            : 0;

    private void Measure(FusionTemplate template, SegmentContext context, ParameterSet parameters)
    {
        if (template.Check(context, parameters) is not null)
        {
            Times(context.Segment)[parameters] = double.PositiveInfinity; // illegal: known without measuring
            return;
        }

        var start = Stopwatch.GetTimestamp();
        Times(context.Segment)[parameters] = _measurer.Measure(context.Segment, template, parameters) ?? double.PositiveInfinity;
        MeasuringSeconds += Stopwatch.GetElapsedTime(start).TotalSeconds;
        Samples++;
    }

    private Dictionary<ParameterSet, double> Times(Segment segment)
    {
        if (!_times.TryGetValue(segment, out var times))
        {
            _times[segment] = times = [];
        }

        return times;
    }

    private SegmentContext Context(Segment segment) => new(_graph, segment, _workload, _device);
}
