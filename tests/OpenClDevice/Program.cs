using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using Stof.Reference.Backends;
using Stof.Reference.Cpu.Execution;
using Stof.Reference.Cuda.Driver;
using Stof.Reference.Cuda.Execution;
using Stof.Reference.OpenCL;
using Stof.Reference.OpenCL.Execution;
using Stof.Reference.OpenClDevice;
using Stof.Reference.Tests;

const int Good = 0;
const int FoundWrong = 1;
const int BadUsage = 2;
const int NoDevice = 3;

var (options, mistake) = Options.Parse(args);
if (options is null)
{
    Console.Error.WriteLine($"error: {mistake}\n{Options.Usage}");
    return BadUsage;
}

var probe = OpenClProbe.Look();
OpenClDevice[] devices = options.Device is null ? [.. probe.Devices.Where(device => device.Refusal is null)] : [probe.Select(options.Device)];
if (devices.Length == 0)
{
    Console.Error.WriteLine($"opencl: not available: {probe.Reason}. {OpenClProbe.HowToGet}");
    return NoDevice;
}

var failures = 0;
var json = new JsonObject
{
    ["date"] = DateTime.UtcNow.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture),
    ["devices"] = new JsonArray([.. devices.Select(device => (JsonNode?)JsonValue.Create(
        $"{device.Address}: {device.Name}, {device.Version}, driver {device.DriverVersion}, {device.PlatformName} {device.PlatformVersion}"))]),
};
foreach (var device in devices)
{
    Console.WriteLine($"{device.Address}: {device.Name}, {device.Version}, driver {device.DriverVersion}, matrix units {device.HasMatrixUnits}, sub-groups {device.HasSubGroups}, fp16 {device.HasHalf}");
}

if (options.Parts.Contains("suite"))
{
    json["suite"] = Suite.Run(devices, options.Stride, extensionsOnly: false, options.Kernels, ref failures);
}

if (options.Parts.Contains("extensions"))
{
    json["extensionSuite"] = Suite.Run(devices, options.Stride, extensionsOnly: true, options.Kernels, ref failures);
    json["extensions"] = ExtensionPaths.Run(devices);
}

if (options.Parts.Contains("agreement"))
{
    json["arithmetic"] = CpuBackend.ArithmeticRevision;
    json["agreement"] = Agreement();
}

if (options.Parts.Contains("speed"))
{
    json["speed"] = AttentionSpeed.Run(devices);
}

if (options.Parts.Contains("matrix"))
{
    json["matrix"] = MatrixSpeed.Run(devices, options, ref failures);
}

if (options.Parts.Contains("products"))
{
    json["products"] = ProductSpeed.Run(devices, ref failures);
}

if (options.JsonFile is not null)
{
    File.WriteAllText(options.JsonFile, json.ToJsonString(new JsonSerializerOptions { WriteIndented = true }) + "\n");
}

Console.WriteLine(failures == 0 ? "good" : $"FAILED: {failures}");
return failures == 0 ? Good : FoundWrong;

JsonArray Agreement()
{
    var result = new JsonArray();
    void Add(string name, double limit, Func<IBackend> open)
    {
        using var backend = open();
        var rows = AgreementCases.Judge(backend, limit);
        var bad = rows.Count(row => row.State is not ("Pass" or "Marginal"));
        failures += bad;
        Console.WriteLine(
            $"agreement {name,-40} {rows.Count - bad} of {rows.Count} cases, at most {rows.Max(row => row.BudgetUsed):p0} of the element budget, {rows.Max(row => row.LogSumExpUsed):p0} of the LSE limit");
        result.Add(new JsonObject { ["backend"] = name, ["rows"] = JsonSerializer.SerializeToNode(rows) });
    }

    Add("cpu", 1e-5, () => new CpuBackend());
    foreach (var device in devices)
    {
        foreach (var mapping in Enum.GetValues<Mapping>())
        {
            var name = $"{device.Address} {device.Name} {mapping}";
            Add(device.HasMatrixUnits && mapping == Mapping.Groups ? $"{name} mma" : name, 1e-4, () => new OpenClBackend(device, new OpenClOptions { Mapping = mapping }));
            if (device.HasMatrixUnits && mapping == Mapping.Groups)
            {
                Add(name, 1e-4, () => new OpenClBackend(device, new OpenClOptions { Mapping = mapping, MatrixUnits = MatrixUnits.None }));
            }
        }
    }

    var cuda = CudaDriver.Probe();
    if (cuda.IsAvailable)
    {
        Add("cuda", 1e-4, () => new CudaBackend(new DriverKernelDevice(cuda.Devices[0])));
    }
    else
    {
        Console.WriteLine($"agreement cuda: NOT RUN: {cuda.Reason}");
    }

    return result;
}
