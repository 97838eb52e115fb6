using System.Collections.Immutable;
using Stof.Reference.Backends;
using Stof.Reference.Cpu.Oracle;
using Stof.Reference.Masks;
using Stof.Reference.Models;
using Stof.Reference.Numerics;
using Stof.Reference.Tensors;

namespace Stof.Reference.Cpu.Execution;

/// <summary>How one hidden state compares with the oracle.</summary>
/// <param name="Layer">0 after the embedding, i after layer i.</param>
/// <param name="LocalError">Relative Frobenius error of this layer alone: the oracle is given what the backend's layer was given.</param>
/// <param name="LocalLimit">What it may be.</param>
/// <param name="TotalError">Relative Frobenius error against the oracle's own run, errors of all layers so far included.</param>
/// <param name="DetachedError">The same for the operator-by-operator run in the same dtype.</param>
/// <param name="Passed">Local error within its limit, and total error at most twice the detached run's.</param>
public sealed record LayerVerdict(
    int Layer, double LocalError, double LocalLimit, double TotalError, double DetachedError, bool Passed);

/// <summary>Compares a compiled plan with the double-precision oracle, layer by layer, from the same rounded weights.</summary>
public static class ModelVerifier
{
    /// <summary>Fused may err this much more than detached (numerics contract, "whole models").</summary>
    private const double FusedFactor = 2.0;

    /// <summary>Runs oracle, plan and detached plan.</summary>
    /// <param name="model">Model in the dtype that the backend runs.</param>
    /// <param name="mask">Mask of every layer.</param>
    /// <param name="input">Ids or pixels.</param>
    /// <param name="plan">What is verified.</param>
    /// <param name="detached">The same model, operator by operator.</param>
    /// <param name="type">The dtype.</param>
    /// <param name="onLayer">Called with the number of layers done by the oracle; may be null.</param>
    public static ImmutableArray<LayerVerdict> Verify(
        TransformerModel model,
        MaskPattern mask,
        ModelInput input,
        IModelExecutable plan,
        IModelExecutable detached,
        DType type,
        Action<int>? onLayer = null)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(plan);
        ArgumentNullException.ThrowIfNull(detached);
        ArgumentNullException.ThrowIfNull(input);
        var oracle = new OracleModel(model, mask);
        var reference = oracle.Run(input, onLayer);
        var states = States(plan, input);
        var detachedStates = States(detached, input);
        var verdicts = ImmutableArray.CreateBuilder<LayerVerdict>();
        var limit = LocalLimit(type);
        for (var layer = 0; layer < states.Count; layer++)
        {
            var expected = layer == 0
                ? reference[0]
                : oracle.RunLayerFrom(layer - 1, states[layer - 1], input.Batch, input.Length);
            var local = RelativeError(expected, states[layer], type);
            var total = RelativeError(reference[layer], states[layer], type);
            var baseline = RelativeError(reference[layer], detachedStates[layer], type);

            // Two runs that round differently are never equally wrong; one rounding unit of slack keeps tiny errors comparable.
            var passed = local <= limit && total <= (FusedFactor * baseline) + type.UnitRoundoff();
            verdicts.Add(new LayerVerdict(layer, local, limit, total, baseline, passed));
        }

        return verdicts.ToImmutable();
    }

    /// <summary>
    /// What one layer may add: a few output roundings for the 16-bit types; for F32, where accumulation dominates, twice the
    /// contract's limit for attention alone.
    /// </summary>
    public static double LocalLimit(DType type) => type == DType.F32 ? 2e-6 : 4 * type.UnitRoundoff();

    private static List<double[]> States(IModelExecutable executable, ModelInput input)
    {
        var states = new List<double[]>();
        executable.Run(input, (_, state) => states.Add(state.ToDoubles()));
        return states;
    }

    // A NaN or infinity on one side only makes the error NaN, and NaN passes no comparison.
    private static double RelativeError(double[] expected, double[] actual, DType type)
    {
        var metrics = ErrorMetrics.Compare(expected, actual, type);
        return metrics.NonFinite.Wrong > 0 ? double.NaN : metrics.RelativeFrobenius;
    }
}
