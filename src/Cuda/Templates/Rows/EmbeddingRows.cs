using Stof.Reference.Cuda.Ptx;
using Stof.Reference.Numerics;

namespace Stof.Reference.Cuda.Templates;

/// <summary>What a gather is built for.</summary>
/// <param name="Type">Type of tables and rows.</param>
/// <param name="Columns">Columns of a row.</param>
/// <param name="Tables">Tables whose rows are summed, 1 to 3.</param>
public sealed record EmbeddingSpec(DType Type, int Columns, int Tables)
{
    /// <summary>Name of the kernel.</summary>
    public string KernelName => $"embedding_{Type}_n{Columns}_t{Tables}".ToLowerInvariant();
}

/// <summary>y[r] = Σ table_t[index_t[r]], floats, one rounding; a block a row. The padding of tables is summed too, so that it must hold numbers.</summary>
internal static class EmbeddingRows
{
    private const int MostTables = 3; // words, positions, types

    /// <summary>Writes the kernel. Parameters: for each table t its rows table{t} and int32 index{t} [rows]; y.</summary>
    /// <exception cref="InvalidInputException">The number of tables is out of range.</exception>
    public static Kernel Build(EmbeddingSpec spec, Target target)
    {
        ArgumentNullException.ThrowIfNull(spec);
        if (spec.Tables is < 1 or > MostTables)
        {
            throw new InvalidInputException("tables", $"{spec.Tables}", $"1 to {MostTables}");
        }

        var b = new KernelBuilder(spec.KernelName, target);
        b.AwaitPrevious();
        b.LetNextStart();
        var pitch = RowPitch.Of(spec.Type, spec.Columns);
        var warps = RowChainSpec.WarpsFor(spec.Type, spec.Columns, 1);
        var access = RowAccess.Of(spec.Type, pitch, 32 * warps);
        var chunks = access.Chart(b, b.ThreadX());
        var row = b.BlockX();
        F32[]? total = null;
        for (var table = 0; table < spec.Tables; table++)
        {
            var address = b.Parameter<B64>($"table{table}");
            var index = b.LoadGlobal<B32>(b.Element(b.Parameter<B64>($"index{table}"), row, sizeof(int)));
            var values = access.Load(b, new GlobalPointer(b.MadWideU32(index, pitch * spec.Type.Size(), address)), chunks);
            total = total is null ? values : [.. total.Zip(values, (x, y) => b.Add(x, y))];
        }

        access.Store(b, new GlobalPointer(b.MadWideU32(row, pitch * spec.Type.Size(), b.Parameter<B64>("y"))), chunks, total!);
        return b.Build(32 * warps);
    }
}
