namespace Stof.Reference.Cuda.Simulator;

/// <summary>Findings of one worker; the same at the same instructions is one finding with a count.</summary>
internal sealed class FindingList(LaunchContext launch)
{
    private readonly Dictionary<(FindingKind Kind, int Instruction, int Other), Entry> _entries = [];

    /// <summary>True if there is none.</summary>
    public bool IsEmpty => _entries.Count == 0;

    /// <summary>Adds a finding; the message is made only for the first of its kind.</summary>
    /// <returns>True if it is the first.</returns>
    public void Add(FindingKind kind, ThreadBlock block, int warp, int lane, int instruction, Func<string> message, ulong address = 0, Other? other = null)
    {
        var key = (kind, instruction, other?.Instruction ?? -1);
        if (_entries.TryGetValue(key, out var entry))
        {
            entry.Count++;
            return;
        }

        _entries.Add(key, new Entry
        {
            LinearBlock = block.Linear,
            Count = 1,
            Finding = new Finding(
                kind,
                launch.Kernel.Name,
                PartyOf(block.Linear, warp, lane, instruction),
                message(),
                address,
                other is { } party ? PartyOf(party.LinearBlock, party.Warp, party.Lane, party.Instruction) : null,
                1),
        });
    }

    /// <summary>Findings of several workers as one list: by block, then by instruction.</summary>
    public static IReadOnlyList<Finding> Merge(IEnumerable<FindingList> lists) =>
    [
        .. lists.SelectMany(list => list._entries)
            .GroupBy(pair => pair.Key, pair => pair.Value)
            .Select(group => (First: group.MinBy(entry => entry.LinearBlock)!, Count: group.Sum(entry => entry.Count), group.Key))
            .OrderBy(merged => merged.First.LinearBlock)
            .ThenBy(merged => merged.Key.Instruction)
            .ThenBy(merged => merged.Key.Kind)
            .ThenBy(merged => merged.Key.Other)
            .Select(merged => merged.First.Finding with { Count = merged.Count }),
    ];

    private Party PartyOf(int linearBlock, int warp, int lane, int index)
    {
        var instruction = index >= 0 ? launch.Kernel.Instructions[index] : null;
        return new Party(launch.BlockAt(linearBlock), warp, lane, index, instruction?.ToString() ?? "", instruction?.Source ?? default);
    }

    /// <summary>The other party of a race, before it is put in words.</summary>
    internal readonly record struct Other(int LinearBlock, int Warp, int Lane, int Instruction);

    private sealed class Entry
    {
        public required int LinearBlock { get; init; }

        public required Finding Finding { get; init; }

        public long Count { get; set; }
    }
}
