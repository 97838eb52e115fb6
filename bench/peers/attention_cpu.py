#!/usr/bin/env python3
"""Times PyTorch's attention on the CPU (SDPA, and FlexAttention compiled) on the cells of `stof-bench sweep attention`.

    stof-bench sweep attention 1,2,16 64,128 > ours.jsonl
    python3 bench/peers/attention_cpu.py --threads 1,2,16 --head-sizes 64,128 > torch.jsonl
    python3 bench/peers/compare.py ours.jsonl torch.jsonl

F32, batch 1, 12 heads. Inputs and masks are the same: the inputs come from SplitMix64, BigBird's random cells from the generator that
Python's `random` is. SDPA gets a bool mask, or is_causal. The error is relative (Frobenius), of 64 rows of the first head, against
double precision. One JSON object a line.
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
import torch._inductor.config as inductor
from torch.nn.attention.flex_attention import create_block_mask, flex_attention

HEADS = 12
CHECKED_ROWS = 64


def signed(word):
    return word - (1 << 64) if word >= 1 << 63 else word


def shifted(words, bits):
    """Logical shift to the right of 64-bit words that torch holds as signed."""
    return (words >> bits) & ((1 << (64 - bits)) - 1)


def normal(seed, *shape):
    """N(0, 1): SplitMix64 from a seed, two numbers a value, Box-Muller in double precision, rounded to float."""
    words = torch.arange(1, 2 * math.prod(shape) + 1, dtype=torch.int64) * signed(0x9E3779B97F4A7C15) + seed
    words = (words ^ shifted(words, 30)) * signed(0xBF58476D1CE4E5B9)
    words = (words ^ shifted(words, 27)) * signed(0x94D049BB133111EB)
    uniform = shifted(words ^ shifted(words, 31), 11).double() / (1 << 53)
    values = torch.sqrt(-2 * torch.log(1 - uniform[0::2])) * torch.cos(2 * math.pi * uniform[1::2])
    return values.float().reshape(shape)


def reference(q, k, v, mask_mod):
    """Some rows of the first head in double precision, and which."""
    length = q.shape[2]
    rows = torch.arange(CHECKED_ROWS) * length // CHECKED_ROWS
    q, k, v = q[0, 0, rows].double(), k[0, 0].double(), v[0, 0].double()
    scores = q @ k.T / math.sqrt(q.shape[1])
    if mask_mod is not None:
        scores.masked_fill_(~mask_mod(0, 0, rows[:, None], torch.arange(length)[None, :]), -math.inf)
    return rows, torch.softmax(scores, 1) @ v


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
    reach = width + 1  # a gap of one key: every second one
    dilated = ((q - k).abs() <= reach) & ((k - (q - reach)) % 2 == 0)
    longformer = sliding | (q < width) | (k < width)
    yield "dense", None, False, None
    yield "causal", None, True, lambda b, h, q, k: k <= q
    yield "sliding", sliding, False, lambda b, h, q, k: (q - k).abs() <= width
    yield "dilated", dilated, False, lambda b, h, q, k: ((q - k).abs() <= reach) & ((k - (q - reach)) % 2 == 0)
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
    parser.add_argument("--head-sizes", default="64")
    parser.add_argument("--seconds", type=float, default=0.5, help="time for each cell")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    print(f"PyTorch {torch.__version__}", file=sys.stderr)
    for threads in map(int, arguments.threads.split(",")):
        torch.set_num_threads(threads)
        inductor.cpp.threads = threads  # compiled code has its number of threads built in
        for size in map(int, arguments.head_sizes.split(",")):
            for length in arguments.lengths:
                cells(threads, size, length, arguments.seconds)


def cells(threads, size, length, seconds):
    q, k, v = (normal(seed, 1, HEADS, length, size) for seed in (1, 2, 3))
    for name, dense, causal, mask_mod in masks(length):
        torch._dynamo.reset()
        flex = torch.compile(flex_attention, dynamic=False)
        block = None if mask_mod is None else create_block_mask(mask_mod, 1, 1, length, length, device="cpu")
        rows, expected = reference(q, k, v, mask_mod)
        for who, run in (
            ("sdpa", lambda: F.scaled_dot_product_attention(q, k, v, attn_mask=dense, is_causal=causal)),
            ("flex", lambda: flex(q, k, v, block_mask=block)),
        ):
            try:
                with torch.no_grad():
                    error = (torch.linalg.norm(run()[0, 0, rows].double() - expected) / torch.linalg.norm(expected)).item()
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
