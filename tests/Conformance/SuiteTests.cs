using Stof.Reference.Backends;
using Stof.Reference.Conformance.Tests.Attention;
using Stof.Reference.Conformance.Tests.Models;
using Stof.Reference.Cpu.Execution;
using Stof.Reference.Formats;
using Stof.Reference.Fusion;
using Stof.Reference.Masks;
using Stof.Reference.Models;
using Stof.Reference.Numerics;
using Stof.Reference.Operators;
using Stof.Reference.Plans;
using Stof.Reference.Tensors;
using Xunit.Sdk;

namespace Stof.Reference.Conformance.Tests;

/// <summary>The suite itself under test: a backend with one fault must fail the test that is there for it.</summary>
public sealed class SuiteTests
{
    private static readonly (string Fault, Func<IBackend> Backend, Action<BackendUnderTest> Test)[] Faults =
    [
        (
            "mask of item 0 for all",
            () => new FaultyBackend { Problem = p => p with { Mask = new PredicateMask("item 0", (_, h, q, k) => p.BindMask().Allows(0, h, q, k)) } },
            s => new Masking(s).Dense_masks_that_differ_by_batch_item_and_head_agree(true, false)),
        (
            "last tile column skipped",
            () => new FaultyBackend { Problem = p => p with { Mask = p.Mask & !new PredicateMask("edge", (_, _, _, k) => k == 128) } },
            s => new Masking(s).Every_length_agrees("full")),
        (
            "no cap",
            () => new FaultyBackend { Problem = p => p with { Softcap = null } },
            s => new Options(s).Each_option_agrees_alone_and_with_each_other(9, "cap")),
        (
            "an empty row has the LSE of a large number",
            () => new FaultyBackend { After = r => Change(r.LogSumExp!, x => double.IsNegativeInfinity(x) ? -1e30 : x) },
            s => new Masking(s).A_row_without_keys_is_zero_and_its_log_sum_exp_minus_infinity()),
        (
            "other bits each time",
            () => new FaultyBackend { After = r => Change(r.Output, x => x + (1e-3 * Random.Shared.NextDouble())) },
            s => new Options(s).Running_twice_gives_the_same_bits_and_LSE_only_if_asked_for()),
        (
            "binary LSE",
            () => new FaultyBackend { After = r => Change(r.LogSumExp!, x => x / Math.Log(2)) },
            s => new Laws(s).Law_holds("keys split and merged by LSE")),
        (
            "other splits lose a key",
            () => new FaultyBackend
            {
                Problem = p => p.KvSplits == 1 ? p : p with { Mask = p.Mask & !new PredicateMask("cut", (_, _, _, k) => k == p.KvLength / 2) },
            },
            s => new Laws(s).Law_holds("KV splits")),
        (
            "first query differs",
            () => new FaultyBackend { Problem = p => p with { Mask = p.Mask | new PredicateMask("first", (_, _, q, _) => q == 0) } },
            s => new Laws(s).Law_holds("queries permuted")),
        (
            "written before the output",
            () => new FaultyBackend { After = r => r.Output.Before[^1] = 1 },
            s => new Buffers(s).Nothing_outside_the_results_is_written_and_nothing_outside_the_inputs_matters()),
        (
            "written after LSE",
            () => new FaultyBackend { After = r => r.LogSumExp!.After[0] = 1 },
            s => new Buffers(s).No_queries_or_no_keys_write_only_what_there_is(0, 5)),
        (
            "last element left as it was",
            () => new FaultyBackend { After = r => r.Output.Bytes[^(r.Output.Bytes.Length / r.Output.Count)..].Fill(byte.MaxValue) },
            s => new Buffers(s).Nothing_outside_the_results_is_written_and_nothing_outside_the_inputs_matters()),
        (
            "query scaled in place",
            () => new FaultyBackend { Input = q => q.Bytes[0] ^= 1 },
            s => new Buffers(s).Nothing_outside_the_results_is_written_and_nothing_outside_the_inputs_matters()),
        (
            "masked values multiplied by 0",
            () => new FaultyBackend { Value = (v, r) => Change(r.Output, x => x + v.ToDoubles().Sum(y => 0 * y)) },
            s => new Poison(s).Keys_and_values_that_nobody_attends_do_not_matter()),
        (
            "NaN swallowed",
            () => new FaultyBackend { After = r => Change(r.Output, x => double.IsNaN(x) ? 0 : x) },
            s => new Poison(s).What_is_attended_shows_in_the_rows_that_attend(false, double.NaN)),
        (
            "subnormals flushed",
            () => new FaultyBackend { After = r => Change(r.Output, x => Math.Abs(x) < 1.2e-38 ? 0 : x) },
            s => new Poison(s).Subnormal_values_are_not_flushed(DType.F32, 1e-41)),
        (
            "one bias of a layer left out",
            () => new FaultyBackend(),
            s => new Modelling(s).Every_scheme_agrees_with_the_oracle_layer_by_layer("gpt2", DType.F32)),
    ];

