using Stof.Reference.Cuda.Ptx;
using Stof.Reference.Numerics;

namespace Stof.Reference.Cuda.Templates;

/// <summary>
/// C = epilogue(A·Wᵀ) with float sums. A block owns a tile of C and walks the depth: while it multiplies one step out of shared memory, the next ones
/// are on their way there by asynchronous copies. The number of steps is known when the kernel is written, so the ring of stages is unrolled, no
/// step asks whether there is another one, and addresses are constants off a few registers.
/// Source of the schedule: Thakkar et al., "CUTLASS" (multistage mainloop).
/// </summary>
internal abstract class GemmKernel
{
    private const int WarpLanes = 32;
    private const int TallTile = 128;

    private readonly OperandCopy _a;
    private readonly OperandCopy _b;
    private readonly B32? _lastBytes;
    private readonly SharedPointer _kept;
    private readonly SharedPointer? _moments;
    private bool _isRecalled;

    /// <summary>Starts the kernel: parameters, the block's tile, addresses of its copies.</summary>
    protected GemmKernel(GemmSpec spec, Target target)
    {
        Spec = spec;
        Builder = new KernelBuilder(spec.KernelName, target);
        var b = Builder;
        b.Cluster(spec.ClusterBlocks);
        Parameters = new GemmParameters(b, spec);
        Stages = b.AddressOf(b.Shared("stages", spec.RingBytes, 1024));
        Resident = spec.Prologue is null ? null : b.AddressOf(b.Shared("rows", spec.ResidentBytes, 1024));
        Thread = b.ThreadX();
        Lane = b.And(Thread, WarpLanes - 1);
        var warp = b.ShrU32(Thread, 5);
        (WarpRow, WarpColumn) = Tile.WarpColumns == 1
            ? (warp, B32.Constant(0))
            : (b.DivU32(warp, Tile.WarpColumns), b.And(warp, Tile.WarpColumns - 1));
        Place = new BlockPlace(b, spec, Parameters.Rows);
        _kept = b.AddressOf(b.Shared("place", BlockPlace.Bytes));
        Place.Keep(b, _kept, Thread);
        _moments = spec.Norm is not null && RowMoments.SharedBytes(spec) is > 0 and var bytes ? b.AddressOf(b.Shared("moments", bytes)) : null;

        var (planeA, planeB) = (Parameters.A, Parameters.B);
        if (spec.IsBatched)
        {
            var item = b.ExtendU32(b.BlockZ());
            planeA = b.Add(planeA, b.MulLo(item, Parameters.BatchStrideA!.Value));
            planeB = b.Add(planeB, b.MulLo(item, Parameters.BatchStrideB!.Value));
        }

        B32 start = 0; // of the split, in bytes of a row
        if (spec.Splits > 1)
        {
            start = b.MulLo(b.BlockY(), spec.StepsPerSplit * Tile.DepthBytes);
            planeA = b.Add(planeA, b.ExtendU32(start));
            planeB = b.Add(planeB, b.ExtendU32(start));
        }

        B32? limit = spec.HasWholeRows ? null : Parameters.Rows;
        _a = new OperandCopy(
            b, Tile, Tile.Rows, Resident ?? Stages, Resident is null ? spec.StageBytes : spec.ResidentStepBytes, Thread, planeA, Place.FirstRow, limit, spec.InputPitch * spec.Type.Size());
        _b = new OperandCopy(
            b, Tile, Tile.Columns, Stages + spec.OffsetOfB, spec.StageBytes, Thread, planeB, Place.FirstColumn, null, PackedWeight.Pitch(spec.Type, spec.Depth) * spec.Type.Size());
        if (spec.Depth * spec.Type.Size() % Tile.DepthBytes != 0)
        {
            // What lies behind the last element of a row of A may be anything; zeros take its place.
            var left = b.Sub(spec.Depth * spec.Type.Size() - ((spec.StepsPerSplit - 1) * Tile.DepthBytes), b.Add(start, b.Shl(_a.Unit, 4)));
            _lastBytes = b.MinS32(b.MaxS32(left, 0), RowPitch.Bytes);
        }
    }

    /// <summary>What is written into.</summary>
    protected KernelBuilder Builder { get; }

    /// <summary>What it is built for.</summary>
    protected GemmSpec Spec { get; }

    /// <summary>How it is cut.</summary>
    protected GemmTile Tile => Spec.Tile;

    /// <summary>Parameters.</summary>
    protected GemmParameters Parameters { get; }

    /// <summary>The ring of stages.</summary>
    protected SharedPointer Stages { get; }

    /// <summary>All steps of A's rows behind one another, where they are normalised; else they are in the ring.</summary>
    protected SharedPointer? Resident { get; }

    /// <summary>The block's tile of C.</summary>
    protected BlockPlace Place { get; private set; }

    /// <summary>The thread in its block.</summary>
    protected B32 Thread { get; }

    /// <summary>The lane in its warp.</summary>
    protected B32 Lane { get; }

