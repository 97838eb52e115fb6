using System.Collections.Concurrent;
using Stof.Reference.Cpu.Oracle;
using Stof.Reference.Formats;
using Stof.Reference.Masks;
using Stof.Reference.Numerics;
using Stof.Reference.Verification.Cases;
using Stof.Reference.Verification.Reports;

namespace Stof.Reference.Verification.Diagnosis;

/// <summary>
/// Names the bug behind a wrong output: predicts, for every mutation of the catalogue and then for pairs of them, what a kernel with
/// that bug would return, and ranks them by how much of the error is left.
/// </summary>
public sealed class Diagnoser
{
    private const int SampleRows = 224;
    private const int ScreenRows = 56;
    private const int FinalRows = 1024;
    private const int Finalists = 12;
    private const double ReproducingShare = 0.985;
    private const double NearShare = 0.3;
    private const double MostUnwritten = 0.75; // "everything is garbage" explains anything

    /// <summary>The tilings that kernels commonly have.</summary>
    public static readonly IReadOnlyList<TileShape> CommonTiles =
        [new(64, 64), new(128, 128), new(128, 64), new(64, 128), new(32, 32), new(16, 16), new(64, 32), new(128, 32), new(32, 64)];

    private readonly AttentionCase _case;
    private readonly VariantFit _fit;
    private readonly AttentionVariant _defined;
    private readonly bool[] _isWrong;
    private readonly VerificationReport _verification;
    private readonly MaskPattern _pattern;
    private readonly MaskPlanes _planes;
    private readonly TileShape[] _tiles;

    private Diagnoser(AttentionCase item, VerificationOptions options, VerificationReport verification)
    {
        (_case, _verification) = (item, verification);
        var p = item.Problem;
        var reference = BlockedAttention.Run(p, item.Q, item.K, item.V);
        var output = CanonicalRows.Output(p, item.Output, null);
        var survey = new ErrorSurvey(p, reference, output, null, BlockMaskBuilder.Build(p.BindMask(), options.Tile), reference.Rows);
        _isWrong = new bool[reference.Rows];
        foreach (var element in survey.Worst.Where(element => element.Used > 1))
        {
            _isWrong[(((element.Batch * p.QueryHeads) + element.Head) * p.QueryLength) + element.Query] = true;
        }

        var classes = new RowClass[reference.Rows];
        for (var row = 0; row < classes.Length; row++)
        {
            classes[row] = survey.Classify(row / p.QueryLength, row % p.QueryLength / options.Tile.Rows, reference.AllowedKeys[row]);
        }

        _defined = AttentionVariant.Defined(p);
        _planes = MaskPlanes.Of(p.BindMask());
        _pattern = p.Mask is DenseMask ? MaskRecognizer.Recognize(_planes) ?? p.Mask : p.Mask;
        _tiles = [.. new[] { options.Tile }.Concat(CommonTiles).Distinct().Where(tile => IsUseful(tile, options.Tile, p.QueryLength, p.KvLength))];
        _fit = new VariantFit(p, new VariantRows(item), reference, output, _isWrong, classes);
    }

    /// <summary>Diagnoses one case.</summary>
    /// <param name="item">The case; a mask that came as an array is recognised where it can be.</param>
    /// <param name="options">Options of the verification that comes first; its tiling is the first that is tried.</param>
    /// <exception cref="InvalidInputException">An option is out of range.</exception>
    public static DiagnosisReport Run(AttentionCase item, VerificationOptions options)
    {
        ArgumentNullException.ThrowIfNull(item);
        ArgumentNullException.ThrowIfNull(options);
        options = options with { Queries = null };
        var verification = Verifier.Run(item, options);
        return verification.Verdict.State == Verdict.Unsupported
            ? new DiagnosisReport(verification, [], 0, 0, null)
            : new Diagnoser(item, options, verification).Search();
    }

    // Tiles much larger than the problem all look the same.
    private static bool IsUseful(TileShape tile, TileShape given, int queries, int keys) =>
        tile == given || (tile.Rows < 2 * Math.Max(queries, 16) && tile.Columns < 2 * Math.Max(keys, 16));

    private DiagnosisReport Search()
    {
        var recognised = _case.Problem.Mask is DenseMask && _pattern is not DenseMask ? _pattern.ToString() : null;
        if (!_isWrong.Contains(true))
        {
            return new DiagnosisReport(_verification, LogSumExpDiagnosis.Of(_case, _verification), 0, 0, recognised);
        }

        var wrong = Enumerable.Range(0, _isWrong.Length).Where(row => _isWrong[row]).Select(_fit.Place).ToArray();
        Mutation[] catalogue =
        [
            .. MaskMutations.Of(_case.Problem, _pattern, _tiles),
            .. ScoreMutations.Of(_case.Problem, _tiles),
            .. TileMutations.Of(_case.Problem, _planes, _tiles, wrong).Where(mutation => !mutation.IsWildcard || wrong.Length < MostUnwritten * _isWrong.Length),
        ];
        var sample = RowSample.Pick(_isWrong, SampleRows);
        var singles = Fits([.. catalogue.Select((mutation, i) => new Candidate([mutation], i))], sample);
        var final = RowSample.Pick(_isWrong, FinalRows);
        var best = Finish(Shortlist(singles), final);
        var tried = catalogue.Length;
        if (!IsSettled(best))
        {
            var pairs = Pairs(singles, catalogue, sample);
            tried += pairs.Tried;
            best.AddRange(Finish(pairs.Best, final));
        }

        return new DiagnosisReport(_verification, Ranked(best), tried, final.Length, recognised);
    }