    /// <summary>Faults by place; xunit shows the name.</summary>
    public static TheoryData<int, string> Names
    {
        get
        {
            var data = new TheoryData<int, string>();
            for (var i = 0; i < Faults.Length; i++)
            {
                data.Add(i, Faults[i].Fault);
            }

            return data;
        }
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void A_fault_fails_its_test(int index, string fault)
    {
        using var subject = new Faulty(Faults[index].Backend());
        var failure = Record.Exception(() => Faults[index].Test(subject));
        Assert.True(failure is XunitException and not SkipException, $"{fault}: {failure?.ToString() ?? "passed"}");
    }

    private static void Change(HostTensor tensor, Func<double, double> change)
    {
        var changed = HostTensor.From(Array.ConvertAll(tensor.ToDoubles(), x => change(x)), tensor.Shape);
        changed.To(tensor.Type).Bytes.CopyTo(tensor.Bytes);
    }

    private sealed class Faulty(IBackend backend) : BackendUnderTest
    {
        public override IBackend Backend => backend;

        public override double LogSumExpLimit => 1e-5;

        public override TileShape? TileReadWhole => null;
    }

    private sealed class Masking(BackendUnderTest subject) : MaskConformance(subject);

    private sealed class Options(BackendUnderTest subject) : OptionConformance(subject);

    private sealed class Buffers(BackendUnderTest subject) : BufferConformance(subject);

    private sealed class Poison(BackendUnderTest subject) : PoisonConformance(subject);

    private sealed class Laws(BackendUnderTest subject) : MetamorphicConformance(subject);

    private sealed class Modelling(BackendUnderTest subject) : ModelConformance(subject);

    /// <summary>The CPU backend with one thing wrong.</summary>
    private sealed class FaultyBackend : IBackend
    {
        private readonly CpuBackend _right = new(2);

        /// <summary>Another problem is solved.</summary>
        public Func<AttentionProblem, AttentionProblem> Problem { get; init; } = p => p;

        /// <summary>The queries are damaged afterwards.</summary>
        public Action<HostTensor>? Input { get; init; }

        /// <summary>The results are damaged.</summary>
        public Action<AttentionResult>? After { get; init; }

        /// <summary>The results are damaged by the values.</summary>
        public Action<HostTensor, AttentionResult>? Value { get; init; }

        public DeviceDescription Device => _right.Device;

        public Refusal? Supports(FusionTemplate template, SegmentContext context, ParameterSet parameters) =>
            _right.Supports(template, context, parameters);

        public Refusal? Supports(AttentionProblem problem) => _right.Supports(problem);

        public ISegmentMeasurer CreateMeasurer(TransformerModel model, Workload workload) => _right.CreateMeasurer(model, workload);

        public IModelExecutable Compile(TransformerModel model, Workload workload, ExecutionPlan plan)
        {
            var layer = model.Layers[1].ToDictionary();
            var bias = layer.First(weight => weight.Key.EndsWith(".bias", StringComparison.Ordinal));
            layer[bias.Key] = HostTensor.Zeros(bias.Value.Type, bias.Value.Shape);
            return _right.Compile(new TransformerModel(model.Spec, model.Embedding, [model.Layers[0], layer], model.Final), workload, plan);
        }

        public void Attend(
            AttentionProblem problem, HostTensor q, HostTensor k, HostTensor v, HostTensor output, HostTensor? logSumExp)
        {
            _right.Attend(Problem(problem), q, k, v, output, logSumExp);
            Input?.Invoke(q);
            After?.Invoke(new AttentionResult(output, logSumExp));
            Value?.Invoke(v, new AttentionResult(output, logSumExp));
        }

        public IPreparedAttention Prepare(AttentionProblem problem) => _right.Prepare(Problem(problem));

        public void Dispose() => _right.Dispose();
    }
}
