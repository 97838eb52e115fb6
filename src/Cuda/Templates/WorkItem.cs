using Stof.Reference.Cuda.Ptx;

namespace Stof.Reference.Cuda.Templates;

/// <summary>A block's work: its queries, its range of tiles, and the planes that both lie in.</summary>
internal sealed class WorkItem
{
    private readonly KernelBuilder _b;
    private readonly B32? _group;

    /// <summary>Reads it.</summary>
    /// <param name="b">The kernel.</param>
    /// <param name="p">Its parameters.</param>
    /// <param name="queryTile">BM.</param>
    /// <param name="group">Number of the thread's group, where groups share the range out.</param>
    public WorkItem(KernelBuilder b, BlockwiseParameters p, int queryTile, B32? group = null)
    {
        (_b, _group) = (b, group);
        var address = b.Element(p.Items, b.BlockX(), BlockwiseParameters.ItemBytes);
        var first = b.LoadGlobalVector<B32>(address, 4);
        var second = b.LoadGlobalVector<B32>(address + 16, 4);
        (Batch, Head) = (first[0], first[1]);
        (Entry, End, Part) = (first[3], second[0], second[1]);
        FirstQuery = b.MulLo(first[2], queryTile);
        QueryPlane = p.Q.Plane(b, Batch, Head);
        KeyPlane = p.K.Plane(b, Batch, second[2]);
        ValuePlane = p.V.Plane(b, Batch, second[2]);
        OutputPlane = p.O.Plane(b, Batch, Head);
    }

    /// <summary>Batch item.</summary>
    public B32 Batch { get; }

    /// <summary>Query head.</summary>
    public B32 Head { get; }

    /// <summary>First query of the tile row.</summary>
    public B32 FirstQuery { get; }

    /// <summary>First entry of the range.</summary>
    public B32 Entry { get; }

    /// <summary>The entry behind the range.</summary>
    public B32 End { get; }

    /// <summary>Where the state goes; −1 for none.</summary>
    public B32 Part { get; }

    /// <summary>Q of the head.</summary>
    public B64 QueryPlane { get; }

    /// <summary>K of the KV head.</summary>
    public B64 KeyPlane { get; }

    /// <summary>V of the KV head.</summary>
    public B64 ValuePlane { get; }

    /// <summary>O of the head.</summary>
    public B64 OutputPlane { get; }

    /// <summary>An entry, or the last of the range if it lies beyond.</summary>
    public B32 Clamped(B32 entry) => _b.MinS32(entry, _b.MaxS32(_b.Sub(End, 1), 0));

    /// <summary>Of as many entries as there are groups, from one on, that of this thread's group.</summary>
    public B32 Own(B32 entry) => _group is { } group ? _b.Add(entry, group) : entry;

    /// <summary>The query of a lane's upper (0) or lower (1) row in a strip of sixteen.</summary>
    public B32 Query(B32 strip, B32 lane, int row) => _b.Add(FirstQuery, RowInTile(strip, lane, row));

    /// <summary>The same within the tile row.</summary>
    public B32 RowInTile(B32 strip, B32 lane, int row) => _b.Mad(strip, MmaShape.Rows, _b.Add(_b.ShrU32(lane, 2), 8 * row));
}
