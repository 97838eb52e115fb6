using Stof.Reference.Cuda.Ptx;
using Stof.Reference.Cuda.Simulator;

namespace Stof.Reference.Cuda.Tests.Simulator;

/// <summary>Faults of which lanes take part.</summary>
internal static class LaneFaults
{
    public static readonly PlantedFault[] All =
    [
        new()
        {
            Name = "shuffle from an inactive lane",
            Kind = FindingKind.InactiveSource,
            Write = f =>
            {
                var y = f.Output("y", 128, out _);
                var thread = f.K.ThreadX();
                f.K.If(f.K.CompareU32(Comparison.Less, thread, 16), () =>
                {
                    var value = f.Mark().K.ShuffleXor(thread, f.IsFaulty ? 16 : 8, mask: 0xffff);
                    f.K.StoreGlobal(f.At(y, thread), value);
                });
            },
        },
        new()
        {
            Name = "shuffle from a lane that has ended",
            Kind = FindingKind.InactiveSource,
            Write = f =>
            {
                var y = f.Output("y", 128, out _);
                var thread = f.K.ThreadX();
                using (f.K.When(f.K.CompareU32(Comparison.GreaterOrEqual, thread, f.IsFaulty ? 20 : 32)))
                {
                    f.K.Return();
                }

                var value = f.Mark().K.ShuffleDown(thread, 1);
                f.K.StoreGlobal(f.At(y, thread), value);
            },
        },
        new()
        {
            Name = "shuffle that half of the warp does not come to",
            Kind = FindingKind.LanesMissing,
            Write = f =>
            {
                var thread = f.K.ThreadX();
                f.K.If(f.K.CompareU32(Comparison.Less, thread, f.IsFaulty ? 16 : 32), () =>
                {
                    f.Mark().K.ShuffleXor(thread, 1);
                });
                f.K.WarpSync();
            },
        },
        new()
        {
            Name = "lane outside its own mask",
            Kind = FindingKind.LanesMissing,
            Write = f =>
            {
                var thread = f.K.ThreadX();
                f.Mark().K.ReduceAddU32(thread, f.IsFaulty ? 0x7fffffffu : uint.MaxValue);
            },
        },
        new()
        {
            Name = "wrong lane of a shuffle",
            Write = f =>
            {
                var y = f.Output("y", 128, out var address);
                var thread = f.K.ThreadX();
                var value = f.K.Shuffle(f.K.ConvertU32ToF32(thread), f.IsFaulty ? 1 : 0, width: 8);
                f.K.StoreGlobal(f.At(y, thread), value);
                f.Expect(address, 32, i => i & ~7);
            },
        },
        new()
        {
            Name = "tree reduction that skips a step",
            Write = f =>
            {
                var y = f.Output("y", 128, out var address);
                var sum = f.K.Copy(f.K.ConvertU32ToF32(f.K.ThreadX()));
                for (var distance = 16; distance >= (f.IsFaulty ? 2 : 1); distance /= 2)
                {
                    f.K.Assign(sum, f.K.Add(sum, f.K.ShuffleXor(sum, distance)));
                }

                f.K.StoreGlobal(f.At(y, f.K.ThreadX()), sum);
                f.Expect(address, 32, _ => 31 * 32 / 2);
            },
        },
    ];
}
