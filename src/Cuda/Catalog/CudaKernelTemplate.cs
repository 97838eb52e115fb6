using Stof.Reference.Cuda.Ptx;
using Stof.Reference.Cuda.Simulator;

namespace Stof.Reference.Cuda.Catalog;

/// <summary>A kernel that is built from numbers, with inputs to try it on.</summary>
public sealed record CudaKernelTemplate
{
    /// <summary>Name on the command line.</summary>
    public required string Name { get; init; }

    /// <summary>What it computes.</summary>
    public required string Summary { get; init; }

    /// <summary>Parameters.</summary>
    public required IReadOnlyList<TemplateParameter> Parameters { get; init; }

    /// <summary>Builds the kernel for a target.</summary>
    public required Func<TemplateValues, Target, Kernel> Build { get; init; }

    /// <summary>Makes inputs from a seed, and the check of the outputs.</summary>
    public required Func<TemplateValues, int, KernelTrial> MakeTrial { get; init; }

    /// <summary>Values for all parameters: those given, defaults for the rest.</summary>
    /// <param name="given">Names and numbers.</param>
    /// <exception cref="InvalidInputException">An unknown name, or a value out of range; the message lists what exists.</exception>
    public TemplateValues Values(IReadOnlyDictionary<string, int> given)
    {
        ArgumentNullException.ThrowIfNull(given);
        foreach (var name in given.Keys)
        {
            if (!Parameters.Any(parameter => parameter.Name == name))
            {
                throw new InvalidInputException(
                    $"parameter of {Name}", $"'{name}'", string.Join(", ", Parameters.Select(parameter => $"{parameter.Name} ({parameter.Summary})")));
            }
        }

        var values = new Dictionary<string, int>();
        foreach (var parameter in Parameters)
        {
            var value = given.TryGetValue(parameter.Name, out var chosen) ? chosen : parameter.Default;
            values[parameter.Name] = value >= parameter.Minimum && value <= parameter.Maximum
                ? value
                : throw new InvalidInputException($"{Name}, {parameter.Name}", $"{value}", $"{parameter.Minimum} to {parameter.Maximum}");
        }

        return new TemplateValues(values);
    }

    /// <summary>Builds the kernel and runs a trial on a simulated device.</summary>
    /// <param name="values">Parameters.</param>
    /// <param name="target">Target of kernel and device.</param>
    /// <param name="seed">Seed of the inputs.</param>
    /// <param name="options">Options of the launch.</param>
    /// <returns>The report, and what is wrong with the outputs (null if they are right).</returns>
    public (LaunchReport Report, string? Wrong) Simulate(TemplateValues values, Target target, int seed = 1, LaunchOptions? options = null)
    {
        var kernel = Build(values, target);
        var trial = MakeTrial(values, seed);
        var device = new SimulatedDevice(target);
        var parameters = new ParameterBlock(kernel);
        var addresses = new Dictionary<string, ulong>();
        foreach (var buffer in trial.Buffers)
        {
            var address = device.Allocate(buffer.Bytes, buffer.Parameter);
            device.Write(address, buffer.Contents.Span);
            parameters.Set(buffer.Parameter, address);
            addresses.Add(buffer.Parameter, address);
        }

        trial.SetScalars(parameters);
        var report = device.Launch(kernel, trial.Grid, parameters.Bytes, options);
        var outputs = trial.Buffers.ToDictionary(buffer => buffer.Parameter, buffer => device.Read<byte>(addresses[buffer.Parameter], buffer.Bytes));
        return (report, trial.Check(outputs));
    }
}
