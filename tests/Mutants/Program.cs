using Stof.Reference.Mutants;

// list | apply NAME ROOT | check CHECK CORPUS: names; one mutant into the sources under ROOT; one check of the kernels as they are built.
switch (args)
{
    case ["list"]:
        foreach (var mutant in Mutant.All())
        {
            Console.WriteLine(mutant.Name);
        }

        return 0;
    case ["checks"]:
        foreach (var name in KernelChecks.All.Keys)
        {
            Console.WriteLine(name);
        }

        return 0;
    case ["apply", var name, var root]:
        Mutant.All().Single(mutant => mutant.Name == name).Apply(root);
        return 0;
    case ["check", var check, var corpus] when KernelChecks.All.TryGetValue(check, out var run):
        var finding = run(corpus);
        Console.WriteLine(finding ?? "nothing found");
        return finding is null ? 0 : 1;
    default:
        Console.Error.WriteLine($"expected list, checks, apply NAME ROOT, or check {string.Join('|', KernelChecks.All.Keys)} CORPUS");
        return 2;
}
