#!/usr/bin/env python3
"""Times PyTorch's attention on a GPU beside ours, on the cells of `stof bench attention --backend cuda`.

    python3 bench/peers/torch_attention.py --stof path/to/stof --sweep paper --out cells.jsonl

runs both, one process after the other on the same GPU, and prints one table. Without --stof it times PyTorch alone; --ours FILE takes our
lines from a file. --compilers N compiles in N processes first (PyTorch keeps compiled kernels on disk), and times afterwards, alone. 12 heads of 64, F16 by default; inputs and masks are the same (cells.py).

Peers: FlexAttention, compiled, with the mask as a captured tensor (flex_lookup), as a predicate (flex_predicate; BigBird's random cells are
looked up, the rest computed) and as a predicate with mode max-autotune-no-cudagraphs (flex_tuned); SDPA's cuDNN backend (dense mask as bias,
causal by its flag) and flash backend (causal only). Each is captured in a CUDA graph of 20 calls; the figure is the median replay over 20.
The error is relative (Frobenius), of 64 rows of the last head of the last batch item, against double precision.
"""

import argparse
import json
import math
import statistics
import subprocess
import sys
import warnings

import torch
import torch._functorch.config
import torch._inductor.config
import torch.nn.functional as F
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.attention.flex_attention import create_block_mask, flex_attention

from cells import dense_mask, normal, predicate, reference, relative_error

CALLS = 20
SWEEPS = {
    "paper": [(b, s) for b in (1, 8, 16) for s in (128, 256, 512, 1024, 2048, 4096)],
    "long": [(1, 8192), (1, 16384), (1, 32768)],
    "quick": [(1, 256), (1, 1024), (16, 1024)],
}
MASKS = ["causal", "sliding", "dilated", "longformer", "bigbird"]


def replayed(run, samples):
    """Median and best microseconds of a call, from replays of a graph of CALLS calls."""
    side = torch.cuda.Stream()
    with torch.cuda.stream(side):
        for _ in range(3):
            run()
    torch.cuda.synchronize()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        for _ in range(CALLS):
            run()
    graph.replay()
    times = []
    for _ in range(samples):
        start, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        start.record()
        graph.replay()
        end.record()
        end.synchronize()
        times.append(1e3 * start.elapsed_time(end) / CALLS)
    return statistics.median(times), min(times)


def peers(name, batch, length, q, k, v, dense, mask_mod, shared, wanted):
    """Name and call of each peer that computes this mask."""
    same = None if shared else batch

    def compiled(mask, **options):
        torch._dynamo.reset()
        # What several processes tuned on one GPU is no choice: of a tuned kernel only the compiled candidates are kept.
        is_kept = "mode" not in options
        torch._inductor.config.autotune_local_cache = torch._inductor.config.fx_graph_cache = is_kept
        torch._functorch.config.enable_autograd_cache = is_kept
        flex = torch.compile(flex_attention, dynamic=False, **options)
        block = create_block_mask(mask, same, None, length, length, device="cuda", _compile=True)
        return lambda: flex(q, k, v, block_mask=block)

    if shared:
        plane = dense[0, 0]
        lookup = lambda b, h, i, j: plane[i, j]
    else:
        planes = dense[:, 0]
        lookup = lambda b, h, i, j: planes[b, i, j]
    every = {
        "flex_lookup": lambda: compiled(lookup),
        "flex_predicate": lambda: compiled(mask_mod),
        "flex_tuned": lambda: compiled(mask_mod, mode="max-autotune-no-cudagraphs"),
        "sdpa_cudnn": lambda: sdpa(SDPBackend.CUDNN_ATTENTION, q, k, v, name, dense),
    }
    if name == "causal":
        every["sdpa_flash"] = lambda: sdpa(SDPBackend.FLASH_ATTENTION, q, k, v, name, dense)
    return {who: make for who, make in every.items() if who in wanted and name in wanted[who]}


def sdpa(backend, q, k, v, name, dense):
    causal = name == "causal"
    bias = None if causal else torch.zeros(dense.shape, dtype=q.dtype, device="cuda").masked_fill_(~dense, -math.inf)

    def run():
        with sdpa_kernel(backend):
            return F.scaled_dot_product_attention(q, k, v, attn_mask=bias, is_causal=causal)

    return run


def cell(name, batch, length, q, k, v, wanted, samples, compiles_only=False):
    mask_mod, shared = predicate(name, batch, length, "cuda")
    dense = dense_mask(mask_mod, 1 if shared else batch, length, "cuda")
    rows, expected = reference(q[-1, -1], k[-1, -1], v[-1, -1], dense[-1, 0])
    for who, make in peers(name, batch, length, q, k, v, dense, mask_mod, shared, wanted).items():
        try:
            with torch.no_grad():
                run = make()
                if compiles_only:
                    run()
                    continue
                error = relative_error(run()[-1, -1, rows], expected)
                median, best = replayed(run, samples)
        except Exception as failure:  # a compiler or backend that refuses a cell leaves it out, and says so
            print(f"{who} {batch}x{length} {name}: {str(failure).splitlines()[0][:200]}", file=sys.stderr)
            continue
        yield {
            "who": who, "batch": batch, "length": length, "head_size": q.shape[3], "heads": q.shape[1], "mask": name, "us": median, "best_us": best,
            "relative_error": error,
        }


