using Stof.Reference.Cuda.Ptx;
using Stof.Reference.Graphs;
using Stof.Reference.Numerics;

namespace Stof.Reference.Cuda.Templates;

/// <summary>
/// Memory-intensive operators in one walk: y = norm(activation(x + bias) + residual). A row stays in the registers of the warps that share it, so memory
/// is read once and written once. Sums run over a lane's elements, then over the warp by exchange, then over warps in their order: the same bits every
/// time. The variance is taken of what is left behind the mean, which cannot cancel.
/// Sources: Ba et al., "Layer Normalization" (2016), biased variance; Zhang and Sennrich, "Root Mean Square Layer Normalization" (2019); epsilon
/// inside the root in both.
/// </summary>
internal sealed class RowChain
{
    private const int WarpLanes = 32;
    private const int GatedWidth = GemmSpec.GatedWidth;

    private readonly RowChainSpec _spec;
    private readonly KernelBuilder _b;
    private readonly RowAccess _access;
    private readonly RowAccess _floats; // of the same elements, four bytes each
    private readonly Dictionary<string, B64> _pointers = [];
    private B32 _lane;
    private RowChunk[] _chunks = [];
    private RowChunk[] _floatChunks = [];

    private RowChain(RowChainSpec spec, Target target)
    {
        _spec = spec;
        _b = new KernelBuilder(spec.KernelName, target);
        _b.AwaitPrevious();
        _b.LetNextStart();
        _access = RowAccess.Of(spec.Type, spec.Walked, Lanes);
        _floats = new RowAccess(DType.F32, spec.Walked, Lanes, _access.Elements);
    }

    private int Lanes => WarpLanes * _spec.WarpsPerRow;

    /// <summary>
    /// Writes the kernel. Parameters, each where the specification has it: x, bias, residual, gamma, beta, sum, y, rows; of splits their distance
    /// sum_stride in bytes.
    /// </summary>
    /// <exception cref="InvalidInputException">The specification is out of range.</exception>
    public static Kernel Build(RowChainSpec spec, Target target)
    {
        ArgumentNullException.ThrowIfNull(spec);
        return new RowChain(spec.Validated(), target).Build();
    }

    private Kernel Build()
    {
        foreach (var (name, isThere) in new[]
        {
            ("x", true), ("bias", _spec.HasBias), ("residual", _spec.HasResidual), ("gamma", _spec.Norm is not null), ("beta", _spec.HasBeta),
            ("sum", _spec.StoresSum), ("y", true), ("sum_stride", _spec.Splits > 1),
        })
        {
            if (isThere)
            {
                _pointers[name] = _b.Parameter<B64>(name);
            }
        }

        var rows = _b.Parameter<B32>("rows");
        var thread = _b.ThreadX();
        var row = _b.BlockX();
        _lane = thread;
        if (_spec.RowsPerBlock > 1)
        {
            row = _b.Mad(row, _spec.RowsPerBlock, _b.DivU32(thread, Lanes));
            _lane = _b.And(thread, Lanes - 1);
        }

        _chunks = _access.Chart(_b, _lane);
        _floatChunks = _floats.Chart(_b, _lane);
        if (_spec.RowsPerBlock == 1)
        {
            Row(row);
        }
        else
        {
            _b.If(_b.CompareU32(Comparison.Less, row, rows), () => Row(row));
        }

        return _b.Build(_spec.Threads);
    }

    private void Row(B32 row)
    {
        var values = Source(row);
        if (_spec.HasResidual)
        {
            values = Zip(values, Load("residual", row, _spec.Pitch), (value, added) => _b.Add(value, added));
        }

        if (_spec.StoresSum)
        {
            Store("sum", row, values);
        }

        Store("y", row, _spec.Norm is { } norm ? Normalised(values, norm) : values);
    }

    private F32[] Source(B32 row)
    {
        var shift = _spec.HasBias ? "bias" : null;
        if (!_spec.IsGated)
        {
            var values = _spec.Source == RowSource.Rows ? Load("x", row, _spec.InputPitch) : Sums(row, gatedPart: null);
            values = shift is null ? values : Zip(values, Vector(shift), (value, bias) => _b.Add(value, bias));
            return _spec.Activation is { } kind ? Array.ConvertAll(values, value => _b.Activate(kind, value, _spec.Type)) : values;
        }

        var parts = new F32[2][];
        for (var part = 0; part < 2; part++)
        {
            parts[part] = _spec.Source == RowSource.Rows ? Load("x", row, _spec.InputPitch, part * _spec.Columns) : Sums(row, part);
            if (shift is not null)
            {
                var bias = _spec.Source == RowSource.Rows ? Vector(shift, part * _spec.Columns) : GatedVector(shift, part);
                parts[part] = Zip(parts[part], bias, (value, added) => _b.Add(value, added));
            }
        }

        return Zip(parts[0], parts[1], (gate, value) => _b.Mul(_b.Activate(ActivationKind.SwiGlu, gate, _spec.Type), value));
    }

    private F32[] Load(string name, B32 row, int pitch, int firstColumn = 0)
    {
        var size = _spec.Type.Size();
        return _access.Load(_b, new GlobalPointer(_b.MadWideU32(row, pitch * size, _pointers[name]), firstColumn * size), _chunks);
    }

