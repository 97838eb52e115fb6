using System.CommandLine;
using System.Globalization;
using Stof.Reference.Cuda.Catalog;
using Stof.Reference.Cuda.Ptx;

namespace Stof.Reference.Cli.Commands;

/// <summary>What all verbs of <c>cuda</c> take: a template, its parameters and a target.</summary>
internal sealed class CudaKernelArguments
{
    private readonly Argument<string> _template = new("template")
    {
        Description = $"kernel: {string.Join(", ", CudaKernelCatalog.All.Select(template => template.Name))}",
    };

    private readonly Argument<string[]> _parameters = new("parameters")
    {
        Description = "name=value for parameters that shall not have their defaults: "
            + string.Join("; ", CudaKernelCatalog.All.Select(template =>
                $"{template.Name}: {string.Join(", ", template.Parameters.Select(parameter => $"{parameter.Name}={parameter.Default}"))}")),
        Arity = ArgumentArity.ZeroOrMore,
    };

    private readonly Option<string> _target = new("--target")
    {
        Description = string.Join(", ", Target.All.Select(target => target.Name)),
        DefaultValueFactory = _ => Target.Sm80.Name,
    };

    /// <summary>Adds them to a verb.</summary>
    public void AddTo(Command command)
    {
        command.Add(_template);
        command.Add(_parameters);
        command.Add(_target);
    }

    /// <summary>What was given.</summary>
    /// <exception cref="InvalidInputException">No such template, parameter or target.</exception>
    public (CudaKernelTemplate Template, TemplateValues Values, Target Target) Read(ParseResult result)
    {
        var template = CudaKernelCatalog.Named(result.GetRequiredValue(_template));
        var given = new Dictionary<string, int>();
        foreach (var text in result.GetValue(_parameters) ?? [])
        {
            var parts = text.Split('=');
            if (parts.Length != 2 || !int.TryParse(parts[1], NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var value))
            {
                throw new InvalidInputException("parameter", $"'{text}'", "name=number");
            }

            if (!given.TryAdd(parts[0], value))
            {
                throw new InvalidInputException("parameter", $"{parts[0]} twice", "one value");
            }
        }

        return (template, template.Values(given), Target.Named(result.GetRequiredValue(_target)));
    }
}
