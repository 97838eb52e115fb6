using Stof.Reference.Cuda.Ptx;
using Stof.Reference.Numerics;

namespace Stof.Reference.Cuda.Templates;

/// <summary>What a RoPE kernel is built for.</summary>
/// <param name="Type">F32, F16 or BF16.</param>
/// <param name="QueryHeads">Hq.</param>
/// <param name="KvHeads">Hkv.</param>
/// <param name="HeadSize">D, even.</param>
/// <param name="Length">Rows of a batch item: a row's position is its number modulo this.</param>
public sealed record RotarySpec(DType Type, int QueryHeads, int KvHeads, int HeadSize, int Length)
{
    /// <summary>Columns of a row: queries, keys, values.</summary>
    public int Columns => (QueryHeads + (2 * KvHeads)) * HeadSize;

    /// <summary>Name of the kernel.</summary>
    public string KernelName => $"rotary_{Type}_h{QueryHeads}_{KvHeads}_d{HeadSize}_l{Length}".ToLowerInvariant();
}

/// <summary>
/// Rotates queries and keys by their position in pairs (i, i + D/2): (a, b) becomes (a·cos − b·sin, b·cos + a·sin); values pass. A block a row.
/// Source: Su et al., "RoFormer" (2021), eq. 34, with the halves' pairing of GPT-NeoX.
/// </summary>
internal static class RotaryRows
{
    private const int Threads = 128;

    /// <summary>Writes the kernel. Parameters: x and y, rows of <see cref="RotarySpec.Columns"/>; cosines and sines, floats [length, D/2].</summary>
    /// <exception cref="InvalidInputException">The head size is odd.</exception>
    public static Kernel Build(RotarySpec spec, Target target)
    {
        ArgumentNullException.ThrowIfNull(spec);
        if (spec.HeadSize < 2 || spec.HeadSize % 2 != 0)
        {
            throw new InvalidInputException("head size", $"{spec.HeadSize}", "an even number, since RoPE turns pairs");
        }

        var b = new KernelBuilder(spec.KernelName, target);
        b.AwaitPrevious();
        b.LetNextStart();
        var (x, y) = (b.Parameter<B64>("x"), b.Parameter<B64>("y"));
        var (cosines, sines) = (b.Parameter<B64>("cosines"), b.Parameter<B64>("sines"));
        var half = spec.HeadSize / 2;
        var elements = RowAccess.VectorElements(spec.Type, half);
        var access = new RowAccess(spec.Type, elements, 1, elements); // one access
        var floats = new RowAccess(DType.F32, elements, 1, elements);
        RowChunk[] here = [new(null, b.Copy<B64>(0), 0)];
        var row = b.BlockX();
        var pitch = RowPitch.Of(spec.Type, spec.Columns) * spec.Type.Size();
        var (source, result) = (b.MadWideU32(row, pitch, x), b.MadWideU32(row, pitch, y));
        var angles = b.MulLo(b.RemU32(row, spec.Length), half * sizeof(float));
        var (cosineRow, sineRow) = (b.Add(cosines, b.ExtendU32(angles)), b.Add(sines, b.ExtendU32(angles)));
        var perHead = half / elements;
        var items = (spec.QueryHeads + (2 * spec.KvHeads)) * perHead;
        var turned = (spec.QueryHeads + spec.KvHeads) * perHead;
        var item = b.Copy(b.ThreadX());
        b.While(() => b.CompareU32(Comparison.Less, item, items), () =>
        {
            var head = b.DivU32(item, perHead);
            var first = b.MulLo(b.Sub(item, b.MulLo(head, perHead)), elements);
            var place = b.ExtendU32(b.MulLo(b.Mad(head, spec.HeadSize, first), spec.Type.Size()));
            var (from, to) = (new GlobalPointer(b.Add(source, place)), new GlobalPointer(b.Add(result, place)));
            var upper = half * spec.Type.Size();
            var (left, right) = (access.Load(b, from, here), access.Load(b, from + upper, here));
            b.If(
                b.CompareU32(Comparison.Less, item, turned),
                () =>
                {
                    var angle = b.ExtendU32(b.Shl(first, 2));
                    var cosine = floats.Load(b, new GlobalPointer(b.Add(cosineRow, angle)), here);
                    var sine = floats.Load(b, new GlobalPointer(b.Add(sineRow, angle)), here);
                    var (newLeft, newRight) = (new F32[elements], new F32[elements]);
                    for (var i = 0; i < elements; i++)
                    {
                        newLeft[i] = b.Fma(b.Neg(right[i]), sine[i], b.Mul(left[i], cosine[i]));
                        newRight[i] = b.Fma(left[i], sine[i], b.Mul(right[i], cosine[i]));
                    }

                    access.Store(b, to, here, newLeft);
                    access.Store(b, to + upper, here, newRight);
                },
                () =>
                {
                    access.Store(b, to, here, left);
                    access.Store(b, to + upper, here, right);
                });
            b.Assign(item, b.Add(item, Threads));
        });
        RowPadding.Store(b, spec.Type, spec.Columns, result, b.ThreadX());
        return b.Build(Threads);
    }
}
