using System.Collections.Immutable;
using System.Globalization;
using System.Runtime.CompilerServices;

namespace Stof.Reference.Cuda.Ptx;

/// <summary>
/// Writes one kernel, instruction by instruction. Every instruction is a method whose operand types C# checks; results are new virtual
/// registers, which the driver's compiler assigns. Loops that C# runs are unrolled, loops that <see cref="While"/> writes are not.
/// The instructions themselves stand in <c>Instructions/</c>, one family a file.
/// </summary>
public sealed partial class KernelBuilder
{
    private readonly List<Instruction> _instructions = [];
    private readonly List<KernelParameter> _parameters = [];
    private readonly List<SharedArray> _shared = [];
    private readonly Dictionary<(RegisterFile File, ulong Bits), int> _constants = [];
    private readonly Dictionary<int, int> _labelPositions = [];
    private readonly List<Label> _labels = [];
    private readonly int[] _registerCounts = new int[Enum.GetValues<RegisterFile>().Length];
    private readonly List<RegisterType>[] _registerTypes = [[], [], []];
    private (Operand Operand, bool IsNegated)? _guard;
    private int _parameterBytes;
    private int _sharedBytes;
    private bool _isBuilt;

    /// <summary>Starts a kernel.</summary>
    /// <param name="name">Entry name: letters, digits and underscores.</param>
    /// <param name="target">What may be used.</param>
    /// <exception cref="InvalidInputException">The name is no PTX identifier, or reserved.</exception>
    public KernelBuilder(string name, Target target)
    {
        ArgumentNullException.ThrowIfNull(target);
        Name = PtxIdentifier.Checked("kernel name", name);
        Target = target;
    }

    /// <summary>Entry name.</summary>
    public string Name { get; }

    /// <summary>What may be used.</summary>
    public Target Target { get; }

    /// <summary>Bytes of shared memory declared so far.</summary>
    public int SharedBytes => _sharedBytes;

    /// <summary>A new register that nothing has written yet.</summary>
    public T NewRegister<T>()
        where T : struct, IValue<T> => T.Of(NewRegister(T.Type));

    /// <summary>Reserves shared memory; arrays lie behind one another.</summary>
    /// <param name="name">Name for findings and the text.</param>
    /// <param name="bytes">Size.</param>
    /// <param name="alignment">A power of two, at most 1024.</param>
    /// <exception cref="InvalidInputException">The target's blocks cannot have as much, or the alignment is off.</exception>
    public SharedArray Shared(string name, int bytes, int alignment = 16)
    {
        if (alignment is < 1 or > 1024 || (alignment & (alignment - 1)) != 0)
        {
            throw new InvalidInputException(nameof(alignment), $"{alignment}", "a power of two up to 1024");
        }

        var offset = (_sharedBytes + alignment - 1) & -alignment;
        if (bytes < 0 || (long)offset + bytes > Target.SharedBytes)
        {
            throw new InvalidInputException(
                $"shared array {name}", $"{(long)offset + bytes} bytes in all", $"at most {Target.SharedBytes} on {Target.Name}");
        }

        _sharedBytes = offset + bytes;
        var array = new SharedArray(name, offset, bytes, alignment);
        _shared.Add(array);
        return array;
    }

    /// <summary>Declares the next parameter and loads it.</summary>
    /// <param name="name">Name in the text, unique.</param>
    /// <param name="file">Path of the caller.</param>
    /// <param name="line">Line of the caller.</param>
    /// <exception cref="InvalidInputException">There is one of that name, or it is no PTX identifier, or reserved.</exception>
    public T Parameter<T>(string name, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0)
        where T : struct, IValue<T>
    {
        if (_parameters.Exists(parameter => parameter.Name == name))
        {
            throw new InvalidInputException("parameter", $"{name} twice", "one parameter of a name");
        }

        var bytes = T.Type.Bits() / 8;
        var parameter = new KernelParameter(PtxIdentifier.Checked("parameter", name), T.Type, (_parameterBytes + bytes - 1) & -bytes);
        _parameterBytes = parameter.Offset + bytes;
        _parameters.Add(parameter);
        var destination = NewRegister<T>();
        Emit(ParameterInstructions.Load(T.Type), [destination.Operand], file, line, parameter: parameter);
        return destination;
    }

    /// <summary>A place to branch to; <see cref="Place"/> says where it is.</summary>
    public Label NewLabel(string name = "L")
    {
        var label = new Label(_labels.Count, string.Create(CultureInfo.InvariantCulture, $"${name}_{_labels.Count}"));
        _labels.Add(label);
        return label;
    }

