"""Inputs, masks and expected results of the cells that the attention benchmarks share with our own programs."""

import math
import random

import torch

CHUNK = 1 << 24  # numbers drawn at a time, so that the 64-bit words never fill a device


def signed(word):
    return word - (1 << 64) if word >= 1 << 63 else word


def shifted(words, bits):
    """Logical shift to the right of 64-bit words that torch holds as signed."""
    return (words >> bits) & ((1 << (64 - bits)) - 1)


def normal(seed, count, device="cpu"):
    """N(0, 1): SplitMix64 from a seed, two numbers a value, Box-Muller in double precision, rounded to float."""
    values = torch.empty(count, dtype=torch.float32, device=device)
    for start in range(0, count, CHUNK):
        end = min(start + CHUNK, count)
        words = torch.arange(2 * start + 1, 2 * end + 1, dtype=torch.int64, device=device) * signed(0x9E3779B97F4A7C15) + seed
        words = (words ^ shifted(words, 30)) * signed(0xBF58476D1CE4E5B9)
        words = (words ^ shifted(words, 27)) * signed(0x94D049BB133111EB)
        uniform = shifted(words ^ shifted(words, 31), 11).double() / (1 << 53)
        values[start:end] = (torch.sqrt(-2 * torch.log(1 - uniform[0::2])) * torch.cos(2 * math.pi * uniform[1::2])).float()
    return values


def random_cells(batch, length, device="cpu", fill=0.1, seed=0):
    """BigBird's random pairs as the STOF artifact draws them: one stream for all batch items, from the generator that Python's `random` is."""
    generator, rows = random.Random(seed), length // 32
    cells = torch.zeros(batch, length, length, dtype=torch.bool)
    for item in range(batch):
        queries, keys = [], []
        for i in range(rows - 1):
            block = i + generator.choice([1, 0] if i == 0 else [-1, 0] if i == rows - 2 else [-1, 0, 1])
            for _ in range(int(1024 * fill)):
                query, key = 32 * i + generator.randint(0, 32), 32 * block + generator.randint(0, 32)
                if key < length:
                    queries.append(query)
                    keys.append(key)
        cells[item, queries, keys] = True
    return cells.to(device)


def predicate(name, batch, length, device="cpu"):
    """The mask, of widths of sqrt(S), as FlexAttention takes it (None for dense), and whether it is the same in every batch item."""
    width = int(math.sqrt(length))
    reach = width + 1  # a gap of one key: every second one
    if name == "dense":
        return None, True
    if name == "causal":
        return (lambda b, h, q, k: k <= q), True
    if name == "sliding":
        return (lambda b, h, q, k: (q - k).abs() <= width), True
    if name == "dilated":
        return (lambda b, h, q, k: ((q - k).abs() <= reach) & ((k - (q - reach)) % 2 == 0)), True
    if name == "longformer":
        return (lambda b, h, q, k: ((q - k).abs() <= width) | (q < width) | (k < width)), True
    cells = random_cells(batch, length, device)
    return (lambda b, h, q, k: ((q - k).abs() <= width) | (q < width) | (k < width) | cells[b, q, k]), False


def dense_mask(mask_mod, batch, length, device="cpu"):
    """The mask as booleans [batch, 1, S, S]."""
    q, k = torch.arange(length, device=device)[:, None], torch.arange(length, device=device)[None, :]
    return torch.stack([mask_mod(torch.tensor(b, device=device), 0, q, k).expand(length, length) for b in range(batch)])[:, None]


def reference(q, k, v, mask, count=64):
    """Some rows of one head (q, k, v are [S, D]; mask [S, S] or None) in double precision, and which."""
    length, size = q.shape
    rows = torch.arange(count, device=q.device) * length // count
    scores = q[rows].double() @ k.double().T / math.sqrt(size)
    if mask is not None:
        scores.masked_fill_(~mask[rows], -math.inf)
    return rows, torch.softmax(scores, 1) @ v.double()


def relative_error(found, expected):
    """Frobenius norm of the difference over that of the expected."""
    return (torch.linalg.norm(found.double() - expected) / torch.linalg.norm(expected)).item()
