using System.Text.Json;
using System.Text.Json.Nodes;
using Stof.Reference.Interchange;
using Stof.Reference.Numerics;
using Stof.Reference.Operators;
using Stof.Reference.Tensors;
using Stof.Reference.Verification.Cases;
using Stof.Reference.Verification.Diagnosis;
using Stof.Reference.Verification.Reports;

namespace Stof.Reference.Verification.Golden;

/// <summary>
/// Golden cases as files: <c>cases.json</c> names every semantic field of every case, and <c>NAME.npz</c> holds <c>q</c>, <c>k</c>,
/// <c>v</c>, the boolean <c>mask</c> (lengths included) and what else the case needs, with the right <c>expected</c> and
/// <c>expected_lse</c> in F64. BF16 numbers are stored as F32, exactly.
/// </summary>
public static class GoldenFolder
{
    /// <summary>The manifest's name.</summary>
    public const string Manifest = "cases.json";

    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true };

    /// <summary>Writes cases into a folder.</summary>
    /// <param name="folder">Created where it is missing.</param>
    /// <param name="cases">The cases; names must differ.</param>
    /// <param name="origin">How they were made, for the manifest.</param>
    /// <returns>Number of cases.</returns>
    /// <exception cref="InvalidInputException">A file cannot be written.</exception>
    public static int Write(string folder, IEnumerable<GoldenCase> cases, string origin)
    {
        ArgumentNullException.ThrowIfNull(cases);
        Directory.CreateDirectory(folder);
        var entries = new JsonArray();
        foreach (var item in cases)
        {
            NpzArchive.Write(Path.Combine(folder, item.Name + ".npz"), Arrays(item), compress: true);
            entries.Add(new JsonObject
            {
                ["name"] = item.Name,
                ["family"] = item.Family.ToString().ToLowerInvariant(),
                ["problem"] = SemanticsJson.Print(AttentionSemantics.Of(item.Problem)),
            });
        }

        var manifest = new JsonObject
        {
            ["schema"] = 1,
            ["origin"] = origin,
            ["check"] = "write NAME.npz with 'out' (and 'lse') for each case, then: stof golden check FOLDER OUTPUTS",
            ["cases"] = entries,
        };
        AtomicFile.WriteText(Path.Combine(folder, Manifest), manifest.ToJsonString(Indented) + "\n");
        return entries.Count;
    }

    /// <summary>Judges a folder of outputs, case by case; a missing output is a failure.</summary>
    /// <param name="folder">The cases.</param>
    /// <param name="outputs">Holds NAME.npz or NAME.safetensors with <c>out</c> and optionally <c>lse</c>.</param>
    /// <param name="options">Options of verification.</param>
    /// <exception cref="InvalidInputException">A file of the cases is malformed, or an output is.</exception>
    public static IEnumerable<VerificationReport> Check(string folder, string outputs, VerificationOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        if (!Directory.Exists(outputs))
        {
            throw new InvalidInputException(outputs, "no such folder", "a folder with an output for each case");
        }

        foreach (var (name, family, semantics) in Entries(folder))
        {
            var arrays = new Dictionary<string, HostTensor>(NpzArchive.Read(Path.Combine(folder, name + ".npz")));
            if (!AddOutputs(arrays, Path.Combine(outputs, name)))
            {
                yield return new VerificationReport
                {
                    Name = name,
                    Verdict = new AttentionVerdict { State = Verdict.Fail, Reasons = [$"no {name}.npz or .safetensors in {outputs}"] },
                    Tile = options.Tile,
                };
                continue;
            }

            // Lengths are in the semantics; the stored mask has them too, and is for those who have no pattern.
            var item = AttentionCase.Create(name, semantics, arrays);
            var report = Verifier.Run(item, options);
            yield return Trusted(family == InputFamily.Exact ? Exactly(report, item) : report);
        }
    }

    /// <summary>The cases of a manifest.</summary>
    /// <exception cref="InvalidInputException">It is missing or malformed.</exception>
    public static IReadOnlyList<(string Name, InputFamily Family, AttentionSemantics Semantics)> Entries(string folder)
    {
        var path = Path.Combine(folder, Manifest);
        try
        {
            using var document = JsonDocument.Parse(File.ReadAllText(path));
            return [.. document.RootElement.GetProperty("cases").EnumerateArray().Select(entry => (
                entry.GetProperty("name").GetString()!,
                Enum.Parse<InputFamily>(entry.GetProperty("family").GetString()!, ignoreCase: true),
                SemanticsJson.Parse(entry.GetProperty("problem"), $"{path}, {entry.GetProperty("name").GetString()}")))];
        }
        catch (Exception exception) when (exception is JsonException or KeyNotFoundException or InvalidOperationException or IOException or ArgumentException)
        {
            throw new InvalidInputException(path, "missing or not a manifest of cases", "the cases.json of 'golden make'", exception);
        }
    }

    // Code words leave nothing to rounding: each output is a small integer, bit by bit.
    private static VerificationReport Exactly(VerificationReport report, AttentionCase item)
    {
        var wrong = item.Output.ToDoubles().Count(value => value != Math.Round(value));
        return wrong == 0 || report.Verdict.State == Verdict.Fail ? report : report with
        {
            Verdict = report.Verdict with { State = Verdict.Fail, Reasons = [$"{wrong} outputs are not the integers that a right kernel returns bit by bit"] },
        };
    }

    // A softmax of a single key, or one-hot everywhere, is what some of these cases are about.
    private static VerificationReport Trusted(VerificationReport report) => report.Verdict.State == Verdict.Mistrusted
        ? report with { Verdict = report.Verdict with { State = Verdict.Pass, Reasons = [] } }
        : report;

    private static bool AddOutputs(Dictionary<string, HostTensor> arrays, string path)
    {
        if (File.Exists(path + ".npz"))
        {
            foreach (var (name, tensor) in NpzArchive.Read(path + ".npz").Where(pair => pair.Key is "out" or "lse"))
            {
                arrays[name] = tensor;
            }
        }
        else if (File.Exists(path + ".safetensors"))
        {
            using var file = SafetensorsFile.Open(path + ".safetensors");
            foreach (var name in file.Names.Where(name => name is "out" or "lse"))
            {
                arrays[name] = file.Read(name);
            }
        }
        else
        {
            return false;
        }

        return true;
    }

    private static IEnumerable<KeyValuePair<string, HostTensor>> Arrays(GoldenCase item)
    {
        var p = item.Problem;
        yield return new("q", Storable(item.Q));
        yield return new("k", Storable(item.K));
        yield return new("v", Storable(item.V));
        yield return new("mask", MaskPlanes.Of(p.BindMask()).ToTensor());
        switch (p.Bias)
        {
            case DenseBias dense:
                yield return new("bias", dense.Values);
                break;
            case AlibiBias alibi:
                yield return new("slopes", HostTensor.From<double>([.. alibi.Slopes], alibi.Slopes.Count));
                break;
            case RelativeBias relative:
                yield return new("bias_table", relative.Table);
                break;
        }

        if (p.Sinks is not null)
        {
            yield return new("sinks", HostTensor.From<double>([.. p.Sinks], p.Sinks.Count));
        }

        var expected = HostTensor.Zeros(DType.F64, p.Layout.Shape(p.Batch, p.QueryHeads, p.QueryLength, p.ValueSize));
        for (var row = 0; row < item.Reference.Rows; row++)
        {
            var (b, h, query) = (row / (p.QueryHeads * p.QueryLength), row / p.QueryLength % p.QueryHeads, row % p.QueryLength);
            item.Reference.Output.AsSpan(row * p.ValueSize, p.ValueSize)
                .CopyTo(expected.Span<double>()[p.Layout.RowOffset(p.QueryHeads, p.QueryLength, p.ValueSize, b, h, query)..]);
        }

        yield return new("expected", expected);
        yield return new("expected_lse", HostTensor.From(item.Reference.LogSumExp, p.Batch, p.QueryHeads, p.QueryLength));
    }

    private static HostTensor Storable(HostTensor tensor) => tensor.Type == DType.BF16 ? tensor.To(DType.F32) : tensor;
}
