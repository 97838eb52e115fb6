#!/usr/bin/env python3
"""Times PyTorch's attention on the CPU (SDPA, and FlexAttention compiled) on the cells of `stof-bench sweep attention`.

    stof-bench sweep attention 1,2,16 64,128 > ours.jsonl
    python3 bench/peers/attention_cpu.py --threads 1,2,16 --head-sizes 64,128 > torch.jsonl
    python3 bench/peers/compare.py ours.jsonl torch.jsonl

F32, batch 1, 12 heads. Inputs and masks are the same (cells.py). SDPA gets a bool mask, or is_causal. The error is relative (Frobenius), of 64 rows of the first head, against
double precision. One JSON object a line.
"""

import argparse
import json
import statistics
import sys
import time
import warnings

import torch
import torch.nn.functional as F
import torch._inductor.config as inductor
from torch.nn.attention.flex_attention import create_block_mask, flex_attention

from cells import dense_mask, normal, predicate, reference, relative_error

HEADS = 12
MASKS = ["dense", "causal", "sliding", "dilated", "longformer", "bigbird"]


def measure(run, seconds):
    run()
    run()
    times, end = [], time.perf_counter() + seconds
    while len(times) < 5 or (time.perf_counter() < end and len(times) < 60):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return 1e3 * statistics.median(times), 1e3 * min(times)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", default="1,16")
    parser.add_argument("--lengths", type=int, nargs="*", default=[512, 1024, 2048, 4096, 8192])
    parser.add_argument("--head-sizes", default="64")
    parser.add_argument("--masks", default=",".join(MASKS))
    parser.add_argument("--seconds", type=float, default=0.5, help="time for each cell")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    print(f"PyTorch {torch.__version__}", file=sys.stderr)
    for threads in map(int, arguments.threads.split(",")):
        torch.set_num_threads(threads)
        inductor.cpp.threads = threads  # compiled code has its number of threads built in
        for size in map(int, arguments.head_sizes.split(",")):
            for length in arguments.lengths:
                cells(threads, size, length, arguments.masks.split(","), arguments.seconds)


def cells(threads, size, length, names, seconds):
    q, k, v = (normal(seed, HEADS * length * size).reshape(1, HEADS, length, size) for seed in (1, 2, 3))
    for name in names:
        torch._dynamo.reset()
        flex = torch.compile(flex_attention, dynamic=False)
        mask_mod, _ = predicate(name, 1, length)
        block = None if mask_mod is None else create_block_mask(mask_mod, 1, 1, length, length, device="cpu")
        mask = None if mask_mod is None else dense_mask(mask_mod, 1, length)
        dense, causal = None if name == "causal" else mask, name == "causal"
        rows, expected = reference(q[0, 0], k[0, 0], v[0, 0], None if mask is None else mask[0, 0])
        for who, run in (
            ("sdpa", lambda: F.scaled_dot_product_attention(q, k, v, attn_mask=dense, is_causal=causal)),
            ("flex", lambda: flex(q, k, v, block_mask=block)),
        ):
            try:
                with torch.no_grad():
                    error = relative_error(run()[0, 0, rows], expected)
                    median, best = measure(run, seconds)
            except Exception as failure:  # a compiler that refuses a cell leaves it out, and says so
                print(f"{who} {name} {length}: {str(failure).splitlines()[0][:200]}", file=sys.stderr)
                continue
            print(json.dumps({
                "who": who, "threads": threads, "length": length, "head_size": size, "mask": name, "ms": median, "best_ms": best,
                "relative_error": error,
            }), flush=True)


if __name__ == "__main__":
    main()
