using Stof.Reference.Cuda.Ptx;

namespace Stof.Reference.Cuda.Templates;

/// <summary>
/// The states of a block's groups become one, in the order of the groups: all but the first leave theirs in shared memory, where the same lane of
/// the first takes them in.
/// </summary>
/// <param name="b">The kernel.</param>
/// <param name="spec">What it is built for.</param>
/// <param name="memory">Where tiles lay.</param>
/// <param name="thread">Number of the thread in the block.</param>
/// <param name="group">Number of its group.</param>
internal sealed class GroupMerge(KernelBuilder b, BlockwiseAttentionSpec spec, SharedPointer memory, B32 thread, B32 group)
{
    private readonly int _threads = spec.GroupWarps * 32;

    /// <summary>Leaves the result in the states of the first group.</summary>
    public void Merge(FragmentState[] states)
    {
        var lane = b.Shl(b.And(thread, _threads - 1), 2);
        b.Barrier(); // tiles are used
        b.If(
            b.CompareU32(Comparison.NotEqual, group, 0),
            () =>
            {
                var place = new SharedPointer(b.Add(memory.Base, b.Mad(b.Sub(group, 1), spec.StateBytes, lane)), memory.Offset);
                foreach (var value in states.SelectMany(state => state.Values))
                {
                    b.StoreShared(place, value);
                    place += _threads * sizeof(float);
                }
            });
        b.Barrier();
        b.If(
            b.CompareU32(Comparison.Equal, group, 0),
            () =>
            {
                var place = new SharedPointer(b.Add(memory.Base, lane), memory.Offset);
                for (var other = 1; other < spec.KeyGroups; other++)
                {
                    foreach (var state in states)
                    {
                        state.Merge(() =>
                        {
                            var value = b.LoadShared<F32>(place);
                            place += _threads * sizeof(float);
                            return value;
                        });
                    }
                }
            });
    }
}
