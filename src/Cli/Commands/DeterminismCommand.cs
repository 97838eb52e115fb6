using System.CommandLine;
using System.Text.Json.Nodes;
using Stof.Reference.Cli.Running;
using Stof.Reference.Verification.Determinism;

namespace Stof.Reference.Cli.Commands;

/// <summary><c>determinism</c>: which promises of equal bits a kernel keeps.</summary>
internal static class DeterminismCommand
{
    /// <summary>Creates the verb.</summary>
    public static Command Create()
    {
        var command = new Command(
            "determinism",
            """
            Ask a kernel for the same bits: repeated, one batch item alone, with masked keys appended, with heads in another order; and where the
            command has {offset} or {threads}, with buffers displaced and with other numbers of threads.

            Exit codes: 0 everything that was asked holds, 1 something does not, 2 bad input, 3 the command failed.

            Examples:
              stof determinism --cmd "python my_kernel.py {in} {out}" --mask causal --seq 128 --batch 3 --heads 4
              stof determinism --cmd "./kernel {in} {out} --threads {threads}" --mask "sliding(16)" --seq 128 --heads 2
            """);
        var arguments = new CaseArguments(command, withFiles: false);
        var shape = new ShapeArguments(command);
        var template = new Option<string>("--cmd") { Description = "command with {in} and {out}", Required = true };
        var repeats = new Option<int>("--repeats") { Description = "further runs on the same inputs", DefaultValueFactory = _ => 5 };
        var seed = new Option<ulong>("--seed") { Description = "seed of the inputs", DefaultValueFactory = _ => 1 };
        var json = new Option<bool>("--json") { Description = "print JSON" };
        foreach (var option in new Option[] { template, repeats, seed, json })
        {
            command.Options.Add(option);
        }

        command.SetAction(result =>
        {
            var problem = shape.Problem(result, arguments.Semantics(result));
            var folder = Directory.CreateTempSubdirectory("stof-determinism-");
            try
            {
                var kernel = new KernelCommand(result.GetRequiredValue(template), folder.FullName);
                var findings = DeterminismChecks.Run(problem, kernel.Run, result.GetValue(repeats), result.GetValue(seed), kernel.Has);
                Report(result, findings, result.GetValue(json));
                return findings.Any(finding => finding.Outcome == Promise.Broken) ? ExitCodes.FoundWrong : ExitCodes.Good;
            }
            finally
            {
                folder.Delete(recursive: true);
            }
        });
        return command;
    }

    private static void Report(ParseResult result, IReadOnlyList<DeterminismFinding> findings, bool json)
    {
        if (!json)
        {
            foreach (var (name, outcome, detail) in findings)
            {
                var word = outcome switch { Promise.Holds => "holds", Promise.Broken => "BROKEN", _ => "not asked" };
                Console.WriteLine($"{word,-9} {name}{(detail.Length > 0 ? $": {detail}" : "")}");
            }

            return;
        }

        Output.WriteJson(new JsonObject
        {
            ["schema"] = 1,
            ["reproduce"] = CommandLineText.Of(result),
            ["promises"] = new JsonArray([.. findings.Select(finding => (JsonNode?)new JsonObject
            {
                ["name"] = finding.Name,
                ["outcome"] = finding.Outcome.ToString(),
                ["detail"] = finding.Detail,
            })]),
        });
    }
}
