using System.Diagnostics;
using System.Text.Json;
using Stof.Reference.Tests;

namespace Stof.Reference.Cli.Tests;

/// <summary>Runs the built tool as a process, as a user does.</summary>
internal sealed record StofProcess(int ExitCode, string Output, string Error)
{
    /// <summary>Runs <c>stof</c> in the repository's root and waits.</summary>
    public static StofProcess Run(params string[] arguments) => Run([], arguments);

    /// <summary>As above, with environment variables.</summary>
    public static StofProcess Run((string Name, string Value)[] environment, params string[] arguments)
    {
        var start = new ProcessStartInfo(Environment.ProcessPath is { } host && Path.GetFileNameWithoutExtension(host) == "dotnet" ? host : "dotnet")
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = TestData.RepositoryRoot,
        };
        start.ArgumentList.Add(Path.Combine(AppContext.BaseDirectory, "stof.dll"));
        Array.ForEach(arguments, start.ArgumentList.Add);
        foreach (var (name, value) in environment)
        {
            start.Environment[name] = value;
        }

        using var process = Process.Start(start)!;
        var error = process.StandardError.ReadToEndAsync();
        var output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return new StofProcess(process.ExitCode, output, error.Result);
    }

    /// <summary>Standard output as JSON, after checking that the run was good.</summary>
    public JsonElement Json()
    {
        Assert.True(ExitCode == 0, $"exit code {ExitCode}\n{Output}\n{Error}");
        return JsonDocument.Parse(Output).RootElement;
    }
}
