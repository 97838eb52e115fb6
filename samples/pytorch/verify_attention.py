"""Verifies PyTorch's SDPA and FlexAttention through the command line, and finds a deliberately wrong mask.

    STOF="stof" python samples/pytorch/verify_attention.py [--device cuda] [--seq 1024]

Exit code 0 if every right kernel passes and the wrong mask is caught and named. bfloat16 goes through safetensors where that
package is installed, else widened to float32, exactly, with --dtype bf16.
"""

import argparse
import json
import os
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch
from torch.nn.attention.flex_attention import create_block_mask, flex_attention

STOF = shlex.split(os.environ.get("STOF", "stof"))


def stof(*arguments):
    done = subprocess.run([*STOF, *map(str, arguments), "--json"], capture_output=True, text=True)
    if done.returncode not in (0, 1):
        raise SystemExit(done.stderr)
    return json.loads(done.stdout), done.returncode


def save(path, dtype, **tensors):
    arrays = {name: (x.float() if x.dtype == torch.bfloat16 else x).cpu().numpy() for name, x in tensors.items()}
    np.savez(path, **arrays)
    return ["--dtype", {torch.float16: "f16", torch.bfloat16: "bf16", torch.float32: "f32"}[dtype]]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--seq", type=int, default=1024)
    parser.add_argument("--heads", type=int, default=4)
    parser.add_argument("--window", type=int, default=100)
    options = parser.parse_args()
    torch.manual_seed(0)
    seq, window = options.seq, options.window
    position = torch.arange(seq, device=options.device)
    band = (position[:, None] - position[None, :]).abs() <= window
    flex = torch.compile(flex_attention) if options.device == "cuda" else flex_attention

    def sliding(width):
        return create_block_mask(lambda b, h, q, k: (q - k).abs() <= width, None, None, seq, seq, device=options.device)

    failures = []
    with tempfile.TemporaryDirectory() as folder:
        for dtype in (torch.float16, torch.bfloat16):
            for family, scale in (("normal", 1), ("wide", 3)):
                q, k, v = (torch.randn(2, options.heads, seq, 64, device=options.device, dtype=torch.float32).mul(scale).to(dtype) for _ in range(3))
                sdpa = torch.nn.functional.scaled_dot_product_attention
                kernels = {
                    "sdpa, boolean mask": (sdpa(q, k, v, attn_mask=band), f"sliding({window})", True),
                    "sdpa, is_causal": (sdpa(q, k, v, is_causal=True), "causal", True),
                    "flex_attention": (flex(q, k, v, block_mask=sliding(window)), f"sliding({window})", True),
                    "flex_attention, window one too small": (flex(q, k, v, block_mask=sliding(window - 1)), f"sliding({window})", False),
                }
                for name, (out, mask, is_right) in kernels.items():
                    path = Path(folder) / "case.npz"
                    typed = save(path, dtype, q=q, k=k, v=v, out=out)
                    report, code = stof("verify", path, "--mask", mask, "--tile", "128x128", *typed)
                    case = report["cases"][0]
                    line = f"{str(dtype)[6:]:9} {family:7} {name:38} {case['state']:9} {case['budgetUsed']:.3g} of the budget"
                    if (code == 0) != is_right:
                        failures.append(line)
                    if not is_right:
                        cause = stof("diagnose", path, "--mask", mask, "--tile", "128x128", *typed)[0]["cases"][0]["cause"]
                        line += f"; cause: {cause}"
                        if cause is None or f"sliding({window - 1})" not in cause:
                            failures.append(line)
                    print(line, flush=True)
    print(f"{len(failures)} of the expectations were not met" if failures else "all as expected")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
