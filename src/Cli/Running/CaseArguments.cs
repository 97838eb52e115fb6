using System.CommandLine;
using Stof.Reference.Cli.Commands;
using Stof.Reference.Formats;
using Stof.Reference.Numerics;
using Stof.Reference.Tensors;
using Stof.Reference.Verification.Cases;

namespace Stof.Reference.Cli.Running;

/// <summary>The arguments by which verify, diagnose, probe and determinism are told what an attention means and where its tensors are.</summary>
internal sealed class CaseArguments
{
    private static readonly string[] Names = ["q", "k", "v", "out", "lse", "mask", "bias", "bias_table", "slopes", "sinks", "lengths"];

    private readonly Dictionary<string, Option<string?>> _tensors;
    private readonly Argument<string[]>? _files;
    private readonly Option<string?> _problem = new("--problem") { Description = "problem file (JSON) with every semantic field; options override it" };
    private readonly Option<string?> _mask = new("--mask") { Description = $"{MaskSource.Help}; default: the array 'mask'" };
    private readonly Option<string?> _layout = new("--layout") { Description = "bhsd or bshd: the order of the axes; default bhsd" };
    private readonly Option<string?> _alignment = new("--alignment") { Description = "bottom-right or top-left; needed where lengths differ and the mask compares positions" };
    private readonly Option<string?> _type = new("--dtype") { Description = "the kernel's dtype, where tensors are stored wider: f32, f16, bf16; default that of q" };
    private readonly Option<double?> _scale = new("--scale") { Description = "factor on q·k; 1/sqrt(D) by default" };
    private readonly Option<double?> _softcap = new("--softcap") { Description = "c of c·tanh(score/c), applied after bias and before the mask" };
    private readonly Option<bool> _alibi = new("--alibi") { Description = "ALiBi: the array 'slopes', or the standard slopes" };
    private readonly Option<bool> _relative = new("--relative-bias") { Description = "T5's relative bias from the array 'bias_table'" };
    private readonly Option<string?> _base = new("--lse-base") { Description = "natural or 2; default natural" };
    private readonly Option<string?> _tile = new("--tile") { Description = "the kernel's tile, for tile classes and coordinates; default 64x64" };

    /// <summary>Adds the arguments to a command.</summary>
    /// <param name="command">The command.</param>
    /// <param name="withFiles">Whether cases are given as files; otherwise only semantics are.</param>
    public CaseArguments(Command command, bool withFiles)
    {
        _tensors = Names.Where(name => name != "mask").ToDictionary(name => name, name => new Option<string?>($"--{name.Replace('_', '-')}")
        {
            Description = $"'{name}' from this file: .npy, .npz[:key], .safetensors[:key]",
            Hidden = name is "bias_table" or "slopes",
        });
        if (withFiles)
        {
            _files = new Argument<string[]>("cases")
            {
                Description = ".npz or .safetensors with q, k, v, out and optionally mask, lse, bias, sinks, slopes, lengths",
                Arity = ArgumentArity.ZeroOrMore,
            };
            command.Arguments.Add(_files);
            foreach (var option in _tensors.Values)
            {
                command.Options.Add(option);
            }
        }

        foreach (var option in new Option[] { _problem, _mask, _layout, _alignment, _type, _scale, _softcap, _alibi, _relative, _base, _tile })
        {
            command.Options.Add(option);
        }
    }

    /// <summary>The tiling.</summary>
    public TileShape Tile(ParseResult result) => result.GetValue(_tile) is { } text ? TileShape.Parse(text) : TileShape.Default;

    /// <summary>The semantics.</summary>
    /// <exception cref="InvalidInputException">A file or a value is wrong.</exception>
    public AttentionSemantics Semantics(ParseResult result)
    {
        var semantics = result.GetValue(_problem) is { } path ? SemanticsJson.Parse(TextFile.Read(path), path) : new AttentionSemantics();
        if (result.GetValue(_alibi) && result.GetValue(_relative))
        {
            throw new InvalidInputException("--alibi", "given beside --relative-bias", "one or the other");
        }

        return semantics with
        {
            Mask = result.GetValue(_mask) is { } mask ? MaskSource.Load(mask) : semantics.Mask,
            Layout = result.GetValue(_layout) is { } layout ? SemanticsJson.Layout(layout) : semantics.Layout,
            Alignment = result.GetValue(_alignment) is { } alignment ? SemanticsJson.Alignment(alignment) : semantics.Alignment,
            Type = result.GetValue(_type) is { } type ? DTypes.Parse(type) : semantics.Type,
            Scale = result.GetValue(_scale) ?? semantics.Scale,
            Softcap = result.GetValue(_softcap) ?? semantics.Softcap,
            Bias = result.GetValue(_alibi) ? BiasSource.Alibi : result.GetValue(_relative) ? BiasSource.Relative : semantics.Bias,
            LseBase = result.GetValue(_base) is { } lseBase ? SemanticsJson.Base(lseBase) : semantics.LseBase,
        };
    }

    /// <summary>The cases; read one after the other.</summary>
    /// <exception cref="InvalidInputException">No case is given, or one is malformed.</exception>
    public IEnumerable<AttentionCase> Cases(ParseResult result)
    {
        var files = _files is null ? [] : result.GetValue(_files) ?? [];
        var semantics = Semantics(result);
        var single = _tensors
            .Where(pair => result.GetValue(pair.Value) is not null)
            .ToDictionary(pair => pair.Key, pair => TensorArgument.Read(result.GetValue(pair.Value)!, pair.Key));
        if (files.Length == 0 && single.Count == 0)
        {
            throw new InvalidInputException("cases", "none", "a .npz or .safetensors file, or --q, --k, --v and --out");
        }

        return files.Length == 0
            ? [AttentionCase.Create("case", semantics, single)]
            : files.Select(file => AttentionCase.Create(file, semantics, Merge(TensorArgument.ReadAll(file), single)));
    }

    private static Dictionary<string, HostTensor> Merge(
        IReadOnlyDictionary<string, HostTensor> file, Dictionary<string, HostTensor> options)
    {
        var all = new Dictionary<string, HostTensor>(file);
        foreach (var (name, tensor) in options)
        {
            all[name] = tensor;
        }

        return all;
    }
}
