using System.Text.Json;
using Stof.Reference.Tensors;

namespace Stof.Reference.Interchange;

/// <summary>
/// A checkpoint folder as Hugging Face lays it out: <c>config.json</c> beside <c>model.safetensors</c>, or beside
/// <c>model.safetensors.index.json</c> and the shards that it names. Headers are read on opening, tensors when they are asked
/// for.
/// </summary>
public sealed class HuggingFaceFolder : IDisposable
{
    private const string SingleFile = "model.safetensors";
    private const string IndexFile = "model.safetensors.index.json";

    private readonly List<SafetensorsFile> _files = [];
    private readonly OrderedDictionary<string, SafetensorsFile> _tensors = new(StringComparer.Ordinal);

    private HuggingFaceFolder(string folder, ModelConfig config)
    {
        Folder = folder;
        Config = config;
    }

    /// <summary>The folder, as given.</summary>
    public string Folder { get; }

    /// <summary>What <c>config.json</c> says.</summary>
    public ModelConfig Config { get; }

    /// <summary>The tensors' names.</summary>
    public IReadOnlyList<string> Names => _tensors.Keys;

    /// <summary>Opens a folder.</summary>
    /// <exception cref="InvalidInputException">
    /// A file is missing or malformed; the message names file and field or byte.
    /// </exception>
    public static HuggingFaceFolder Open(string folder)
    {
        ArgumentNullException.ThrowIfNull(folder);
        if (!Directory.Exists(folder))
        {
            throw new InvalidInputException(folder, "no such folder", $"a folder with config.json and {SingleFile}");
        }

        var result = new HuggingFaceFolder(folder, ModelConfig.Open(Path.Combine(folder, "config.json")));
        try
        {
            result.OpenWeights();
            return result;
        }
        catch
        {
            result.Dispose();
            throw;
        }
    }

    /// <summary>Reads a tensor.</summary>
    /// <exception cref="InvalidInputException">There is no such tensor, or its data is damaged.</exception>
    public HostTensor Tensor(string name) =>
        TryTensor(name) ?? throw new InvalidInputException(
            Folder, $"no tensor {InputFile.Quote(name)}", $"one of its {_tensors.Count} tensors");

    /// <summary>Reads a tensor, or returns null where there is none of this name.</summary>
    /// <exception cref="InvalidInputException">The tensor's data is damaged.</exception>
    public HostTensor? TryTensor(string name) => _tensors.TryGetValue(name, out var file) ? file.Read(name) : null;

    /// <summary>Closes the files.</summary>
    public void Dispose()
    {
        Config.Dispose();
        foreach (var file in _files)
        {
            file.Dispose();
        }
    }

    private void OpenWeights()
    {
        var index = Path.Combine(Folder, IndexFile);
        if (File.Exists(index))
        {
            try
            {
                OpenShards(index);
                return;
            }
            catch (InvalidOperationException exception)
            {
                // How a JSON string that is no Unicode (a lone surrogate) reports itself.
                throw new InvalidInputException(
                    $"{index}, field weight_map", "a name that is no text", "tensor names with their files", exception);
            }
        }

        var file = Add(SingleFile);
        foreach (var name in file.Names)
        {
            _tensors.Add(name, file);
        }
    }

    private void OpenShards(string index)
    {
        using var stream = InputFile.Open(index);
        using var document = ModelConfig.ReadObject(stream, index);
        if (!document.RootElement.TryGetProperty("weight_map", out var map) || map.ValueKind != JsonValueKind.Object)
        {
            throw new InvalidInputException($"{index}, field weight_map", "no object", "tensor names with their files");
        }

        var shards = new Dictionary<string, SafetensorsFile>(StringComparer.Ordinal);
        foreach (var property in map.EnumerateObject())
        {
            var shard = property.Value.ValueKind == JsonValueKind.String ? property.Value.GetString()! : string.Empty;
            if (!IsPlainName(shard))
            {
                throw new InvalidInputException(
                    $"{index}, field weight_map",
                    $"{InputFile.Quote(property.Value.GetRawText())} for {InputFile.Quote(property.Name)}",
                    "the name of a file in this folder");
            }

            if (!shards.TryGetValue(shard, out var file))
            {
                file = Add(shard);
                shards.Add(shard, file);
            }

            if (!file.Contains(property.Name))
            {
                throw new InvalidInputException(
                    Path.Combine(Folder, shard),
                    $"no tensor {InputFile.Quote(property.Name)}",
                    $"the tensors that {IndexFile} puts there");
            }

            _tensors.Add(property.Name, file);
        }
    }

    private SafetensorsFile Add(string name)
    {
        var file = SafetensorsFile.Open(Path.Combine(Folder, name));
        _files.Add(file);
        return file;
    }

    private static bool IsPlainName(string name) =>
        name.EndsWith(".safetensors", StringComparison.Ordinal)
        && !name.AsSpan().ContainsAny('/', '\\', '\0')
        && !name.StartsWith('.');
}
