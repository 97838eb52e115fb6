using Stof.Reference.Cuda.Ptx;

namespace Stof.Reference.Cuda.Templates;

/// <summary>A ring of tiles in shared memory: one is read while others are filled.</summary>
internal sealed class StagedTile
{
    private readonly KernelBuilder _b;
    private readonly SharedPointer _first;
    private readonly int _bytes;
    private readonly int _stages;
    private readonly B32 _current;
    private readonly B32 _filling;

    /// <summary>Starts with the first tile on both sides.</summary>
    /// <param name="builder">The kernel.</param>
    /// <param name="first">The ring.</param>
    /// <param name="bytes">Size of one tile.</param>
    /// <param name="stages">Number of tiles.</param>
    public StagedTile(KernelBuilder builder, SharedPointer first, int bytes, int stages)
    {
        (_b, _first, _bytes, _stages) = (builder, first, bytes, stages);
        _current = builder.Copy<B32>(0);
        _filling = builder.Copy<B32>(0);
    }

    /// <summary>The tile to read.</summary>
    public SharedPointer Current => new(_b.Add(_first.Base, _current), _first.Offset);

    /// <summary>The tile to fill.</summary>
    public SharedPointer Filling => new(_b.Add(_first.Base, _filling), _first.Offset);

    /// <summary>Goes on to read the next tile.</summary>
    public void Advance() => Step(_current);

    /// <summary>Goes on to fill the next tile.</summary>
    public void Fill() => Step(_filling);

    private void Step(B32 offset)
    {
        var next = _b.Add(offset, _bytes);
        _b.Assign(offset, _b.Select(_b.CompareU32(Comparison.Equal, next, _bytes * _stages), 0, next));
    }
}
