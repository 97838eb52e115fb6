using System.CommandLine;
using System.Text.Json.Nodes;
using Spectre.Console;
using Stof.Reference.Cli.Running;
using Stof.Reference.Cpu.Execution;

namespace Stof.Reference.Cli.Commands;

/// <summary><c>devices</c>: what plans can run on here.</summary>
internal static class DevicesCommand
{
    /// <summary>Creates the verb.</summary>
    public static Command Create()
    {
        var json = new Option<bool>("--json") { Description = "print JSON" };
        var command = new Command("devices", "List the devices that plans can run on.") { json };
        command.SetAction(result =>
        {
            var device = CpuDevice.Describe(System.Environment.ProcessorCount);
            if (result.GetValue(json))
            {
                Output.WriteJson(new JsonObject
                {
                    ["devices"] = new JsonArray(new JsonObject
                    {
                        ["backend"] = device.Backend,
                        ["name"] = device.Name,
                        ["workers"] = device.Workers,
                        ["vectorBits"] = device.VectorBits,
                        ["fastMemoryBytes"] = device.FastMemoryBytes,
                        ["fingerprint"] = device.Fingerprint,
                    }),
                });
                return ExitCodes.Good;
            }

            var table = new Table().Border(TableBorder.Simple).AddColumns("backend", "device", "threads", "vectors", "L2 a core", "dtypes");
            table.AddRow(
                device.Backend,
                Markup.Escape(device.Name),
                $"{device.Workers}",
                $"{device.VectorBits} bits",
                $"{device.FastMemoryBytes / 1024} KiB",
                "f32 f16 bf16");
            Output.Tables().Write(table);
            return ExitCodes.Good;
        });
        return command;
    }
}
