#!/usr/bin/env python3
"""Times PyTorch's create_block_mask on the masks of `stof-bench quick masks`, with the same columns.

    python3 bench/peers/create_block_mask.py [--device cpu|cuda] [--threads N]

Needs PyTorch 2.5 or newer. Each mask is built at 128x128 (FlexAttention's default block) and at 64x64 (ours), eagerly and with
torch.compile. Peak memory is the device's on CUDA and the growth of the process on a CPU.
"""

import argparse
import math
import random
import resource
import statistics
import time
import warnings

import torch
from torch.nn.attention.flex_attention import create_block_mask


def documents(length):
    """Documents of 200 to 2,000 tokens: as many and as long as in the C# benchmark, though not the same ones."""
    generator, ids, left = random.Random(7), [], length
    while left > 0:
        size = min(left, generator.randint(200, 2000))
        ids += [len(ids)] * size
        left -= size
    return torch.tensor(ids, dtype=torch.int32)


def masks(length, device):
    """(name, mask_mod) with widths of about sqrt(S)."""
    width = int(math.sqrt(length))
    ids = documents(length).to(device)

    def causal(b, h, q, k):
        return k <= q

    def sliding(b, h, q, k):
        return (q - k).abs() <= width

    def longformer(b, h, q, k):
        return ((q - k).abs() <= width) | (q < width) | (k < width)

    def document(b, h, q, k):
        return ids[q] == ids[k]

    return [("causal", causal), ("sliding", sliding), ("longformer", longformer), ("documents", document)]


def peak(device):
    if device == "cuda":
        return torch.cuda.max_memory_allocated()
    return 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def measure(mask_mod, length, block, device, compiled):
    def build():
        result = create_block_mask(mask_mod, 1, 1, length, length, device=device, BLOCK_SIZE=block, _compile=compiled)
        if device == "cuda":
            torch.cuda.synchronize()
        return result

    if device == "cuda":
        torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated() if device == "cuda" else peak(device)
    start = time.perf_counter()
    result = build()
    first = time.perf_counter() - start
    grown = peak(device) - before
    times = []
    end = time.perf_counter() + 1.0
    while len(times) < 3 or (time.perf_counter() < end and len(times) < 50):
        start = time.perf_counter()
        build()
        times.append(time.perf_counter() - start)
    part = int(result.kv_num_blocks.sum())
    full = int(result.full_kv_num_blocks.sum()) if result.full_kv_num_blocks is not None else 0
    return full, part, first, statistics.median(times), min(times), grown


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cpu", choices=["cpu", "cuda"])
    parser.add_argument("--threads", type=int, default=1, help="CPU threads of PyTorch; the C# builder uses one")
    parser.add_argument("--lengths", type=int, nargs="*", default=[4096, 32768, 131072])
    parser.add_argument("--most-pairs", type=float, default=2e9, help="skip eager runs that would hold more pairs than this at once")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    warnings.simplefilter("ignore")
    print(f"PyTorch {torch.__version__}, {arguments.device}, {arguments.threads} threads")
    print("mask       block  how            S   full tiles   part tiles    first ms   median ms     best ms   peak MB")
    for length in arguments.lengths:
        for name, mask_mod in masks(length, arguments.device):
            for block in (64, 128):
                for compiled in (False, True):
                    how = "compiled" if compiled else "eager"
                    label = f"{name:<10} {block:>5}  {how:<8} {length:>7}"
                    if not compiled and float(length) * length > arguments.most_pairs:
                        print(f"{label}  skipped: {length}x{length} pairs at once")
                        continue
                    torch._dynamo.reset()  # or its limit of recompilations would be reached
                    try:
                        full, part, first, median, best, grown = measure(mask_mod, length, block, arguments.device, compiled)
                    except RuntimeError as error:  # out of memory, or a compiler that refuses
                        print(f"{label}  failed: {str(error).splitlines()[0][:100]}")
                        continue
                    print(f"{label} {full:>12} {part:>12} {1e3 * first:>11.3f} {1e3 * median:>11.3f} {1e3 * best:>11.3f} {grown / 1e6:>9.1f}")


if __name__ == "__main__":
    main()
