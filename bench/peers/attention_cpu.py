#!/usr/bin/env python3
"""Times PyTorch's attention on the CPU (SDPA, and FlexAttention compiled) on the cells of `stof-bench sweep attention`.

    stof-bench sweep attention 1,16 > ours.jsonl
    python3 bench/peers/attention_cpu.py --threads 1,16 > torch.jsonl
    python3 bench/peers/compare.py ours.jsonl torch.jsonl

F32, batch 1, 12 heads. The masks are the same, BigBird's random cells included: they come from the generator that Python's `random` is.
SDPA gets a bool mask, or is_causal. One JSON object a line.
"""

import argparse
import json
import math
import random
import statistics
import sys
import time
import warnings

import torch
import torch.nn.functional as F
from torch.nn.attention.flex_attention import create_block_mask, flex_attention

HEADS = 12


def random_cells(length, fill=0.1, seed=0):
    """BigBird's random pairs as the STOF artifact draws them, batch item 0."""
    generator, cells, rows = random.Random(seed), torch.zeros(length, length, dtype=torch.bool), length // 32
    for i in range(rows - 1):
        block = i + generator.choice([1, 0] if i == 0 else [-1, 0] if i == rows - 2 else [-1, 0, 1])
        for _ in range(int(1024 * fill)):
            query, key = 32 * i + generator.randint(0, 32), 32 * block + generator.randint(0, 32)
            if key < length:
                cells[query, key] = True
    return cells


def masks(length):
    """(name, dense mask or None, is_causal, mask_mod or None) with widths of sqrt(S)."""
    width = int(math.sqrt(length))
    q, k = torch.arange(length)[:, None], torch.arange(length)[None, :]
    cells = random_cells(length)
    sliding = (q - k).abs() <= width
    longformer = sliding | (q < width) | (k < width)
    yield "dense", None, False, None
    yield "causal", None, True, lambda b, h, q, k: k <= q
    yield "sliding", sliding, False, lambda b, h, q, k: (q - k).abs() <= width
    yield "longformer", longformer, False, lambda b, h, q, k: ((q - k).abs() <= width) | (q < width) | (k < width)
    yield "bigbird", longformer | cells, False, lambda b, h, q, k: ((q - k).abs() <= width) | (q < width) | (k < width) | cells[q, k]


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
    parser.add_argument("--head-size", type=int, default=64)
    parser.add_argument("--seconds", type=float, default=0.5, help="time for each cell")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    print(f"PyTorch {torch.__version__}", file=sys.stderr)
    for threads in map(int, arguments.threads.split(",")):
        torch.set_num_threads(threads)
        torch._dynamo.reset()
        for length in arguments.lengths:
            generator = torch.Generator().manual_seed(1)
            q, k, v = (torch.randn(1, HEADS, length, arguments.head_size, generator=generator) for _ in range(3))
            for name, dense, causal, mask_mod in masks(length):
                torch._dynamo.reset()
                flex = torch.compile(flex_attention, dynamic=False)
                block = None if mask_mod is None else create_block_mask(mask_mod, 1, 1, length, length, device="cpu")
                for who, run in (
                    ("sdpa", lambda: F.scaled_dot_product_attention(q, k, v, attn_mask=dense, is_causal=causal)),
                    ("flex", lambda: flex(q, k, v, block_mask=block)),
                ):
                    try:
                        with torch.no_grad():
                            median, best = measure(run, arguments.seconds)
                    except Exception as error:  # a compiler that refuses a cell leaves it out, and says so
                        print(f"{who} {name} {length}: {str(error).splitlines()[0][:200]}", file=sys.stderr)
                        continue
                    print(json.dumps({
                        "who": who, "threads": threads, "length": length, "head_size": arguments.head_size, "mask": name, "ms": median, "best_ms": best,
                    }), flush=True)


if __name__ == "__main__":
    main()