    // Rows that were never written settle it where no mutation that predicts values comes near; else two of those may do better.
    private static bool IsSettled(List<(Candidate Candidate, Fit Fit, Explanation Explanation)> found)
    {
        var predicting = found.Where(f => !f.Explanation.Mutations[0].IsWildcard).Select(f => f.Explanation).ToArray();
        return predicting.Any(explanation => explanation.Reproduces)
            || (found.Exists(f => f.Explanation.Reproduces) && !predicting.Any(explanation => explanation.Explained > NearShare));
    }

    private List<Scored> Fits(Candidate[] candidates, int[] rows)
    {
        var fits = new ConcurrentBag<Scored>();
        Parallel.ForEach(candidates, candidate => fits.Add(new Scored(candidate, _fit.Compare(candidate.Apply(_defined), rows))));
        return [.. fits.OrderBy(scored => scored.Fit.Residual).ThenBy(scored => scored.Candidate.Order)];
    }

    // Few by residual, and few by how many elements they get right: a bug in few rows shows in one, a small one in the other.
    private static List<Candidate> Shortlist(List<Scored> scored) =>
        [.. scored.Take(Finalists).Concat(scored.OrderByDescending(s => s.Fit.Within).Take(Finalists)).Select(s => s.Candidate).Distinct()];

    private (List<Candidate> Best, int Tried) Pairs(List<Scored> singles, Mutation[] catalogue, int[] sample)
    {
        // The best of every family, and the best of all: each with everything.
        var heads = singles.GroupBy(single => single.Candidate.Mutations[0].Family).Select(group => group.First())
            .Concat(singles.Take(Finalists))
            .Select(single => single.Candidate.Mutations[0])
            .Where(mutation => !mutation.IsWildcard)
            .Distinct();
        var pairs = new List<Candidate>();
        foreach (var first in heads)
        {
            for (var i = 0; i < catalogue.Length; i++)
            {
                if (catalogue[i].Family != first.Family)
                {
                    pairs.Add(new Candidate([first, catalogue[i]], (catalogue.Length * Array.IndexOf(catalogue, first)) + i));
                }
            }
        }

        var screen = sample.Where((_, i) => i % (sample.Length / ScreenRows + 1) == 0).ToArray();
        var screened = Fits([.. pairs], screen);
        return (Shortlist(Fits([.. Shortlist(screened)], sample)), pairs.Count);
    }

    private List<(Candidate Candidate, Fit Fit, Explanation Explanation)> Finish(List<Candidate> candidates, int[] rows)
    {
        var before = _fit.Compare(_defined, rows);
        return [.. Fits([.. candidates], rows).Select(scored =>
        {
            var fit = scored.Fit;
            var byClass = Enumerable.Range(0, before.ByClass.Length)
                .Where(c => before.ByClass[c] > 0)
                .Select(c => ((RowClass)c, 1 - (fit.ByClass[c] / before.ByClass[c])));
            var explained = before.Residual > 0 ? 1 - (fit.Residual / before.Residual) : 0;
            return (scored.Candidate, fit, new Explanation(
                scored.Candidate.Mutations, explained, fit.Within, fit.Within >= ReproducingShare && explained > 0, false, [.. byClass]));
        })];
    }

    // Explanations that leave about equally little are told apart by how common the bug is: by their place in the catalogue.
    private static List<Explanation> Ranked(List<(Candidate Candidate, Fit Fit, Explanation Explanation)> found)
    {
        const double AsGood = 2;
        var least = found.Where(f => f.Explanation.Reproduces).Select(f => f.Fit.Residual).DefaultIfEmpty(0).Min();
        bool IsAsGood((Candidate Candidate, Fit Fit, Explanation Explanation) f) => f.Explanation.Reproduces && f.Fit.Residual <= AsGood * least;
        return [.. found
            .Where(f => f.Explanation.Explained > 0)
            .OrderByDescending(f => f.Explanation.Reproduces)
            .ThenBy(f => f.Candidate.Mutations.Any(mutation => mutation.IsWildcard))
            .ThenBy(f => f.Candidate.Mutations.Count)
            .ThenBy(f => IsAsGood(f) ? 0 : f.Fit.Residual)
            .ThenBy(f => f.Candidate.Order)
            .Select(f => f.Explanation with { IsTied = IsAsGood(f) })
            .Take(Finalists)];
    }

    private sealed record Candidate(IReadOnlyList<Mutation> Mutations, int Order)
    {
        public AttentionVariant Apply(AttentionVariant defined) => Mutations.Aggregate(defined, (variant, mutation) => mutation.Apply(variant));
    }

    private readonly record struct Scored(Candidate Candidate, Fit Fit);
}
