"""Run with: STOF="stof" pytest samples/pytest"""

import sys
from pathlib import Path

import numpy as np
import pytest

from attention import attention

KERNEL = f"{sys.executable} {Path(__file__).with_name('attention.py')}"


def inputs(family, seq=100, dtype=np.float16):
    random = np.random.default_rng(7)
    scale = {"normal": 1, "wide": 3, "outliers": 1}[family]
    q, k, v = (random.standard_normal((1, 2, seq, 32)) * scale for _ in range(3))
    if family == "outliers":
        for x in (q, k, v):
            x[random.random(x.shape) < 0.01] *= 20
    position = np.arange(seq)
    mask = np.abs(position[:, None] - position[None, :]) <= 9
    return q.astype(dtype), k.astype(dtype), v.astype(dtype), mask


@pytest.mark.parametrize("family", ["normal", "wide", "outliers"])
def test_kernel_agrees_with_the_oracle(oracle, family):
    q, k, v, mask = inputs(family)
    out, lse = attention(q, k, v, mask)
    oracle.check(q=q, k=k, v=v, mask=mask, out=out, lse=lse)


def test_planted_bug_is_caught_and_named(oracle):
    q, k, v, mask = inputs("normal")
    out, lse = attention(q, k, v, mask, bitmaps_unread=True)
    with pytest.raises(AssertionError, match="Fail"):
        oracle.check(q=q, k=k, v=v, mask=mask, out=out)
    assert oracle.cause(q=q, k=k, v=v, mask=mask, out=out).startswith("bitmaps unread: part tiles dense (tile 32x32")


def test_probe_reads_the_mask_back(oracle):
    arguments = ("--mask", "sliding(9)", "--seq", 100, "--heads", 2, "--head-size", 32)
    report, code = oracle.run("probe", "--cmd", f"{KERNEL} {{in}} {{out}}", *arguments)
    assert (code, report["extra"], report["missing"]) == (0, 0, 0)
    report, code = oracle.run("probe", "--cmd", f"{KERNEL} {{in}} {{out}} --planted", *arguments)
    assert code == 1 and report["extra"] > 0 and "bitmaps unread" in report["causes"][0]
