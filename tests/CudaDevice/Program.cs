using Stof.Reference.Cuda.Driver;
using Stof.Reference.DeviceChecks;
using Stof.Reference.DeviceChecks.Checks;

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

if (options.List)
{
    foreach (var check in Catalogue.All)
    {
        Console.WriteLine(check.Name);
    }

    return Good;
}

var probe = CudaDriver.Probe();
if (!probe.IsAvailable)
{
    Console.Error.WriteLine($"cuda: not available: {probe.Reason}");
    return NoDevice;
}

if (options.Device >= probe.Devices.Count || probe.Devices[options.Device].Refusal is { Length: > 0 })
{
    var reason = options.Device < probe.Devices.Count ? probe.Devices[options.Device].Refusal : $"there are {probe.Devices.Count} devices";
    Console.Error.WriteLine($"cuda: device {options.Device} is not available: {reason}");
    return NoDevice;
}

var device = probe.Devices[options.Device];
if (options.LoseContext)
{
    return LostContext.Provoke(device);
}

var title = $"{device}, compute {device.Capability}, driver CUDA {probe.Version}{(options.Small ? ", small cases" : "")}";
var results = Runner.Run(probe, device, options);
Report.Write(Console.Out, title, results);
if (options.JsonFile is { } file)
{
    File.WriteAllText(file, Report.Json(device, probe, options, results));
}

return results.Any(result => result.Verdict == CheckResult.Fail) ? FoundWrong : Good;
