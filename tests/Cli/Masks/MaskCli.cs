using System.CommandLine;
using Stof.Reference.Cli.Commands;

namespace Stof.Reference.Cli.Tests.Masks;

/// <summary>Runs the mask verb in this process; bad input comes out as the exception that it is.</summary>
internal static class MaskCli
{
    public static (int Code, string Output) Run(params string[] arguments)
    {
        var (before, errors) = (Console.Out, Console.Error);
        using var output = new StringWriter();
        Console.SetOut(output);
        Console.SetError(TextWriter.Null);
        try
        {
            var code = MaskCommand.Create().Parse(arguments)
                .Invoke(new InvocationConfiguration { EnableDefaultExceptionHandler = false, Output = output, Error = TextWriter.Null });
            return (code, output.ToString());
        }
        finally
        {
            Console.SetOut(before);
            Console.SetError(errors);
        }
    }
}
