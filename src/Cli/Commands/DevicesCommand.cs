using System.CommandLine;
using System.Text.Json.Nodes;
using Spectre.Console;
using Stof.Reference.Cli.Running;
using Stof.Reference.Cpu.Execution;
using Stof.Reference.Cuda.Driver;
using Stof.Reference.OpenCL;

namespace Stof.Reference.Cli.Commands;

/// <summary><c>devices</c>: what plans can run on here.</summary>
internal static class DevicesCommand
{
    /// <summary>Creates the verb.</summary>
    public static Command Create()
    {
        var json = new Option<bool>("--json") { Description = "print JSON" };
        var command = new Command("devices", "List the devices that plans can run on, and why others cannot be used.") { json };
        command.SetAction(result =>
        {
            var rows = DeviceRow.List(CpuDevice.Describe(System.Environment.ProcessorCount), CudaDriver.Probe(), OpenClProbe.Look());
            if (result.GetValue(json))
            {
                Output.WriteJson(new JsonObject { ["devices"] = new JsonArray([.. rows.Select(row => (JsonNode)row.Json)]) });
                return ExitCodes.Good;
            }

            var table = new Table().Border(TableBorder.Simple).AddColumns("backend", "device", "workers", "vectors", "fast memory", "notes");
            foreach (var row in rows)
            {
                table.AddRow([.. row.Cells.Select(Markup.Escape)]);
            }

            Output.Tables().Write(table);
            return ExitCodes.Good;
        });
        return command;
    }
}
