using Stof.Reference.Numerics;
using Stof.Reference.Operators;
using Stof.Reference.Verification.Reports;

namespace Stof.Reference.Verification.Diagnosis;

/// <summary>How well a variant predicts an output.</summary>
/// <param name="Residual">Σ over rows of (|output − prediction| / unit)², the unit being the row's rms of Σ p·|v|.</param>
/// <param name="Within">Share of elements within the rounding budget: the smaller of wrong and right rows.</param>
/// <param name="ByClass">Residual by class of rows.</param>
internal readonly record struct Fit(double Residual, double Within, double[] ByClass);

/// <summary>Compares predictions with an output row by row.</summary>
internal sealed class VariantFit
{
    private const double Slack = 1.5; // predictions are double, kernels sum in other orders
    private const double NotFinite = 1; // in units of the row's scale: what a NaN on one side only counts as

    private readonly AttentionProblem _problem;
    private readonly VariantRows _rows;
    private readonly AttentionReference _reference;
    private readonly double[] _output;
    private readonly bool[] _isWrong;
    private readonly RowClass[] _classes;
    private readonly double[] _units;

    /// <summary>Prepares comparisons of one case.</summary>
    public VariantFit(
        AttentionProblem problem, VariantRows rows, AttentionReference reference, double[] output, bool[] isWrong, RowClass[] classes)
    {
        (_problem, _rows, _reference, _output, _isWrong, _classes) = (problem, rows, reference, output, isWrong, classes);
        var size = problem.ValueSize;
        _units = [.. Enumerable.Range(0, reference.Rows).Select(row =>
            Math.Sqrt(reference.AbsoluteOutput.Skip(row * size).Take(size).Sum(a => double.IsFinite(a) ? a * a : 0) / size))];
        var typical = _units.Where(unit => unit > 0).DefaultIfEmpty(1).Average();
        _units = Array.ConvertAll(_units, unit => unit > 0 ? unit : typical);
    }

    /// <summary>The place of a row.</summary>
    public OutputRow Place(int row) => new(
        row / (_problem.QueryHeads * _problem.QueryLength), row / _problem.QueryLength % _problem.QueryHeads, row % _problem.QueryLength);

    /// <summary>Compares on some rows.</summary>
    public Fit Compare(AttentionVariant variant, int[] rows)
    {
        var mask = _rows.Mask(variant);
        var (residual, byClass) = (0.0, new double[4]);
        Span<long> counts = [0, 0];
        Span<long> within = [0, 0];
        foreach (var row in rows)
        {
            var place = Place(row);
            var isUnwritten = variant.Unwritten?.Contains(place.Batch, place.Head, place.Query) ?? false;
            var (error, good) = isUnwritten
                ? (_isWrong[row] ? 0 : NotFinite * _problem.ValueSize, _isWrong[row] ? _problem.ValueSize : 0)
                : Row(row, _rows.Predict(variant, mask, place));
            residual += error;
            byClass[(int)_classes[row]] += error;
            var kind = _isWrong[row] ? 1 : 0;
            counts[kind] += _problem.ValueSize;
            within[kind] += good;
        }

        var share = 1.0;
        for (var kind = 0; kind < 2; kind++)
        {
            share = counts[kind] == 0 ? share : Math.Min(share, (double)within[kind] / counts[kind]);
        }

        return new Fit(residual, share, byClass);
    }

    private (double Error, int Within) Row(int row, RowPrediction prediction)
    {
        var type = _problem.Type;
        var a = type is DType.F16 or DType.BF16 ? 3 : 1;
        var accumulation = type == DType.F64 ? DType.F64.UnitRoundoff() : DType.F32.UnitRoundoff();
        var relative = (a * type.UnitRoundoff())
            + (4 * accumulation * (Math.Sqrt(prediction.Keys) + prediction.Magnitude))
            + (2 * type.HalfSubnormal() * prediction.Keys);
        var (error, good) = (0.0, 0);
        for (var d = 0; d < _problem.ValueSize; d++)
        {
            var (got, said) = (_output[(row * _problem.ValueSize) + d], prediction.Output[d]);
            var difference = Math.Abs(got - said);
            if (!double.IsFinite(got) || !double.IsFinite(said))
            {
                var agrees = !double.IsFinite(got) && (!double.IsFinite(said) || Math.Abs(said) > Ulp.LargestFinite(type));
                error += agrees ? 0 : NotFinite;
                good += agrees ? 1 : 0;
                continue;
            }

            var scaled = difference / _units[row];
            error += scaled * scaled;
            good += difference <= (Slack * relative * prediction.Absolute[d]) + type.HalfSubnormal() ? 1 : 0;
        }

        return (error, good);
    }
}
