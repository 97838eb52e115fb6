namespace Stof.Reference.DeviceChecks;

/// <summary>Something on the device is not as it should be.</summary>
internal sealed class CheckFailedException(string message) : Exception(message);
