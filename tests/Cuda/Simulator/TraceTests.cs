using Stof.Reference.Cuda.Catalog;
using Stof.Reference.Cuda.Ptx;
using Stof.Reference.Cuda.Simulator;
using Stof.Reference.Cuda.Simulator.Tracing;
using Stof.Reference.Tests;

namespace Stof.Reference.Cuda.Tests.Simulator;

public sealed class TraceTests
{
    private static readonly Dictionary<string, int> Small = new() { ["n"] = 100, ["threads"] = 64 };

    [Fact]
    public void Text_is_as_committed() => GoldenFile.Verify(TraceText.Write(Trace(new TraceRequest(default, 1))));

    [Fact]
    public void Page_shows_every_step_and_needs_nothing_else()
    {
        var trace = Trace(new TraceRequest(default, 0));
        var html = TraceHtml.Write(trace);
        Assert.Equal(trace.Steps.Count + 1, html.Split("<tr>").Length - 1);
        Assert.Equal(trace.Steps.Count * 32, html.Split("<i").Length - 1);
        Assert.DoesNotContain("http", html, StringComparison.Ordinal);
        Assert.DoesNotContain("src=", html, StringComparison.Ordinal);
    }

    [Fact]
    public void A_trace_is_cut_off_where_asked()
    {
        var trace = Trace(new TraceRequest(default, 0, 7));
        Assert.Equal((7, false), (trace.Steps.Count, trace.IsComplete));
        Assert.Contains("7 steps, cut off", TraceText.Write(trace), StringComparison.Ordinal);
    }

    private static Trace Trace(TraceRequest request)
    {
        var template = CudaKernelCatalog.Named("block_sum");
        var (report, wrong) = template.Simulate(template.Values(Small), Target.Sm80, options: LaunchOptions.Default with { Trace = request });
        Assert.Null(wrong);
        return report.Trace!;
    }
}
