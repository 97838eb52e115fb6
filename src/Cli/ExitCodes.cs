namespace Stof.Reference.Cli;

/// <summary>What the process returns; scripts rely on it.</summary>
internal static class ExitCodes
{
    /// <summary>Everything ran, and what was checked is right.</summary>
    public const int Good = 0;

    /// <summary>A check found something wrong.</summary>
    public const int FoundWrong = 1;

    /// <summary>Usage or input is wrong.</summary>
    public const int BadInput = 2;

    /// <summary>A device or the environment does not allow it.</summary>
    public const int Environment = 3;
}
