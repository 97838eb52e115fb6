using System.Runtime.InteropServices;
using Stof.Reference.Cuda.Driver;
using Stof.Reference.Cuda.Driver.Api;

namespace Stof.Reference.DeviceChecks.Checks;

/// <summary>The error table has the names that the driver has.</summary>
internal static class ErrorNames
{
    public static DeviceCheck Check { get; } = new("error-names", Run);

    private static CheckOutcome Run(CheckSession session)
    {
        var cases = 0;
        var unknown = new List<string>();
        foreach (var error in CudaErrorTable.All)
        {
            if (LibCuda.Instance.GetErrorName((CudaResult)error.Code, out var name) != CudaResult.Success)
            {
                unknown.Add(error.Name); // newer than this driver
                continue;
            }

            CheckSession.Require(Marshal.PtrToStringUTF8(name) == error.Name, $"{error.Code} is {Marshal.PtrToStringUTF8(name)}, not {error.Name}");
            cases++;
        }

        CheckSession.Require(cases > 80, $"the driver knows only {cases} of the names");
        return new(cases, unknown.Count > 0 ? $"not known to this driver: {string.Join(", ", unknown)}" : "");
    }
}