    /// <summary>Puts a label before the next instruction.</summary>
    /// <exception cref="InvalidInputException">It has a place already.</exception>
    public void Place(Label label)
    {
        ArgumentNullException.ThrowIfNull(label);
        if (!_labelPositions.TryAdd(label.Index, _instructions.Count))
        {
            throw new InvalidInputException("label", $"{label.Name} placed twice", "one place");
        }
    }

    /// <summary>Instructions emitted until the result is disposed run only in lanes whose predicate is set (or clear).</summary>
    /// <exception cref="InvalidInputException">There is a guard already: PTX has one an instruction.</exception>
    public GuardScope When(Pred predicate, bool isNegated = false)
    {
        if (_guard is not null)
        {
            throw new InvalidInputException("guard", "a guard within a guard", "one guard; combine the predicates with And");
        }

        _guard = (predicate.Operand, isNegated);
        return new GuardScope(this);
    }

    /// <summary>Runs a part in the lanes whose predicate is set, another in the rest; lanes meet again behind it.</summary>
    public void If(
        Pred predicate, Action then, Action? otherwise = null, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0)
    {
        ArgumentNullException.ThrowIfNull(then);
        var behind = NewLabel("endif");
        var other = otherwise is null ? behind : NewLabel("else");
        using (When(predicate, isNegated: true))
        {
            Branch(other, file, line);
        }

        then();
        if (otherwise is not null)
        {
            Branch(behind, file, line);
            Place(other);
            otherwise();
        }

        Place(behind);
    }

    /// <summary>A loop that ends before the body where a condition, computed anew each time, is clear.</summary>
    public void While(Func<Pred> condition, Action body, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0)
    {
        ArgumentNullException.ThrowIfNull(condition);
        ArgumentNullException.ThrowIfNull(body);
        var head = NewLabel("while");
        var behind = NewLabel("done");
        Place(head);
        var holds = condition();
        using (When(holds, isNegated: true))
        {
            Branch(behind, file, line);
        }

        body();
        Branch(head, file, line);
        Place(behind);
    }

    /// <summary>Ends the kernel.</summary>
    /// <param name="threads">Threads of a block, a multiple of 32; the kernel may only be launched with exactly these.</param>
    /// <param name="minimumBlocks">Blocks that shall fit a multiprocessor, so that the compiler bounds registers; 0 for no wish.</param>
    /// <param name="file">Path of the caller.</param>
    /// <param name="line">Line of the caller.</param>
    /// <exception cref="InvalidInputException">A label has no place, a register is read that nothing writes, or the threads are off.</exception>
    public Kernel Build(int threads, int minimumBlocks = 0, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0)
    {
        if (_isBuilt)
        {
            throw new InvalidOperationException($"{Name} is built already");
        }

        if (threads is < 32 or > 1024 || threads % 32 != 0)
        {
            throw new InvalidInputException(nameof(threads), $"{threads}", "a multiple of 32 up to 1024");
        }

        if (_instructions.Count == 0 || _instructions[^1].Opcode != ControlInstructions.Return
            || _instructions[^1].Guard is not null || _labelPositions.ContainsValue(_instructions.Count))
        {
            Return(file, line);
        }

        foreach (var label in _labels)
        {
            if (!_labelPositions.ContainsKey(label.Index))
            {
                throw new InvalidInputException("label", $"{label.Name} without a place", "one place for each label");
            }
        }

        _isBuilt = true;
        var constants = new ulong[_registerCounts.Length][];
        foreach (var registers in Enum.GetValues<RegisterFile>())
        {
            constants[(int)registers] = [.. _constants.Where(entry => entry.Key.File == registers).OrderBy(entry => entry.Value).Select(entry => entry.Key.Bits)];
        }

        return new Kernel
        {
            Name = Name,
            Target = Target,
            Threads = threads,
            MinimumBlocks = minimumBlocks,
            ClusterBlocks = ClusterBlocks,
            Instructions = [.. _instructions],
            Parameters = [.. _parameters],
            ParameterBytes = _parameterBytes,
            SharedArrays = [.. _shared],
            SharedBytes = _sharedBytes,
            LocalArrays = [.. _local],
            LocalBytes = _localBytes,
            LabelPositions = [.. _labels.Select(label => _labelPositions[label.Index])],
            Labels = [.. _labels],
            RegisterTypes = [.. _registerTypes.Select(types => types.ToImmutableArray())],
            Constants = [.. constants.Select(bits => bits.ToImmutableArray())],
        };
    }

