using System.CommandLine;
using Stof.Reference.Cli.Rendering;
using Stof.Reference.Interchange;

namespace Stof.Reference.Cli.Commands;

/// <summary><c>mask gallery</c>: a page with every pattern of the catalogue and its picture.</summary>
internal static class MaskGalleryCommand
{
    /// <summary>Creates the sub-command.</summary>
    public static Command Create()
    {
        var command = new Command("gallery", "Write a gallery of all patterns: index.html, README.md and a picture of each.");
        var output = new Option<string>("--out") { Description = "folder to write to; it is created if needed", Required = true };
        command.Options.Add(output);
        command.SetAction(result =>
        {
            var folder = result.GetValue(output)!;
            Directory.CreateDirectory(folder);
            var files = MaskGallery.Files();
            foreach (var (name, text) in files)
            {
                AtomicFile.WriteText(Path.Combine(folder, name), text);
            }

            Console.WriteLine($"{files.Count} files in {folder}");
            return 0;
        });
        return command;
    }
}
