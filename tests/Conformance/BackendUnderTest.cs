using Stof.Reference.Backends;
using Stof.Reference.Formats;
using Stof.Reference.Fusion;
using Stof.Reference.Tests;

namespace Stof.Reference.Conformance.Tests;

/// <summary>
/// What a backend brings to the suite: itself, and the two numbers in which the contract lets devices differ. One object serves
/// all tests of a class.
/// </summary>
public abstract class BackendUnderTest : IDisposable
{
    /// <summary>The backend; disposed with this object.</summary>
    public abstract IBackend Backend { get; }

    /// <summary>Factor on max(1, |LSE|): 1e-5 on CPUs, 1e-4 with the fast exponential of GPUs.</summary>
    public abstract double LogSumExpLimit { get; }

    /// <summary>
    /// The largest tile whose keys and values are read whole once a single pair of it is allowed, so that a NaN there may show
    /// (matrix units: 0·NaN). Null if what a masked key holds never matters.
    /// </summary>
    public abstract TileShape? TileReadWhole { get; }

    /// <summary>
    /// Share of the element budget that unit normals may use: half of it, but for kernels that round weights to 16 bits before the second
    /// product, whose roundings in a row of few keys can all point one way.
    /// </summary>
    public virtual double BudgetShare => 0.5;

    /// <summary>Categories of templates that the backend has kernels for.</summary>
    public virtual IReadOnlyList<TemplateCategory> Categories { get; } = Enum.GetValues<TemplateCategory>();

    /// <summary>Of many random problems a slow subject takes every so many; whatever is named is always tried.</summary>
    public virtual int Stride => 1;

    /// <inheritdoc/>
    public void Dispose()
    {
        Backend.Dispose();
        GC.SuppressFinalize(this);
    }

    /// <summary>Runs a trial and requires agreement with the oracle.</summary>
    /// <returns>False if the backend refuses the problem.</returns>
    internal bool Require(AttentionTrial trial, string label)
    {
        if (Backend.Supports(trial.Problem) is not null)
        {
            return false;
        }

        var (output, logSumExp) = Backend.Attend(trial.Problem, trial.Q, trial.K, trial.V);
        (trial with { LogSumExpLimit = LogSumExpLimit, BudgetShare = BudgetShare }).Require(output, logSumExp, label);
        return true;
    }

    /// <summary>Skips the test if the backend refused every problem of it: that is no agreement.</summary>
    internal static void RequireSome(int computed) =>
        Assert.SkipWhen(computed == 0, "the backend refuses every problem of this test");
}