    private F32[] Sums(B32 row, int? gatedPart)
    {
        var start = _b.MadWideU32(row, _spec.SumPitch * sizeof(float), _pointers["x"]);
        F32[]? total = null;
        for (var split = 0; split < _spec.Splits; split++)
        {
            var sums = gatedPart is { } part
                ? GatedFloats(start, part)
                : _floats.Load(_b, new GlobalPointer(start), _floatChunks);
            total = total is null ? sums : Zip(total, sums, (a, b) => _b.Add(a, b));
            start = split < _spec.Splits - 1 ? _b.Add(start, _pointers["sum_stride"]) : start;
        }

        return total!;
    }

    private F32[] Vector(string name, int firstColumn = 0) =>
        _floats.Load(_b, new GlobalPointer(_pointers[name], firstColumn * sizeof(float)), _floatChunks);

    private F32[] GatedVector(string name, int part) => GatedFloats(_pointers[name], part);

    // Columns c of a part lie at 16·(c / 8) + c % 8, those of the values eight further on.
    private F32[] GatedFloats(B64 start, int part)
    {
        var values = new List<F32>();
        for (var i = 0; i < _access.Chunks; i++)
        {
            var column = _b.Add(_b.MulLo(_lane, _access.Elements), i * Lanes * _access.Elements);
            column = _b.MinU32(column, _spec.Walked - _access.Elements); // beyond the end the last ones again, which are dropped
            var place = _b.Add(_b.Shl(_b.ShrU32(column, 3), 4), _b.And(column, GatedWidth - 1));
            var address = new GlobalPointer(_b.MadWideU32(place, sizeof(float), start), part * GatedWidth * sizeof(float));
            for (var first = 0; first < _access.Elements; first += 4)
            {
                values.AddRange(_b.LoadGlobalVector<F32>(address + (first * sizeof(float)), 4));
            }
        }

        return [.. values];
    }

    private void Store(string name, B32 row, F32[] values)
    {
        var start = _b.MadWideU32(row, _spec.Pitch * _spec.Type.Size(), _pointers[name]);
        _access.Store(_b, new GlobalPointer(start), _chunks, values);
        if (_spec.Walked < _spec.Pitch)
        {
            RowPadding.Store(_b, _spec.Type, _spec.Columns, start, _lane);
        }
    }

    private F32[] Normalised(F32[] values, NormKind norm)
    {
        values = norm == NormKind.Layer ? Centred(values, _b.Mul(RowSum("sums", values), 1f / _spec.Columns)) : OnlyColumns(values);
        var squares = RowSum("squares", Array.ConvertAll(values, value => _b.Mul(value, value)));
        var scale = _b.Rcp(_b.Sqrt(_b.Fma(squares, 1f / _spec.Columns, _spec.Epsilon)));
        var gamma = Vector("gamma");
        var scaled = Zip(values, gamma, (value, factor) => _b.Mul(_b.Mul(value, scale), factor));
        return _spec.HasBeta ? Zip(scaled, Vector("beta"), (value, shift) => _b.Add(value, shift)) : scaled;
    }

    private F32[] Centred(F32[] values, F32 mean) => OnlyColumns(Array.ConvertAll(values, value => _b.Sub(value, mean)));

    // Elements beyond the row's end become zero: those of lanes that have none, and those of the padding.
    private F32[] OnlyColumns(F32[] values)
    {
        var result = (F32[])values.Clone();
        for (var i = 0; i < result.Length; i++)
        {
            var (chunk, element) = Math.DivRem(i, _access.Elements);
            var start = chunk * Lanes * _access.Elements;
            if (start + (Lanes * _access.Elements) > _spec.Columns)
            {
                var column = _b.Add(_b.MulLo(_lane, _access.Elements), start + element);
                result[i] = _b.Select(_b.CompareU32(Comparison.Less, column, _spec.Columns), values[i], 0f);
            }
        }

        return result;
    }

    private static F32[] Zip(F32[] a, F32[] b, Func<F32, F32, F32> combine) => [.. a.Zip(b, combine)];

    private F32 Tree(F32[] values)
    {
        while (values.Length > 1)
        {
            var half = (values.Length + 1) / 2;
            var next = values[..half];
            for (var i = half; i < values.Length; i++)
            {
                next[i - half] = _b.Add(values[i - half], values[i]);
            }

            values = next;
        }

        return values[0];
    }

    // The sum over the row's lanes, in each of them. What lies beyond the row's end must be zero.
    private F32 RowSum(string name, F32[] values)
    {
        var value = Tree(name == "sums" ? OnlyColumns(values) : values);
        for (var distance = WarpLanes / 2; distance > 0; distance /= 2)
        {
            value = _b.Add(value, _b.ShuffleXor(value, distance));
        }

        if (_spec.WarpsPerRow == 1)
        {
            return value;
        }

        var array = _b.AddressOf(_b.Shared(name, _spec.WarpsPerRow * sizeof(float)));
        _b.If(
            _b.CompareU32(Comparison.Equal, _b.And(_lane, WarpLanes - 1), 0),
            () => _b.StoreShared(new SharedPointer(_b.Add(array.Base, _b.Shl(_b.ShrU32(_lane, 5), 2)), array.Offset), value));
        _b.Barrier();
        return Tree([.. Enumerable.Range(0, _spec.WarpsPerRow).Select(warp => _b.LoadShared<F32>(array + (warp * sizeof(float))))]);
    }
}
