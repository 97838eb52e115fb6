using System.Diagnostics;
using System.Reflection;
using Stof.Reference.Conformance.Tests;
using Xunit;
using Xunit.Sdk;
using Xunit.v3;

namespace Stof.Reference.DeviceChecks.Checks;

/// <summary>Runs the facts and theories of the conformance suite's classes on a subject, without a test host.</summary>
internal static class SuiteRunner
{
    /// <summary>Runs classes derived from the suite's abstract ones.</summary>
    /// <param name="subject">The backend under test.</param>
    /// <param name="classes">Each takes the subject in its constructor.</param>
    /// <returns>What ran, and the slowest test.</returns>
    public static CheckOutcome Run(BackendUnderTest subject, params IReadOnlyList<Type> classes)
    {
        var (cases, refused) = (0, 0);
        var slowest = (Seconds: 0.0, Name: "");
        foreach (var type in classes)
        {
            var instance = Activator.CreateInstance(type, subject)!;
            foreach (var method in type.GetMethods().Where(method => method.GetCustomAttribute<FactAttribute>() is not null))
            {
                foreach (var arguments in Arguments(type, method))
                {
                    var name = $"{method.Name}({string.Join(", ", arguments)})";
                    var watch = Stopwatch.StartNew();
                    refused += Passes(instance, method, arguments, name) ? 0 : 1;
                    cases++;
                    if (watch.Elapsed.TotalSeconds > slowest.Seconds)
                    {
                        slowest = (watch.Elapsed.TotalSeconds, name);
                    }
                }
            }
        }

        return new CheckOutcome(cases, $"{(refused == 0 ? "" : $"{refused} refused, ")}slowest {slowest.Name} {slowest.Seconds:f1} s");
    }

    private static bool Passes(object instance, MethodInfo method, object?[] arguments, string name)
    {
        try
        {
            method.Invoke(instance, arguments);
            return true;
        }
        catch (TargetInvocationException exception) when (exception.InnerException is SkipException)
        {
            return false; // the backend refuses what this test asks
        }
        catch (TargetInvocationException exception) when (exception.InnerException is { } inner)
        {
            throw new CheckFailedException($"{name}: {(inner is XunitException ? "" : $"{inner.GetType().Name}: ")}{inner.Message}");
        }
    }

    private static IEnumerable<object?[]> Arguments(Type type, MethodInfo method)
    {
        var sources = method.GetCustomAttributes<DataAttribute>().ToArray();
        if (sources.Length == 0)
        {
            return [[]];
        }

        return sources.SelectMany(source => source switch
        {
            InlineDataAttribute inline => [inline.Data],
            MemberDataAttribute member => ((IEnumerable<ITheoryDataRow>)Member(member.MemberType ?? type, member.MemberName).GetValue(null)!)
                .Select(row => row.GetData()),
            _ => throw new CheckFailedException($"{method.Name} takes data from {source.GetType().Name}, which is not run here"),
        });
    }

    private static PropertyInfo Member(Type type, string name) =>
        type.GetProperty(name, BindingFlags.Public | BindingFlags.Static | BindingFlags.FlattenHierarchy)
        ?? throw new CheckFailedException($"{type.Name} has no static property {name}");
}
