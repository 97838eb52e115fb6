using Stof.Reference.Cuda.Execution;
using Stof.Reference.Cuda.Templates;
using Stof.Reference.Graphs;
using Stof.Reference.Numerics;
using Stof.Reference.Tensors;
using Stof.Reference.Tests;

namespace Stof.Reference.DeviceChecks.Checks;

/// <summary>Chains of two products of random shapes, with and without norms, against double precision; none of them spills.</summary>
internal static class GemmChainConformance
{
    private const int Seed = 2032;
    private const int Trials = 24;
    private const int LargestRows = 300;

    private static readonly ActivationKind[] Activations = [ActivationKind.GeluErf, ActivationKind.GeluTanh, ActivationKind.Relu];

    public static DeviceCheck Check { get; } = new("gemm-chain", Run);

    private static CheckOutcome Run(CheckSession session)
    {
        using var device = new DriverKernelDevice(session.Device);
        var random = new Random(Seed);
        var (refused, spilled) = (0, new List<string>());
        var trials = session.Small ? Trials / 4 : Trials;
        for (var i = 0; i < trials;)
        {
            var type = i % 4 == 3 ? DType.BF16 : DType.F16;
            var (rows, depth, middle, columns) = (random.Next(1, LargestRows), random.Next(1, 257), random.Next(1, session.Small ? 200 : 600), random.Next(1, 257));
            var (prologue, norm) = random.Next(3) switch { 0 => (Kind(random), null), 1 => (null, Kind(random)), _ => ((NormKind?)null, (NormKind?)null) };
            var (hasBias, hasResidual) = (random.Next(2) == 0, random.Next(2) == 0);
            var spec = new GemmChainSpec(type, depth, middle, columns, i % 2 == 0 ? 4 : 8)
            {
                Activation = Activations[random.Next(Activations.Length)],
                HasFirstBias = hasBias,
                HasBias = hasBias,
                HasResidual = hasResidual,
                Prologue = prologue,
                PrologueHasBeta = prologue == NormKind.Layer,
                PrologueEpsilon = prologue is null ? 0 : GemmChainTrial.Epsilon,
                Norm = norm,
                NormHasBeta = norm == NormKind.Layer,
                NormEpsilon = norm is null ? 0 : GemmChainTrial.Epsilon,
                KeepsSum = norm is not null && random.Next(2) == 0,
            };
            if (spec.Check(device.Target) is not null)
            {
                refused++; // two chunks of both weights do not fit beside the rows
                continue;
            }

            i++;
            var trial = new GemmChainTrial(random, type, rows, depth, middle, columns, spec.Activation, hasBias, hasResidual, prologue, norm);
            var operands = new GemmChainOperands(trial.X, trial.FirstWeight, trial.SecondWeight)
            {
                FirstBias = trial.FirstBias,
                Bias = trial.Bias,
                Residual = trial.Residual,
                Gamma = trial.Gamma,
                Beta = trial.Beta,
            };
            var sum = spec.KeepsSum ? HostTensor.Uninitialized(type, rows, columns) : null;
            try
            {
                trial.Require(GemmChainRun.Multiply(device, spec, operands, sum), sum, $"seed {Seed}, {rows} rows, {spec}");
            }
            catch (RegisterSpillException exception)
            {
                spilled.Add(exception.Message);
            }
        }

        CheckSession.Require(spilled.Count == 0, string.Join('\n', spilled));

        return new CheckOutcome(trials, refused == 0 ? "" : $"{refused} larger ones do not fit");
    }

    private static NormKind? Kind(Random random) => random.Next(2) == 0 ? NormKind.Layer : NormKind.RootMeanSquare;
}
