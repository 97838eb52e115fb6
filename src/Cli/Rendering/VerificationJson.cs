using System.Security.Cryptography;
using System.Text.Json.Nodes;
using Stof.Reference.Cli.Running;
using Stof.Reference.Tensors;
using Stof.Reference.Verification.Cases;
using Stof.Reference.Verification.Reports;

namespace Stof.Reference.Cli.Rendering;

/// <summary>Verification reports for programs. Fields are only ever added.</summary>
internal static class VerificationJson
{
    /// <summary>One case.</summary>
    public static JsonObject Of(VerificationReport report)
    {
        var verdict = report.Verdict;
        var json = new JsonObject
        {
            ["name"] = report.Name,
            ["state"] = verdict.State.ToString(),
            ["reasons"] = new JsonArray([.. verdict.Reasons.Select(reason => (JsonNode?)reason)]),
            ["budgetUsed"] = Output.Number(verdict.BudgetUsed),
            ["lseUsed"] = report.Case?.LogSumExp is null ? null : Output.Number(verdict.LogSumExpUsed),
            ["rowsChecked"] = report.RowsChecked,
            ["rowsTotal"] = report.RowsTotal,
            ["tile"] = report.Tile.ToString(),
            ["inputs"] = new JsonObject
            {
                ["nonFinite"] = report.Inputs.NonFinite,
                ["unattendedNonFiniteKeys"] = report.Inputs.UnattendedNonFinite,
                ["emptyRows"] = report.Inputs.EmptyRows,
            },
        };
        if (report.Case is { } item)
        {
            json["problem"] = SemanticsJson.Print(AttentionSemantics.Of(item.Problem, item.LseBase));
            json["sha256"] = new JsonObject
            {
                ["q"] = Hash(item.Q),
                ["k"] = Hash(item.K),
                ["v"] = Hash(item.V),
                ["out"] = Hash(item.Output),
            };
        }

        if (verdict.Metrics is { } metrics)
        {
            json["metrics"] = new JsonObject
            {
                ["relativeFrobenius"] = Output.Number(metrics.RelativeFrobenius),
                ["maxAbsolute"] = Output.Number(metrics.MaxAbsolute),
                ["maxOverRowScale"] = Output.Number(metrics.MaxOverRowScale),
                ["ulpHistogram"] = new JsonArray([.. metrics.UlpHistogram.Select(count => (JsonNode?)count)]),
                ["unexpectedNaN"] = metrics.NonFinite.UnexpectedNaN,
                ["unexpectedInfinity"] = metrics.NonFinite.UnexpectedInfinity,
                ["hidden"] = metrics.NonFinite.Hidden,
            };
        }

        if (report.SamePrecision is { } rule)
        {
            json["samePrecision"] = new JsonObject
            {
                ["holds"] = rule.Holds,
                ["error"] = rule.Error,
                ["naiveError"] = rule.NaiveError,
                ["floor"] = rule.Floor,
                ["rows"] = rule.Rows,
            };
        }

        json["classes"] = new JsonArray([.. report.Classes.Select(summary => (JsonNode?)new JsonObject
        {
            ["class"] = summary.Class.ToString().ToLowerInvariant(),
            ["rows"] = summary.Rows,
            ["wrongRows"] = summary.WrongRows,
            ["wrongElements"] = summary.WrongElements,
            ["budgetUsed"] = Output.Number(summary.BudgetUsed),
        })]);
        json["worst"] = new JsonArray([.. report.Worst.Select(e => (JsonNode?)new JsonObject
        {
            ["batch"] = e.Batch,
            ["head"] = e.Head,
            ["query"] = e.Query,
            ["dimension"] = e.Dimension,
            ["tileRow"] = e.TileRow,
            ["class"] = e.Class.ToString().ToLowerInvariant(),
            ["expected"] = Output.Number(e.Expected),
            ["actual"] = Output.Number(e.Actual),
            ["budget"] = Output.Number(e.Budget),
            ["used"] = Output.Number(e.Used),
        })]);
        return json;
    }

    private static string Hash(HostTensor tensor) => Convert.ToHexStringLower(SHA256.HashData(tensor.Bytes));
}
