using System.Diagnostics;
using Stof.Reference.Interchange;
using Stof.Reference.Numerics;
using Stof.Reference.Operators;
using Stof.Reference.Tensors;
using Stof.Reference.Verification.Diagnosis;

namespace Stof.Reference.Cli.Running;

/// <summary>
/// A kernel behind a command line such as <c>python my_kernel.py {in} {out}</c>: it reads q, k, v and the boolean mask from one file
/// and writes out to another. Files are <c>.npz</c>, or <c>.safetensors</c> for BF16, which npy does not have.
/// </summary>
internal sealed class KernelCommand
{
    private readonly string _template;
    private readonly string _folder;
    private int _runs;

    /// <summary>A template with {in} and {out}.</summary>
    /// <param name="template">The command line, for the shell.</param>
    /// <param name="folder">Where files go.</param>
    /// <exception cref="InvalidInputException">A placeholder is missing.</exception>
    public KernelCommand(string template, string folder)
    {
        foreach (var placeholder in (string[])["{in}", "{out}"])
        {
            if (!template.Contains(placeholder, StringComparison.Ordinal))
            {
                throw new InvalidInputException("--cmd", $"'{template}' without {placeholder}", "a command with {in} and {out}, such as \"python my_kernel.py {in} {out}\"");
            }
        }

        (_template, _folder) = (template, folder);
    }

    /// <summary>File extension for a dtype.</summary>
    public static string Extension(DType type) => type == DType.BF16 ? ".safetensors" : ".npz";

    /// <summary>Writes inputs as a kernel reads them.</summary>
    public static void WriteInputs(string path, AttentionProblem problem, HostTensor q, HostTensor k, HostTensor v) =>
        Write(path, [KeyValuePair.Create("q", q), KeyValuePair.Create("k", k), KeyValuePair.Create("v", v), KeyValuePair.Create("mask", MaskPlanes.Of(problem.BindMask()).ToTensor())]);

    /// <summary>Reads <c>out</c>, in the problem's dtype where it was stored wider.</summary>
    /// <exception cref="InvalidInputException">There is no such file or array, or it is of another shape.</exception>
    public static HostTensor ReadOutput(string path, AttentionProblem problem)
    {
        var output = TensorArgument.Read(path, "out");
        var shape = problem.Layout.Shape(problem.Batch, problem.QueryHeads, problem.QueryLength, problem.ValueSize);
        return output.HasShape(shape) && output.Type.IsFloat()
            ? output
            : throw new InvalidInputException($"{path}, out", output.ToString(), $"{problem.Type}{HostTensor.Describe(shape)}");
    }

    /// <summary>Runs the kernel once.</summary>
    /// <param name="problem">The problem.</param>
    /// <param name="q">Queries.</param>
    /// <param name="k">Keys.</param>
    /// <param name="v">Values.</param>
    /// <param name="placeholders">Further placeholders and their values.</param>
    /// <exception cref="IOException">The command failed.</exception>
    /// <exception cref="InvalidInputException">It wrote no output, or another one.</exception>
    public HostTensor Run(
        AttentionProblem problem, HostTensor q, HostTensor k, HostTensor v, params ReadOnlySpan<(string Name, string Value)> placeholders)
    {
        var number = _runs++;
        var extension = Extension(problem.Type);
        var (input, output) = (Path.Combine(_folder, $"in_{number:d4}{extension}"), Path.Combine(_folder, $"out_{number:d4}{extension}"));
        WriteInputs(input, problem, q, k, v);
        try
        {
            var line = _template.Replace("{in}", Quote(input), StringComparison.Ordinal).Replace("{out}", Quote(output), StringComparison.Ordinal);
            foreach (var (name, value) in placeholders)
            {
                line = line.Replace(name, value, StringComparison.Ordinal);
            }

            Execute(line);
            return ReadOutput(output, problem);
        }
        finally
        {
            File.Delete(input);
            File.Delete(output);
        }
    }

    /// <summary>Whether the template has a placeholder.</summary>
    public bool Has(string placeholder) => _template.Contains(placeholder, StringComparison.Ordinal);

    private static void Execute(string line)
    {
        var start = OperatingSystem.IsWindows() ? new ProcessStartInfo("cmd.exe", $"/d /s /c \"{line}\"") : new ProcessStartInfo("/bin/sh");
        if (!OperatingSystem.IsWindows())
        {
            start.ArgumentList.Add("-c");
            start.ArgumentList.Add(line);
        }

        (start.RedirectStandardError, start.RedirectStandardOutput) = (true, true);
        using var process = Process.Start(start) ?? throw new IOException($"--cmd: '{line}' did not start");
        var output = process.StandardOutput.ReadToEndAsync();
        var error = process.StandardError.ReadToEnd();
        process.WaitForExit();
        if (process.ExitCode != 0)
        {
            var last = (error + output.Result).Split('\n', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries).LastOrDefault("no message");
            throw new IOException($"--cmd: '{line}' ended with exit code {process.ExitCode}: {last}");
        }
    }

    private static string Quote(string path) =>
        OperatingSystem.IsWindows() ? $"\"{path}\"" : "'" + path.Replace("'", "'\\''", StringComparison.Ordinal) + "'";

    private static void Write(string path, KeyValuePair<string, HostTensor>[] tensors)
    {
        if (path.EndsWith(".npz", StringComparison.Ordinal))
        {
            NpzArchive.Write(path, tensors, compress: true);
        }
        else
        {
            SafetensorsFile.Write(path, tensors);
        }
    }
}
