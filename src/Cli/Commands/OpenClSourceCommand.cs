using System.CommandLine;
using System.Text.Json.Nodes;
using Stof.Reference.Cli.Running;
using Stof.Reference.OpenCL;
using Stof.Reference.OpenCL.Execution;

namespace Stof.Reference.Cli.Commands;

/// <summary><c>opencl source</c>: a kernel file with its parameters and includes written out, compiled if asked.</summary>
internal static class OpenClSourceCommand
{
    /// <summary>Creates the verb.</summary>
    public static Command Create()
    {
        var template = new Argument<string>("template") { Description = $"kernel: {string.Join(", ", KernelCatalog.All.Select(item => item.Name))}" };
        var parameters = new Argument<string[]>("parameters")
        {
            Description = "name=value for parameters that shall not have their defaults: "
                + string.Join("; ", KernelCatalog.All.Select(item => $"{item.Name}: {string.Join(", ", item.Parameters.Select(pair => $"{pair.Key}={pair.Value}"))}")),
            Arity = ArgumentArity.ZeroOrMore,
        };
        var build = new Option<string?>("--build") { Description = "compile it for this device, such as opencl or opencl:0:0, and print what the compiler says" };
        var json = new Option<bool>("--json") { Description = "print JSON" };
        var command = new Command(
            "source",
            """
            Print a kernel as the device's compiler gets it.

            Examples:
              stof opencl source attention-blockwise-groups type=f16 tile-q=32 tile-k=32
              stof opencl source product-lanes type=bf16 --build opencl
            """) { template, parameters, build, json };
        command.SetAction(result =>
        {
            var source = KernelCatalog.Named(result.GetRequiredValue(template)).Specialise(Values(result.GetValue(parameters) ?? []));
            var (isGood, log) = result.GetValue(build) is { } device ? Build(source, device) : (true, null);
            if (result.GetValue(json))
            {
                Output.WriteJson(new JsonObject
                {
                    ["file"] = source.File,
                    ["lines"] = new JsonArray([.. source.Lines.Select(line => (JsonNode?)JsonValue.Create($"{line.File}:{line.Line}"))]),
                    ["source"] = source.Text,
                    ["built"] = log is null ? null : isGood,
                    ["log"] = log,
                });
            }
            else
            {
                Console.Out.Write(source.Text);
                if (log is not null)
                {
                    Console.Error.WriteLine(log);
                }
            }

            return isGood ? ExitCodes.Good : ExitCodes.FoundWrong;
        });
        return command;
    }

    private static (bool IsGood, string Log) Build(KernelSource source, string text)
    {
        var probe = OpenClProbe.Look();
        if (probe.Devices.Count == 0)
        {
            throw new DeviceUnavailableException($"opencl is not available: {probe.Reason}. {OpenClProbe.HowToGet}");
        }

        using var context = new OpenClContext(probe.Select(text));
        try
        {
            using var program = OpenClProgram.Build(context, source, null);
            return (true, $"{source.File}: built for {context.Device.Name}");
        }
        catch (OpenClBuildException exception)
        {
            return (false, exception.Message);
        }
    }

    private static Dictionary<string, string> Values(string[] texts)
    {
        var values = new Dictionary<string, string>();
        foreach (var text in texts)
        {
            var parts = text.Split('=');
            if (parts.Length != 2)
            {
                throw new InvalidInputException("parameter", $"'{text}'", "name=value");
            }

            if (!values.TryAdd(parts[0], parts[1]))
            {
                throw new InvalidInputException("parameter", $"{parts[0]} twice", "one value");
            }
        }

        return values;
    }
}