    /// <summary>The warp's place along the rows.</summary>
    protected B32 WarpRow { get; }

    /// <summary>The warp's place along the columns.</summary>
    protected B32 WarpColumn { get; }

    /// <summary>Takes the moments of C's rows, where they are normalised; null for not at all.</summary>
    protected RowMoments? Moments => Spec.Norm is null ? null : new RowMoments(Builder, Spec, _moments, Thread, WarpRow, WarpColumn, Place.FirstColumn);

    /// <summary>Steps of the multiplication within a step of the ring.</summary>
    protected abstract int Parts { get; }

    /// <summary>True if operands of a part are loaded while the part before is multiplied.</summary>
    protected abstract bool LoadsAhead { get; }

    /// <summary>Writes the kernel of a specification.</summary>
    /// <exception cref="InvalidInputException">The specification is out of range.</exception>
    public static Kernel Build(GemmSpec spec, Target target)
    {
        ArgumentNullException.ThrowIfNull(spec);
        spec.Validated(target);
        GemmKernel kernel = spec.Type == DType.F32 ? new FmaGemm(spec, target) : new MmaGemm(spec, target);
        kernel.Multiply();
        kernel.RecallPlace();
        kernel.Store();
        return kernel.Builder.Build(spec.Tile.Threads);
    }

    /// <summary>Loads a part's operands from a stage.</summary>
    /// <param name="stage">The stage.</param>
    /// <param name="step">The step that lies there, counted from where addresses of rows that are all there stand.</param>
    /// <param name="part">The part of the step.</param>
    protected abstract B32[] Load(int stage, int step, int part);

    /// <summary>Moves the addresses of rows that are all there on.</summary>
    protected abstract void AdvanceResident(int bytes);

    /// <summary>Adds the product of a part's operands to the sums.</summary>
    protected abstract void Multiply(B32[] operands);

    /// <summary>Starts what the epilogue may copy into a stage that no step needs any more; the end of the last step waits for it.</summary>
    protected virtual void StartEpilogue(SharedPointer stage)
    {
    }

    /// <summary>Applies the epilogue and stores the block's tile; nothing of the ring is in use.</summary>
    protected abstract void Store();

    private void RecallPlace()
    {
        Place = _isRecalled ? Place : BlockPlace.Kept(Builder, _kept);
        _isRecalled = true;
    }

    // Copies of a thread for a step of the ring.
    private int Passes => (Resident is null ? _a.Passes : 0) + _b.Passes;

    // Stages whose weights are copied before the kernel in front has ended: it does not write them. All of them are waited for at once, which large tiles, bound by
    // arithmetic and many to a multiprocessor, would rather not.
    private int EarlyStages => !Builder.Target.Has(DependencyInstructions.Wait.Requires) ? 0 : Tile.Rows < TallTile ? Tile.Stages - 1 : 1;

    private void Multiply()
    {
        var (steps, stages) = (Spec.StepsPerSplit, Tile.Stages);
        var early = Math.Min(EarlyStages, steps);
        for (var stage = 0; stage < early; stage++)
        {
            Enumerable.Range(Passes - _b.Passes, _b.Passes).ToList().ForEach(pass => Start(pass, stage, stage, isLast: false));
        }

        Builder.AwaitPrevious();
        Builder.LetNextStart();
        if (Resident is not null)
        {
            for (var step = 0; step < steps; step++)
            {
                Enumerable.Range(0, _a.Passes).ToList().ForEach(pass => _a.Start(pass, step, step, step == steps - 1 ? _lastBytes : null));
            }

            Builder.CommitCopies();
        }

        for (var stage = 0; stage < stages - 1; stage++)
        {
            if (stage < steps)
            {
                Enumerable.Range(0, stage < early ? Passes - _b.Passes : Passes).ToList().ForEach(pass => Start(pass, stage, stage, isLast: stage == steps - 1));
            }

            Builder.CommitCopies();
        }

        if (Resident is { } rows)
        {
            Builder.WaitCopies(stages - 1);
            Builder.Barrier();
            new RowPrologue(Builder, Spec, Parameters.Gamma!.Value, Parameters.Beta, rows, Thread).Normalise();
        }

        Arrive();
        var operands = LoadsAhead ? Load(0, 0, 0) : [];

        // The last step's copies lie behind the loop: only they may find less than a whole step.
        var rounds = Math.Max(0, (steps - stages) / stages);
        if (rounds > 1)
        {
            operands = Loop(rounds, operands);
        }
        else
        {
            rounds = 0;
        }

        var left = steps - (rounds * stages);
        for (var step = 0; step < left; step++)
        {
            var ahead = step + stages - 1;
            if (step == Math.Max(0, left - stages + 1))
            {
                RecallPlace();
                StartEpilogue(Stages + (ahead % stages * Spec.StageBytes)); // the first step that copies nothing finds a free stage
            }

            operands = Step(step, operands, hasNext: step + 1 < left, copies: ahead < left, isLast: ahead == left - 1);
        }

        Builder.WaitAllCopies();
        Builder.Barrier();
    }