def table(rows):
    """Side by side; the last columns are the best FlexAttention, and the best peer at all, over ours: above 1 we are faster."""
    cells, who = {}, []
    for row in rows:
        cells.setdefault((row["batch"], row["length"], row["mask"]), {})[row["who"]] = row
        if row["who"] != "stof" and row["who"] not in who:
            who.append(row["who"])
    print("| batch×S | mask | kernel | stof µs | host µs | error | budget | " + " | ".join(who) + " | flex / stof | best / stof |")
    print("|" + "---|" * (9 + len(who)))
    ratios = {}
    for (batch, length, mask), row in cells.items():
        ours = row.get("stof")
        if ours is None:
            continue
        flex = min((r["us"] for w, r in row.items() if w.startswith("flex")), default=math.nan)
        best = min((r["us"] for w, r in row.items() if w != "stof"), default=math.nan)
        for group in (mask, "sparse" if mask != "causal" else None):
            if group and not math.isnan(flex):
                ratios.setdefault(group, []).append(flex / ours["us"])
        print(
            f"| {batch}×{length} | {mask} | {ours['kernel']} | {ours['us']:.1f} | {ours['host_us']:.1f} | {ours['relative_error']:.1e} | {ours['budget_used']:.2f} {ours['verdict']} | "
            + " | ".join(f"{row[w]['us']:.1f}" if w in row else "–" for w in who) + f" | {flex / ours['us']:.2f} | {best / ours['us']:.2f} |")
    print()
    for group, values in ratios.items():
        print(f"{group}: best FlexAttention over stof: geometric mean {math.exp(sum(map(math.log, values)) / len(values)):.2f}, least {min(values):.2f}, of {len(values)} cells")


def compile_first(processes):
    """Copies of this process, each with a share of the cells."""
    others = [argument for argument in sys.argv[1:]]
    for option in ("--compilers", "--stof", "--ours", "--out"):
        if option in others:
            del others[others.index(option):others.index(option) + 2]
    copies = [subprocess.Popen([sys.executable, sys.argv[0], *others, "--part", f"{i}/{processes}"]) for i in range(processes)]
    for copy in copies:
        copy.wait()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sweep", choices=SWEEPS, default="quick")
    parser.add_argument("--shapes", help="batch x length, instead of a sweep: 1x512,16x4096")
    parser.add_argument("--masks", default=",".join(MASKS))
    parser.add_argument("--heads", type=int, default=12)
    parser.add_argument("--head-size", type=int, default=64)
    parser.add_argument("--dtype", choices=["f16", "bf16"], default="f16")
    parser.add_argument("--peers", default="flex_lookup,flex_predicate,flex_tuned,sdpa_cudnn,sdpa_flash", help="names; name:mask+mask for some masks only")
    parser.add_argument("--compilers", type=int, default=0, help="processes that compile everything first")
    parser.add_argument("--part", help=argparse.SUPPRESS)  # I/N: compile every N-th cell from the I-th, and time nothing
    parser.add_argument("--samples", type=int, default=11)
    parser.add_argument("--stof", help="our command, to be run with the same cells first")
    parser.add_argument("--ours", help="our lines, from a file")
    parser.add_argument("--out", help="write all lines to this file")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    shapes = [tuple(map(int, s.split("x"))) for s in arguments.shapes.split(",")] if arguments.shapes else SWEEPS[arguments.sweep]
    print(f"PyTorch {torch.__version__}, {torch.cuda.get_device_name()}", file=sys.stderr)
    lines = []
    if arguments.stof:
        text = subprocess.run(
            arguments.stof.split() + [
                "bench", "attention", "--backend", "cuda", "--json", "--masks", arguments.masks, "--heads", str(arguments.heads), "--head-size",
                str(arguments.head_size), "--dtype", arguments.dtype, "--shapes", ",".join(f"{b}x{s}" for b, s in shapes)],
            check=True, stdout=subprocess.PIPE, text=True).stdout
        lines += [json.loads(line) for line in text.splitlines() if line.startswith("{")]
    if arguments.ours:
        with open(arguments.ours, encoding="utf-8") as ours:
            lines += [json.loads(line) for line in ours if line.startswith("{")]
    kind = torch.float16 if arguments.dtype == "f16" else torch.bfloat16
    largest = max(b * s for b, s in shapes) * arguments.heads * arguments.head_size
    peers_of = {part.partition(":")[0]: part.partition(":")[2].split("+") if ":" in part else MASKS for part in arguments.peers.split(",")}
    cells = [(batch, length, name) for batch, length in shapes for name in arguments.masks.split(",")]
    if arguments.part:
        first, step = map(int, arguments.part.split("/"))
        cells = cells[first::step]
    compile_first(arguments.compilers)
    everything = [normal(seed, largest, "cuda").to(kind) for seed in (1, 2, 3)]
    for batch, length, name in cells:
        count = batch * arguments.heads * length * arguments.head_size
        q, k, v = (tensor[:count].reshape(batch, arguments.heads, length, arguments.head_size) for tensor in everything)
        for row in cell(name, batch, length, q, k, v, peers_of, arguments.samples, bool(arguments.part)):
            lines.append(row)
            print(json.dumps(row), file=sys.stderr, flush=True)
    if arguments.part:
        return
    if arguments.out:
        with open(arguments.out, "w", encoding="utf-8") as out:
            out.writelines(json.dumps(line) + "\n" for line in lines)
    table(lines)


if __name__ == "__main__":
    main()