    /// <summary>Adds an instruction with one result in a new register.</summary>
    internal T Emit<T>(Opcode opcode, ReadOnlySpan<Operand> sources, string file, int line, long offset = 0)
        where T : struct, IValue<T>
    {
        var destination = NewRegister<T>();
        Emit(opcode, [destination.Operand, .. sources], file, line, offset);
        return destination;
    }

    /// <summary>Adds an instruction.</summary>
    /// <param name="opcode">Which.</param>
    /// <param name="operands">All operands in the order of its slots.</param>
    /// <param name="file">Path of the caller.</param>
    /// <param name="line">Line of the caller.</param>
    /// <param name="offset">Bytes added to the address.</param>
    /// <param name="label">Where it branches to.</param>
    /// <param name="parameter">The parameter that it loads.</param>
    /// <param name="sharedArray">The shared array whose address it takes.</param>
    /// <param name="localArray">The local array whose address it takes.</param>
    /// <param name="sourceOffset">Bytes added to the second address of an instruction that copies.</param>
    /// <exception cref="InvalidInputException">The target lacks the instruction.</exception>
    internal void Emit(
        Opcode opcode,
        ReadOnlySpan<Operand> operands,
        string file,
        int line,
        long offset = 0,
        Label? label = null,
        KernelParameter? parameter = null,
        SharedArray? sharedArray = null,
        LocalArray? localArray = null,
        long sourceOffset = 0)
    {
        var source = new SourceLine(Path.GetFileName(file), line);
        if (!Target.Has(opcode.Requires))
        {
            throw new InvalidInputException(
                $"instruction {opcode.Name} at {source}",
                $"target {Target.Name}",
                opcode.Requires.ArchitectureSpecific ? $"sm_{opcode.Requires.ComputeCapability}a" : $"sm_{opcode.Requires.ComputeCapability} or newer");
        }

        if (operands.Length != opcode.OperandCount)
        {
            throw new InvalidOperationException($"{opcode.Name} at {source} takes {opcode.OperandCount} operands, not {operands.Length}");
        }

        var interned = new Operand[operands.Length];
        var next = 0;
        foreach (var slot in opcode.Slots)
        {
            for (var i = 0; i < slot.Count; i++, next++)
            {
                var operand = operands[next];
                if (!operand.IsRegister && !opcode.TakesConstants && slot is { Role: SlotRole.Source, MustBeConstant: false })
                {
                    var register = NewRegister(operand.Type);
                    Emit(MoveInstructions.Of(operand.Type), [register, operand], file, line);
                    operand = register;
                }

                interned[next] = Checked(opcode, slot, operand, source);
            }
        }

        _instructions.Add(new Instruction(opcode, ImmutableCollectionsMarshal(interned), source)
        {
            Offset = offset,
            SourceOffset = sourceOffset,
            Label = label,
            Parameter = parameter,
            SharedArray = sharedArray,
            LocalArray = localArray,
            Guard = _guard?.Operand,
            GuardIsNegated = _guard?.IsNegated ?? false,
        });
    }

    /// <summary>Ends a guard.</summary>
    internal void EndGuard() => _guard = null;

    private static ImmutableArray<Operand> ImmutableCollectionsMarshal(Operand[] operands) =>
        System.Runtime.InteropServices.ImmutableCollectionsMarshal.AsImmutableArray(operands);

    internal Operand NewRegister(RegisterType type)
    {
        var file = type.File();
        _registerTypes[(int)file].Add(type);
        return new Operand(OperandKind.Register, type, _registerCounts[(int)file]++, 0);
    }

    private Operand Checked(Opcode opcode, Slot slot, Operand operand, SourceLine source)
    {
        if (operand.IsRegister)
        {
            if (slot.MustBeConstant || operand.Type.File() != slot.Type.File())
            {
                throw new InvalidOperationException($"{opcode.Name} at {source}: {operand} is no {(slot.MustBeConstant ? "constant" : slot.Type)}");
            }

            return operand;
        }

        if (slot.Role == SlotRole.Destination || operand.Type == RegisterType.Pred)
        {
            throw new InvalidOperationException($"{opcode.Name} at {source}: a constant cannot be {slot.Role}");
        }

        var key = (operand.Type.File(), operand.Bits);
        if (!_constants.TryGetValue(key, out var index))
        {
            index = _constants.Count(entry => entry.Key.File == key.Item1);
            _constants.Add(key, index);
        }

        return operand with { Index = index };
    }
}

/// <summary>Ends a guard when disposed.</summary>
public readonly ref struct GuardScope
{
    private readonly KernelBuilder _builder;

    internal GuardScope(KernelBuilder builder) => _builder = builder;

    /// <summary>Ends the guard.</summary>
    public void Dispose() => _builder.EndGuard();
}
