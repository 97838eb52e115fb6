using System.CommandLine;
using Stof.Reference.Cli.Running;
using Stof.Reference.Verification.Reports;

namespace Stof.Reference.Cli.Commands;

/// <summary><c>verify</c>: is a kernel's output right, and where is it not.</summary>
internal static class VerifyCommand
{
    /// <summary>Creates the verb.</summary>
    public static Command Create()
    {
        var command = new Command(
            "verify",
            """
            Compare any attention kernel's output with the double-precision oracle.

            Exit codes: 0 nothing wrong and at least one case shown right, 1 wrong or nothing shown, 2 bad input.

            Examples:
              stof verify case.npz
              stof verify inputs.safetensors --out out.npy --mask "causal & sliding(64)" --html report.html
              stof verify *.npz --problem problem.json --junit results.xml
            """);
        var arguments = new CaseArguments(command, withFiles: true);
        var rules = new VerificationArguments(command);
        var outputs = new ReportArguments(command);
        command.SetAction(result =>
        {
            var options = rules.Read(result, arguments.Tile(result));
            var reports = arguments.Cases(result).Select(item => Verifier.Run(item, options)).ToArray();
            outputs.Write(result, reports);
            return ReportArguments.Exit(reports);
        });
        return command;
    }
}
