using Stof.Reference.Cuda.Ptx;
using Stof.Reference.Numerics;

namespace Stof.Reference.Cuda.Templates;

/// <summary>What a bias+residual+LayerNorm kernel is built for.</summary>
/// <param name="Type">Type of rows, bias, gamma and beta in memory: F32, F16 or BF16.</param>
/// <param name="Columns">Elements of a row.</param>
public sealed record BiasResidualNormSpec(DType Type, int Columns)
{
    /// <summary>Threads of a block, which takes one row.</summary>
    public int Threads { get; init; } = 128;

    /// <summary>True if the sum before the norm is stored too: in a pre-norm layer it is the residual stream.</summary>
    public bool StoresSum { get; init; }
}

/// <summary>
/// y = LayerNorm(x + bias + residual)·gamma + beta, a block a row. The row stays in registers between the two reductions (mean, then the
/// squares of what is left, which cannot cancel), so memory is read once and written once. Sums run over a lane's elements, then over
/// the warp by exchange, then over warps in their order: the same bits every time.
/// Source: Ba et al., "Layer Normalization" (2016), biased variance, epsilon inside the root.
/// </summary>
internal sealed class BiasResidualNorm
{
    private const int WarpLanes = 32;
    private const int LargestRow = 64; // floats of a row a thread holds

    private readonly BiasResidualNormSpec _spec;
    private readonly KernelBuilder _b;
    private readonly RowAccess _access;

    private BiasResidualNorm(BiasResidualNormSpec spec, Target target)
    {
        _spec = spec;
        _access = RowAccess.Of(spec.Type, spec.Columns, spec.Threads);
        _b = new KernelBuilder(
            $"bias_residual_norm_{spec.Type}_n{spec.Columns}".ToLowerInvariant() + (spec.StoresSum ? "_sum" : ""), target);
    }

    /// <summary>Longest row that a number of threads holds in registers.</summary>
    public static int LongestRow(int threads) => threads * LargestRow;

    /// <summary>Writes the kernel. Parameters: x, residual, y, sum (if stored): rows of <c>Columns</c>; bias, gamma, beta: one row; epsilon.</summary>
    /// <exception cref="InvalidInputException">The specification is out of range.</exception>
    public static Kernel Build(BiasResidualNormSpec spec, Target target)
    {
        if (spec.Type is not (DType.F32 or DType.F16 or DType.BF16))
        {
            throw new InvalidInputException("dtype", spec.Type.ToString(), "F32, F16 or BF16");
        }

        if (spec.Threads is < 32 or > 1024 || spec.Threads % WarpLanes != 0)
        {
            throw new InvalidInputException("threads", $"{spec.Threads}", "a multiple of 32 up to 1024");
        }

        if (spec.Columns < 1 || spec.Columns > LongestRow(spec.Threads))
        {
            throw new InvalidInputException("columns", $"{spec.Columns}", $"1 to {LongestRow(spec.Threads)} with {spec.Threads} threads");
        }

        return new BiasResidualNorm(spec, target).Build();
    }

    private Kernel Build()
    {
        var x = _b.Parameter<B64>("x");
        var residual = _b.Parameter<B64>("residual");
        var bias = _b.Parameter<B64>("bias");
        var gamma = _b.Parameter<B64>("gamma");
        var beta = _b.Parameter<B64>("beta");
        var y = _b.Parameter<B64>("y");
        var epsilon = _b.Parameter<F32>("epsilon");
        var means = _b.Shared("sums", WarpCount * sizeof(float));
        var squares = _b.Shared("squares", WarpCount * sizeof(float));

        var thread = _b.ThreadX();
        var chunks = _access.Chart(_b, thread);
        var row = _b.MulWideU32(_b.BlockX(), _spec.Columns * _spec.Type.Size());

        var values = Sum(
            Sum(_access.Load(_b, new GlobalPointer(_b.Add(x, row)), chunks), _access.Load(_b, new GlobalPointer(bias), chunks)),
            _access.Load(_b, new GlobalPointer(_b.Add(residual, row)), chunks));
        if (_spec.StoresSum)
        {
            _access.Store(_b, new GlobalPointer(_b.Add(_b.Parameter<B64>("sum"), row)), chunks, values);
        }

        var mean = _b.Mul(BlockSum(means, thread, Tree(values)), 1f / _spec.Columns);
        var centred = Centred(values, mean, chunks);
        var variance = _b.Mul(BlockSum(squares, thread, Tree(Array.ConvertAll(centred, value => _b.Mul(value, value)))), 1f / _spec.Columns);
        var scale = _b.Rcp(_b.Sqrt(_b.Add(variance, epsilon)));

        var weights = _access.Load(_b, new GlobalPointer(gamma), chunks);
        var offsets = _access.Load(_b, new GlobalPointer(beta), chunks);
        var output = new F32[values.Length];
        for (var i = 0; i < output.Length; i++)
        {
            output[i] = _b.Fma(_b.Mul(centred[i], scale), weights[i], offsets[i]);
        }

        _access.Store(_b, new GlobalPointer(_b.Add(y, row)), chunks, output);
        return _b.Build(_spec.Threads);
    }

    private int WarpCount => _spec.Threads / WarpLanes;

    private F32[] Sum(F32[] a, F32[] b) => [.. a.Zip(b, (left, right) => _b.Add(left, right))];

    // Elements beyond the row's end are zero and must stay so.
    private F32[] Centred(F32[] values, F32 mean, RowChunk[] chunks)
    {
        var centred = new F32[values.Length];
        for (var i = 0; i < values.Length; i++)
        {
            var value = _b.Sub(values[i], mean);
            centred[i] = chunks[i / _access.Elements].IsInside is { } inside ? _b.Select(inside, value, 0f) : value;
        }

        return centred;
    }

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

    // The sum over all threads, in every thread.
    private F32 BlockSum(SharedArray sums, B32 thread, F32 value)
    {
        for (var distance = WarpLanes / 2; distance > 0; distance /= 2)
        {
            value = _b.Add(value, _b.ShuffleXor(value, distance));
        }

        if (WarpCount == 1)
        {
            return value;
        }

        var array = _b.AddressOf(sums);
        var warp = _b.ShrU32(thread, 5);
        _b.If(
            _b.CompareU32(Comparison.Equal, _b.And(thread, WarpLanes - 1), 0),
            () => _b.StoreShared(new SharedPointer(_b.Add(array.Base, _b.Shl(warp, 2)), array.Offset), value));
        _b.Barrier();
        var total = new F32[WarpCount];
        for (var i = 0; i < WarpCount; i++)
        {
            total[i] = _b.LoadShared<F32>(array + (i * sizeof(float)));
        }

        return Tree(total);
    }
}
