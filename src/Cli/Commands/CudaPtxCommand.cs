using System.CommandLine;
using System.Text.Json.Nodes;
using Stof.Reference.Cli.Running;

namespace Stof.Reference.Cli.Commands;

/// <summary><c>cuda ptx</c>: a kernel as the driver gets it.</summary>
internal static class CudaPtxCommand
{
    /// <summary>Creates the verb.</summary>
    public static Command Create()
    {
        var arguments = new CudaKernelArguments();
        var json = new Option<bool>("--json") { Description = "print JSON" };
        var command = new Command("ptx", "Print a kernel as PTX.");
        arguments.AddTo(command);
        command.Add(json);
        command.SetAction(result =>
        {
            var (template, values, target) = arguments.Read(result);
            var kernel = template.Build(values, target);
            if (result.GetValue(json))
            {
                Output.WriteJson(new JsonObject
                {
                    ["kernel"] = kernel.Name,
                    ["target"] = kernel.Target.Name,
                    ["threads"] = kernel.Threads,
                    ["sharedBytes"] = kernel.SharedBytes,
                    ["instructions"] = kernel.Instructions.Length,
                    ["parameters"] = new JsonArray([.. kernel.Parameters.Select(parameter => (JsonNode)new JsonObject
                    {
                        ["name"] = parameter.Name,
                        ["type"] = parameter.Type.ToString(),
                        ["offset"] = parameter.Offset,
                    })]),
                    ["ptx"] = kernel.ToPtx(),
                });
                return ExitCodes.Good;
            }

            Console.Out.Write(kernel.ToPtx());
            return ExitCodes.Good;
        });
        return command;
    }
}
