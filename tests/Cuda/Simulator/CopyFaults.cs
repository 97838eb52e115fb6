using Stof.Reference.Cuda.Ptx;
using Stof.Reference.Cuda.Simulator;

namespace Stof.Reference.Cuda.Tests.Simulator;

/// <summary>Faults of asynchronous copies.</summary>
internal static class CopyFaults
{
    private static readonly float[] Ramp = [.. Enumerable.Range(0, 256).Select(i => (float)i)];

    public static readonly PlantedFault[] All =
    [
        new()
        {
            Name = "copy read before the wait",
            Kind = FindingKind.CopyInFlight,
            Write = f =>
            {
                var (x, y, tile) = Start(f);
                f.K.CopyAsync(f.At(tile, f.K.ThreadX()), f.At(x, f.K.ThreadX()), 4);
                f.K.CommitCopies();
                if (!f.IsFaulty)
                {
                    f.K.WaitCopies(0);
                }

                var value = f.Mark().K.LoadShared<F32>(f.At(tile, f.K.ThreadX()));
                f.K.StoreGlobal(f.At(y, f.K.ThreadX()), value);
            },
        },
        new()
        {
            Name = "copy without a commit",
            Kind = FindingKind.CopyInFlight,
            Write = f =>
            {
                var (x, y, tile) = Start(f);
                f.K.CopyAsync(f.At(tile, f.K.ThreadX()), f.At(x, f.K.ThreadX()), 4);
                if (!f.IsFaulty)
                {
                    f.K.CommitCopies();
                }

                f.K.WaitCopies(0);
                var value = f.Mark().K.LoadShared<F32>(f.At(tile, f.K.ThreadX()));
                f.K.StoreGlobal(f.At(y, f.K.ThreadX()), value);
            },
        },
        new()
        {
            Name = "wait with too many groups pending",
            Kind = FindingKind.CopyInFlight,
            Write = f =>
            {
                var (x, y, tile) = Start(f);
                var thread = f.K.ThreadX();
                f.K.CopyAsync(f.At(tile, thread), f.At(x, thread), 4);
                f.K.CommitCopies();
                f.K.CopyAsync(f.At(tile, thread) + 128, f.At(x, thread) + 128, 4);
                f.K.CommitCopies();
                f.K.WaitCopies(1);
                var first = f.K.LoadShared<F32>(f.At(tile, thread));
                if (!f.IsFaulty)
                {
                    f.K.WaitCopies(0);
                }

                var second = f.Mark().K.LoadShared<F32>(f.At(tile, thread) + 128);
                f.K.StoreGlobal(f.At(y, thread), f.K.Add(first, second));
            },
        },
        new()
        {
            Name = "wait without a barrier for others",
            Kind = FindingKind.Race,
            Write = f =>
            {
                f.Threads = 64;
                var (x, y, tile) = Start(f);
                var thread = f.K.ThreadX();
                f.K.CopyAsync(f.At(tile, thread), f.At(x, thread), 4);
                f.K.WaitAllCopies();
                if (!f.IsFaulty)
                {
                    f.K.Barrier();
                }

                var value = f.Mark().K.LoadShared<F32>(f.At(tile, f.K.Xor(thread, 32)));
                f.K.StoreGlobal(f.At(y, thread), value);
            },
        },
        new()
        {
            Name = "copy into what is still read",
            Kind = FindingKind.Race,
            Write = f =>
            {
                f.Threads = 64;
                var (x, y, tile) = Start(f);
                var thread = f.K.ThreadX();
                f.K.CopyAsync(f.At(tile, thread), f.At(x, thread), 4);
                f.K.WaitAllCopies();
                f.K.Barrier();
                var value = f.K.LoadShared<F32>(f.At(tile, f.K.Xor(thread, 32)));
                f.K.StoreGlobal(f.At(y, thread), value);
                if (!f.IsFaulty)
                {
                    f.K.Barrier();
                }

                f.Mark().K.CopyAsync(f.At(tile, thread), f.At(x, thread), 4);
                f.K.WaitAllCopies();
            },
        },
        new()
        {
            Name = "source changed while it is copied",
            Kind = FindingKind.CopySourceChanged,
            Write = f =>
            {
                var (x, _, tile) = Start(f);
                var thread = f.K.ThreadX();
                f.K.CopyAsync(f.At(tile, thread), f.At(x, thread), 4);
                if (!f.IsFaulty)
                {
                    f.K.WaitAllCopies();
                }

                f.K.StoreGlobal(f.At(x, thread), F32.Constant(-1));
                f.Mark().K.WaitAllCopies();
            },
        },
        new()
        {
            Name = "store into a copy's destination",
            Kind = FindingKind.CopyInFlight,
            Write = f =>
            {
                var (x, _, tile) = Start(f);
                var thread = f.K.ThreadX();
                f.K.CopyAsync(f.At(tile, thread), f.At(x, thread), 4);
                if (!f.IsFaulty)
                {
                    f.K.WaitAllCopies();
                }

                f.Mark().K.StoreShared(f.At(tile, thread), F32.Constant(-1));
                f.K.WaitAllCopies();
            },
        },
        new()
        {
            Name = "misaligned copy",
            Kind = FindingKind.Misaligned,
            Write = f =>
            {
                var (x, _, tile) = Start(f);
                var thread = f.K.And(f.K.ThreadX(), 7);
                using (f.K.When(f.K.CompareU32(Comparison.Less, f.K.ThreadX(), 8)))
                {
                    f.Mark().K.CopyAsync(f.At(tile, thread, 16), f.At(x, thread, 16) + (f.IsFaulty ? 8 : 0), 16);
                    f.K.WaitAllCopies();
                }
            },
        },
        new()
        {
            Name = "tail copied without its source size",
            Kind = FindingKind.OutOfBounds,
            Write = f =>
            {
                var x = f.Buffer("x", Ramp[..30]);
                var tile = f.K.AddressOf(f.K.Shared("tile", 128));
                var thread = f.K.ThreadX();
                using (f.K.When(f.K.CompareU32(Comparison.Less, thread, 8)))
                {
                    var left = f.K.MinU32(16, f.K.Sub(120, f.K.MulLo(thread, 16)));
                    f.Mark().K.CopyAsync(f.At(tile, thread, 16), f.At(x, thread, 16), 16, f.IsFaulty ? null : left);
                    f.K.WaitAllCopies();
                }
            },
        },
    ];

    private static (GlobalPointer X, GlobalPointer Y, SharedPointer Tile) Start(FaultCase f) =>
        (f.Buffer("x", Ramp), f.Output("y", 1024, out _), f.K.AddressOf(f.K.Shared("tile", 1024)));
}