    private B32[] Loop(int rounds, B32[] first)
    {
        var b = Builder;
        B32[] carried = [.. first.Select(register => b.Copy(register))];
        var round = b.Copy<B32>(0);
        b.While(
            () => b.CompareU32(Comparison.Less, round, rounds),
            () =>
            {
                var operands = carried;
                for (var step = 0; step < Tile.Stages; step++)
                {
                    operands = Step(step, operands, hasNext: true, copies: true, isLast: false);
                }

                foreach (var (register, value) in carried.Zip(operands))
                {
                    b.Assign(register, value);
                }

                if (Resident is null)
                {
                    _a.Advance(Tile.Stages * Tile.DepthBytes);
                }
                else
                {
                    AdvanceResident(Tile.Stages * Spec.ResidentStepBytes);
                }

                _b.Advance(Tile.Stages * Tile.DepthBytes);
                b.Assign(round, b.Add(round, 1));
            });
        return carried;
    }

    // Multiplies a step; on the way starts the copies of the step that takes the place of the one before, and loads the next one's first operands.
    private B32[] Step(int step, B32[] operands, bool hasNext, bool copies, bool isLast)
    {
        var (stages, passes) = (Tile.Stages, copies ? Passes : 0);
        var ahead = step + stages - 1;
        var spread = Math.Max(1, Parts - 1); // parts that start copies; the last one waits
        for (var part = 0; part < Parts; part++)
        {
            if (part < spread)
            {
                for (var pass = passes * part / spread; pass < passes * (part + 1) / spread; pass++)
                {
                    Start(pass, ahead % stages, ahead, isLast);
                }

                if (part == spread - 1)
                {
                    Builder.CommitCopies();
                }
            }

            var current = LoadsAhead ? operands : Load(step % stages, step, part);
            if (part < Parts - 1)
            {
                operands = LoadsAhead ? Load(step % stages, step, part + 1) : [];
            }
            else if (hasNext)
            {
                Arrive();
                operands = LoadsAhead ? Load((step + 1) % stages, step + 1, 0) : [];
            }

            Multiply(current);
        }

        return operands;
    }

    // All threads see the oldest step that is on its way, and have done with the one before it.
    private void Arrive()
    {
        Builder.WaitCopies(Tile.Stages - 2);
        Builder.Barrier();
    }

    private void Start(int pass, int stage, int step, bool isLast)
    {
        var passesOfA = Passes - _b.Passes;
        if (pass < passesOfA)
        {
            _a.Start(pass, stage, step, isLast ? _lastBytes : null);
        }
        else
        {
            _b.Start(pass - passesOfA, stage, step, null);
        }
    }
}

/// <summary>Parameters of a product kernel; a launch sets them by the names given here.</summary>
internal sealed class GemmParameters
{
    public GemmParameters(KernelBuilder b, GemmSpec spec)
    {
        A = b.Parameter<B64>("a");
        B = b.Parameter<B64>("b");
        C = b.Parameter<B64>("c");
        Rows = b.Parameter<B32>("rows");
        Bias = spec.HasBias ? b.Parameter<B64>("bias") : null;
        Residual = spec.HasResidual ? b.Parameter<B64>("residual") : null;
        Gamma = (spec.Prologue ?? spec.Norm) is null ? null : b.Parameter<B64>("gamma");
        Beta = spec.PrologueHasBeta || spec.NormHasBeta ? b.Parameter<B64>("beta") : null;
        Sum = spec.KeepsSum ? b.Parameter<B64>("sum") : null;
        if (spec.IsBatched)
        {
            BatchStrideA = b.Parameter<B64>("a_batch_stride");
            BatchStrideB = b.Parameter<B64>("b_batch_stride");
            BatchStrideC = b.Parameter<B64>("c_batch_stride");
        }
    }

    /// <summary>A.</summary>
    public B64 A { get; }

    /// <summary>W, packed.</summary>
    public B64 B { get; }

    /// <summary>C; of a split the float sums [split, rows, <see cref="GemmSpec.SumPitch"/>].</summary>
    public B64 C { get; }

    /// <summary>Rows of A and C.</summary>
    public B32 Rows { get; }

    /// <summary>Bias in floats, as <see cref="PackedWeight"/> lays it out.</summary>
    public B64? Bias { get; }

    /// <summary>What is added last; rows lie as those of C.</summary>
    public B64? Residual { get; }

    /// <summary>Factor of the normalisation of A's or C's rows, floats.</summary>
    public B64? Gamma { get; }

    /// <summary>Shift of that normalisation, floats.</summary>
    public B64? Beta { get; }

    /// <summary>Where what is normalised goes; rows lie as those of C.</summary>
    public B64? Sum { get; }

    /// <summary>Bytes between two A.</summary>
    public B64? BatchStrideA { get; }

    /// <summary>Bytes between two W.</summary>
    public B64? BatchStrideB { get; }

    /// <summary>Bytes between two C, and two residuals.</summary>
    public B64? BatchStrideC { get; }
}
