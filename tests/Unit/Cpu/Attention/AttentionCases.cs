using Stof.Reference.Cpu.Simd.Attention;
using Stof.Reference.Formats;
using Stof.Reference.Masks;
using Stof.Reference.Numerics;
using Stof.Reference.Operators;
using Stof.Reference.Tensors;

namespace Stof.Reference.Unit.Tests.Cpu.Attention;

/// <summary>A problem with inputs.</summary>
internal sealed record AttentionCase(AttentionProblem Problem, AttentionChoice Choice, HostTensor Q, HostTensor K, HostTensor V)
{
    public override string ToString()
    {
        var p = Problem;
        return $"{Choice} B{p.Batch} H{p.QueryHeads}/{p.KvHeads} S{p.QueryLength}x{p.KvLength} D{p.HeadSize}/{p.ValueSize} {p.Type} "
            + $"mask {p.Mask} {p.Alignment} {p.Layout} scale {p.Scale} bias {p.Bias?.GetType().Name} cap {p.Softcap} "
            + $"sinks {p.Sinks is not null} lengths {p.Lengths is not null} splits {p.KvSplits}";
    }
}

/// <summary>Random problems over all options.</summary>
internal static class AttentionCases
{
    private static readonly int[] Lengths = [1, 2, 7, 8, 17, 33, 64, 65, 100, 130];
    private static readonly int[] Sizes = [1, 3, 8, 16, 24, 40, 64, 80, 128];
    private static readonly int[] Sides = [8, 16, 24, 32, 40, 64, 128];

    public static AttentionCase Random(int seed)
    {
        var random = new Random(seed);
        var kvHeads = random.Next(1, 4);
        var heads = kvHeads * random.Next(1, 4);
        var batch = random.Next(1, 4);
        var (queries, keys) = (Pick(random, Lengths), Pick(random, Lengths));
        if (random.Next(2) == 0)
        {
            keys = queries;
        }

        var size = Pick(random, Sizes);
        var problem = new AttentionProblem
        {
            Batch = batch,
            QueryHeads = heads,
            KvHeads = kvHeads,
            QueryLength = queries,
            KvLength = keys,
            HeadSize = size,
            ValueHeadSize = random.Next(3) == 0 ? Pick(random, Sizes) : null,
            Type = Pick(random, DType.F32, DType.F32, DType.F16, DType.BF16),
            Mask = Mask(random),
            Alignment = Pick(random, PositionAlignment.BottomRight, PositionAlignment.TopLeft),
            Layout = Pick(random, AttentionLayout.BatchHeadsLength, AttentionLayout.BatchLengthHeads),
            Scale = random.Next(3) == 0 ? 0.05 + random.NextDouble() : null,
            Softcap = random.Next(4) == 0 ? 1 + (20 * random.NextDouble()) : null,
            Sinks = random.Next(4) == 0 ? [.. Enumerable.Range(0, heads).Select(_ => (random.NextDouble() * 8) - 4)] : null,
            Lengths = random.Next(4) == 0
                ? [.. Enumerable.Range(0, batch).Select(_ => new SequenceLengths(random.Next(queries + 1), random.Next(keys + 1)))]
                : null,
            LogSumExp = LogSumExpOutput.Natural,
            KvSplits = random.Next(3) == 0 ? random.Next(2, 6) : 1,
        };
        problem = problem with { Bias = Bias(random, problem) };
        var choice = new AttentionChoice(
            Pick(random, AttentionAlgorithm.Blockwise, AttentionAlgorithm.Rowwise),
            new TileShape(Pick(random, Sides), Pick(random, Sides)));
        return WithInputs(problem, choice, random, random.Next(3));
    }

    /// <summary>Inputs of family 0: N(0,1), 1: the same with 1 % outliers times 20, 2: N(0,3).</summary>
    public static AttentionCase WithInputs(AttentionProblem p, AttentionChoice choice, Random random, int family)
    {
        var q = Normal(random, family, p.Type, p.Layout.Shape(p.Batch, p.QueryHeads, p.QueryLength, p.HeadSize));
        var k = Normal(random, family, p.Type, p.Layout.Shape(p.Batch, p.KvHeads, p.KvLength, p.HeadSize));
        var v = Normal(random, family, p.Type, p.Layout.Shape(p.Batch, p.KvHeads, p.KvLength, p.ValueSize));
        return new AttentionCase(p, choice, q, k, v);
    }

    public static HostTensor Normal(Random random, int family, DType type, params ReadOnlySpan<int> shape)
    {
        var tensor = HostTensor.Zeros(DType.F64, shape);
        foreach (ref var x in tensor.Span<double>())
        {
            x = Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble());
            x *= family == 2 ? 3 : family == 1 && random.Next(100) == 0 ? 20 : 1;
        }

        return tensor.To(type);
    }

    private static MaskPattern Mask(Random random) => random.Next(7) switch
    {
        0 => new FullMask(),
        1 => new CausalMask(),
        2 => new HashedMask(random.Next(), random.NextDouble(), false, false),
        3 => new HashedMask(random.Next(), random.NextDouble(), true, false),
        4 => new HashedMask(random.Next(), random.NextDouble(), true, true),
        5 => new CausalMask() & new HashedMask(random.Next(), 0.2, false, true),
        _ => !(new CausalMask() | new HashedMask(random.Next(), 0.5, true, true)),
    };

    private static ScoreBias? Bias(Random random, AttentionProblem p) => random.Next(6) switch
    {
        0 => AlibiBias.Standard(p.QueryHeads),
        1 => new RelativeBias(Normal(random, 0, DType.F32, 8, p.QueryHeads), MaxDistance: 32),
        2 => new DenseBias(Normal(
            random,
            0,
            Pick(random, DType.F32, DType.BF16, DType.F64),
            random.Next(2) == 0 ? 1 : p.Batch,
            random.Next(2) == 0 ? 1 : p.QueryHeads,
            p.QueryLength,
            p.KvLength)),
        _ => null,
    };

    private static T Pick<T>(Random random, params T[] values) => values[random.Next(values.Length)];
}

/// <summary>
/// Random pairs by hashing, with every fifth query row empty on average and stretches of 40 keys left out, so that listed
/// tiles have gaps between them.
/// </summary>
internal sealed record HashedMask(int Seed, double Density, bool ByBatch, bool ByHead) : MaskPattern
{
    public override BoundMask Bind(MaskExtent extent) => new Bound(this, extent);

    protected override string ToText() => $"hashed(seed={Seed},density={Density},batch={ByBatch},head={ByHead})";

    private sealed class Bound(HashedMask mask, MaskExtent extent) : BoundMask(extent)
    {
        public override bool VariesByBatch => mask.ByBatch;

        public override bool VariesByHead => mask.ByHead;

        public override bool Allows(int batch, int head, int query, int key)
        {
            var slice = (mask.ByBatch ? batch * 31 : 0) + (mask.ByHead ? head * 17 : 0);
            return Uniform(slice, query, -1) > 0.2 && Uniform(slice, -1, key / 40) > 0.3 && Uniform(slice, query, key) < mask.Density;
        }

        public override TileClass Classify(int batch, int head, MaskRect rect) => TileClass.Part;

        private double Uniform(int slice, int query, int key)
        {
            var x = (uint)mask.Seed + ((uint)slice * 0x9E3779B9u) + ((uint)query * 0x85EBCA6Bu) + ((uint)key * 0xC2B2AE35u);
            x = (x ^ (x >> 16)) * 0x7FEB352Du;
            x = (x ^ (x >> 15)) * 0x846CA68Bu;
            return (x ^ (x >> 16)) / 4294967296.0;
        }
    }
}
