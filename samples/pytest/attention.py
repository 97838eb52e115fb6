"""A tiled attention kernel in numpy, with a switch that plants a bug: what a kernel author brings to the oracle."""

import numpy as np


def attention(q, k, v, mask, tile=32, bitmaps_unread=False):
    """softmax(q k^T / sqrt(d)) v under a boolean mask [B or 1, H or 1, Sq, Skv]; float32 inside, one rounding at the end.

    bitmaps_unread=True treats every tile that is not empty as a full one.
    """
    batch, heads, sq, d = q.shape
    skv = k.shape[2]
    mask = np.broadcast_to(mask, (batch, heads, sq, skv)).copy()
    if bitmaps_unread:
        for row in range(0, sq, tile):
            for column in range(0, skv, tile):
                part = mask[:, :, row : row + tile, column : column + tile]
                part |= part.any(axis=(2, 3), keepdims=True)
    scores = np.einsum("bhqd,bhkd->bhqk", q.astype(np.float32), k.astype(np.float32)) / np.float32(np.sqrt(d))
    scores = np.where(mask, scores, -np.inf)
    largest = scores.max(axis=-1, keepdims=True)
    weights = np.where(mask, np.exp(scores - np.where(np.isfinite(largest), largest, 0)), 0)
    total = weights.sum(axis=-1, keepdims=True)
    out = np.einsum("bhqk,bhkd->bhqd", weights, v.astype(np.float32)) / np.where(total > 0, total, 1)
    with np.errstate(divide="ignore"):
        lse = np.where(total > 0, largest + np.log(total), -np.inf)[..., 0]
    return out.astype(q.dtype), lse.astype(np.float32)


if __name__ == "__main__":
    # python attention.py IN.npz OUT.npz [--planted]: the form in which `stof probe --cmd` and `stof determinism --cmd` call a kernel.
    import sys

    case = np.load(sys.argv[1])
    out, lse = attention(case["q"], case["k"], case["v"], case["mask"], bitmaps_unread="--planted" in sys.argv)
    np.savez(sys.argv[2], out=out, lse=lse)
