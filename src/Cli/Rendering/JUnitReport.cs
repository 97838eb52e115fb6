using System.Xml.Linq;
using Stof.Reference.Numerics;
using Stof.Reference.Verification.Reports;

namespace Stof.Reference.Cli.Rendering;

/// <summary>Verification reports in the XML that build servers read: one test case a case, mistrusted and unsupported ones skipped.</summary>
internal static class JUnitReport
{
    /// <summary>The document. A run in which nothing passed has one more test case, which fails.</summary>
    public static string Of(IReadOnlyList<VerificationReport> reports, string line)
    {
        var cases = reports.Select(report => Case(report, line)).ToList();
        if (!reports.Any(report => report.IsGood))
        {
            cases.Add(new XElement(
                "testcase",
                new XAttribute("name", "at least one case passes"),
                new XAttribute("classname", "stof.verify"),
                new XElement("failure", new XAttribute("message", "no case passed: nothing was shown to be right"), line)));
        }

        var suite = new XElement(
            "testsuite",
            new XAttribute("name", "stof verify"),
            new XAttribute("tests", cases.Count),
            new XAttribute("failures", cases.Count(element => element.Element("failure") is not null)),
            new XAttribute("skipped", cases.Count(element => element.Element("skipped") is not null)),
            cases);
        return new XDocument(new XDeclaration("1.0", "utf-8", null), new XElement("testsuites", suite)).Declaration + "\n"
            + new XElement("testsuites", suite) + "\n";
    }

    private static XElement Case(VerificationReport report, string line)
    {
        var element = new XElement("testcase", new XAttribute("name", report.Name), new XAttribute("classname", "stof.verify"));
        var reasons = string.Join("; ", report.Verdict.Reasons);
        switch (report.Verdict.State)
        {
            case Verdict.Fail:
                var text = string.Join('\n', [.. report.Verdict.Reasons, .. report.Worst.Select(Describe), line]);
                element.Add(new XElement("failure", new XAttribute("message", reasons), new XAttribute("type", "Fail"), text));
                break;
            case Verdict.Mistrusted or Verdict.Unsupported:
                element.Add(new XElement("skipped", new XAttribute("message", $"{report.Verdict.State}: {reasons}")));
                break;
            case Verdict.Marginal:
                element.Add(new XElement("system-out", $"Marginal: {reasons}"));
                break;
        }

        return element;
    }

    private static string Describe(ElementFinding e) =>
        $"(batch {e.Batch}, head {e.Head}, query {e.Query}, dim {e.Dimension}): {VerificationTable.Long(e.Actual)}, expected {VerificationTable.Long(e.Expected)}, {VerificationTable.Short(e.Used)} of the budget";
}
