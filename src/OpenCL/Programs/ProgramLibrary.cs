using System.Collections.Concurrent;

namespace Stof.Reference.OpenCL;

/// <summary>What a program is built from: a file and the parameters that specialise it.</summary>
/// <param name="File">Name of a kernel file.</param>
/// <param name="Header">Definitions (<see cref="ParameterHeader"/>).</param>
public readonly record struct ProgramSpec(string File, string Header)
{
    /// <summary>The specification of a file with the parameters of some records.</summary>
    public static ProgramSpec Of(string file, params object[] parameters) => new(file, ParameterHeader.Of(parameters));

    /// <summary>The source as the compiler gets it.</summary>
    public KernelSource Source() => KernelSource.Expand(File, Header);
}

/// <summary>The programs and kernels of a device, each built once, on whichever thread asks first.</summary>
/// <param name="context">The device; not disposed with this object.</param>
/// <param name="cache">Compiled programs on disk; null for none.</param>
public sealed class ProgramLibrary(OpenClContext context, ProgramCache? cache) : IDisposable
{
    private readonly ConcurrentDictionary<ProgramSpec, Lazy<OpenClProgram>> _programs = [];
    private readonly ConcurrentDictionary<(ProgramSpec, string), OpenClKernel> _kernels = [];
    private readonly ConcurrentBag<Task> _ahead = [];

    /// <summary>Programs that were built or loaded so far.</summary>
    public int Count => _programs.Count;

    /// <summary>What the compiler said of the programs that were built so far.</summary>
    public IReadOnlyList<(ProgramSpec Spec, string Log)> Logs =>
        [.. _programs.Where(program => program.Value.IsValueCreated).Select(program => (program.Key, program.Value.Value.Log))];

    /// <summary>A kernel.</summary>
    /// <exception cref="OpenClBuildException">Its program does not compile.</exception>
    public OpenClKernel Kernel(ProgramSpec spec, string name) => _kernels.GetOrAdd((spec, name), key => Program(key.Item1).Kernel(key.Item2));

    /// <summary>A kernel whose arguments are its caller's alone, who disposes it.</summary>
    /// <exception cref="OpenClBuildException">Its program does not compile.</exception>
    public OpenClKernel OwnKernel(ProgramSpec spec, string name) => Program(spec).Kernel(name);

    /// <summary>Starts building programs beside whatever else happens; a failure shows where a kernel of the program is asked for.</summary>
    public Task BuildAhead(IEnumerable<ProgramSpec> specs)
    {
        var all = Task.WhenAll(specs.Distinct().Select(spec => Task.Run(() => _programs.GetOrAdd(spec, Make).Value)));
        _ahead.Add(all);
        return all;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var task in _ahead)
        {
            ((IAsyncResult)task).AsyncWaitHandle.WaitOne(); // whether it failed is told to whoever needs the program
        }

        foreach (var kernel in _kernels.Values)
        {
            kernel.Dispose();
        }

        foreach (var program in _programs.Values.Where(program => program.IsValueCreated))
        {
            program.Value.Dispose();
        }
    }

    private OpenClProgram Program(ProgramSpec spec) => _programs.GetOrAdd(spec, Make).Value;

    private Lazy<OpenClProgram> Make(ProgramSpec spec) => new(() => OpenClProgram.Build(context, spec.Source(), cache));
}
