using Stof.Reference.Operators;
using Stof.Reference.Tensors;

namespace Stof.Reference.Backends;

/// <summary>
/// One attention made ready: its mask in the device's form, kernels compiled, memory reserved. It runs again and again on tensors of the same
/// shapes, allocating nothing. Not thread-safe.
/// </summary>
public interface IPreparedAttention : IDisposable
{
    /// <summary>What it computes.</summary>
    AttentionProblem Problem { get; }

    /// <summary>Kernel and tile, for people and tables.</summary>
    string Kernel { get; }

    /// <summary>Hands over the inputs of the runs that follow.</summary>
    /// <param name="q">Q in the problem's layout and dtype; unchanged until the last of these runs.</param>
    /// <param name="k">K.</param>
    /// <param name="v">V.</param>
    /// <exception cref="InvalidInputException">A tensor does not fit the problem.</exception>
    void SetInputs(HostTensor q, HostTensor k, HostTensor v);

    /// <summary>Starts one run. A GPU may still be at work when it returns.</summary>
    void Run();

    /// <summary>Waits for the last run and gives its results.</summary>
    /// <param name="output">Receives O in the problem's layout and dtype.</param>
    /// <param name="logSumExp">Receives LSE [B, Hq, Sq] in F32; null exactly where the problem does not ask for it.</param>
    /// <exception cref="InvalidInputException">A tensor does not fit the problem.</exception>
    void GetOutputs(HostTensor output, HostTensor? logSumExp);

    /// <summary>Runs and times: the device's own clock where it has one, without what a call costs the host.</summary>
    /// <param name="samples">Number of times wanted, 1 or more.</param>
    /// <returns>Seconds of a run, <paramref name="samples"/> times in the order taken.</returns>
    IReadOnlyList<double> Measure(int samples);
}
