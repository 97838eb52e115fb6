namespace Stof.Reference.Cuda.Tests.Driver;

/// <summary>A kernel launch as the driver saw it.</summary>
internal sealed record FakeLaunch(
    (uint X, uint Y, uint Z) Grid,
    (uint X, uint Y, uint Z) Block,
    uint SharedBytes,
    byte[] Parameters,
    (uint X, uint Y, uint Z)? Cluster,
    bool OverlapsPrevious);
