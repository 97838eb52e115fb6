using BenchmarkDotNet.Running;
using Stof.Reference.Bench.Quick;
using Stof.Reference.Bench.Sweeps;
using Stof.Reference.Bench.Verification;
using Stof.Reference.Masks;
using Stof.Reference.Tests;
using Stof.Reference.Tests.Planted;

// quick gemm | quick rows [ROWS [NAME]] | quick attention [LENGTH [HEADSIZE]] | quick attention-memory [LENGTH] | quick call [LENGTH [THREADS]] | quick selector [LENGTH [THREADS [HEADSIZE [MASK]]]] | quick masks | quick simulator | quick tiling M N K THREADS | quick products [THREADS [LENGTH[,LENGTH]]]: seconds, for a first look. Anything else goes to BenchmarkDotNet (--filter, --list, ...).
if (args is ["quick", var suite, ..])
{
    switch (suite)
    {
        case "gemm":
            GemmQuick.Run(Console.Out);
            return 0;
        case "rows":
            RowQuick.Run(Console.Out, args.Length > 2 ? int.Parse(args[2]) : RowQuick.DefaultRows, args.Length > 3 ? args[3] : null);
            return 0;
        case "attention":
            AttentionQuick.Run(
                Console.Out,
                args.Length > 2 ? int.Parse(args[2]) : AttentionQuick.DefaultLength,
                args.Length > 3 ? int.Parse(args[3]) : AttentionQuick.DefaultSize);
            return 0;
        case "attention-memory":
            AttentionMemory.Run(Console.Out, args.Length > 2 ? int.Parse(args[2]) : AttentionMemory.DefaultLength);
            return 0;
        case "call":
            CallQuick.Run(
                Console.Out,
                args.Length > 2 ? int.Parse(args[2]) : CallQuick.DefaultLength,
                args.Length > 3 ? int.Parse(args[3]) : Environment.ProcessorCount);
            return 0;
        case "selector":
            int At(int i, int otherwise) => args.Length > i + 2 ? int.Parse(args[i + 2]) : otherwise;
            SelectorQuick.Run(
                Console.Out, At(0, SelectorQuick.DefaultLength), At(1, 1), At(2, 64), args.Length > 5 ? MaskText.Parse(args[5]) : null);
            return 0;
        case "masks":
            MaskQuick.Run(Console.Out);
            return 0;
        case "simulator":
            foreach (var load in SimulatorLoads.All)
            {
                Console.Out.WriteLine($"{load.Name}: {load.Measure(20).Speed}");
            }

            return 0;
        case "tiling" when args.Length == 6:
            var numbers = Array.ConvertAll(args[2..], int.Parse);
            TilingQuick.Run(Console.Out, numbers[0], numbers[1], numbers[2], numbers[3]);
            return 0;
        case "products":
            ProductsQuick.Run(
                Console.Out,
                args.Length > 2 ? int.Parse(args[2]) : Environment.ProcessorCount,
                args.Length > 3 ? [.. args[3].Split(',').Select(int.Parse)] : ProductsQuick.DefaultLengths);
            return 0;
        default:
            Console.Error.WriteLine($"quick: '{suite}'; expected gemm, rows, attention, attention-memory, call, selector, masks, simulator, products, or tiling M N K THREADS");
            return 2;
    }
}

// sweep attention [THREADS[,THREADS] [HEADSIZE[,HEADSIZE] [LENGTH[,LENGTH]]]]: one JSON object a line, for bench/peers/compare.py.
// sweep dense, likewise: the dense kernel and ONNX Runtime's by turns. sweep model [THREADS[,THREADS]]: BERT-base beside ONNX Runtime.
if (args is ["sweep", "attention" or "dense" or "model", ..])
{
    int[] Numbers(int i, params int[] otherwise) => args.Length > i + 2 ? [.. args[i + 2].Split(',').Select(int.Parse)] : otherwise;
    var threads = Numbers(0, 1, Environment.ProcessorCount);
    switch (args[1])
    {
        case "attention":
            AttentionSweep.Run(Console.Out, new Settings(threads, Numbers(1, 64), Numbers(2, AttentionSweep.AllLengths)));
            return 0;
        case "dense" when !OnnxRuntime.IsAvailable:
            Console.Error.WriteLine("sweep dense: ONNX Runtime is not there; STOF_ORT_LIB names its library");
            return 3;
        case "dense":
            DenseSweep.Run(Console.Out, new Settings(threads, Numbers(1, 64, 128), Numbers(2, 2048)));
            return 0;
        default:
            ModelSweep.Run(Console.Out, threads);
            return 0;
    }
}

// planted [LENGTH[,LENGTH] [BUG]]: what verify, probe and diagnose say about a kernel with each planted bug.
if (args is ["planted", ..])
{
    PlantedTable.Run(
        Console.Out,
        args.Length > 1 ? [.. args[1].Split(',').Select(int.Parse)] : PlantedTable.Lengths,
        args.Length > 2 ? Enum.Parse<PlantedBug>(args[2]) : null);
    return 0;
}

// alarms [CASES]: what verify says about right kernels on random problems.
if (args is ["alarms", ..])
{
    FalseAlarms.Run(Console.Out, args.Length > 1 ? int.Parse(args[1]) : 2000);
    return 0;
}

// In this process: the harness's own project would not find ours, whose assembly has another name, nor restore under our lock files.
BenchmarkSwitcher.FromAssembly(typeof(GemmQuick).Assembly).Run([.. args, "--inProcess"]);
return 0;
