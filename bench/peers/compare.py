#!/usr/bin/env python3
"""Puts JSON lines of several programs side by side: python3 bench/peers/compare.py ours.jsonl peers.jsonl

A cell is (threads, head size, length, mask). The last column is the best peer's time over ours: above 1 we are faster.
"""

import json
import math
import sys


def main():
    cells, peers = {}, []
    for path in sys.argv[1:]:
        with open(path, encoding="utf-8") as lines:
            for line in lines:
                if line.startswith("{"):
                    row = json.loads(line)
                    key = (row["threads"], row["head_size"], row["length"], row["mask"])
                    cells.setdefault(key, {})[row["who"]] = row
                    if row["who"] != "stof" and row["who"] not in peers:
                        peers.append(row["who"])
    print("| threads | D | S | mask | kernel | stof ms | of peak | over dense share | error | " + " | ".join(f"{p} ms | {p} error" for p in peers) + " | best peer / stof |")
    print("|" + "---|" * (10 + 2 * len(peers)))
    ratios = {}
    for key, row in cells.items():
        ours = row.get("stof")
        if ours is None:
            continue
        times = [row[p]["ms"] for p in peers if p in row]
        ratio = min(times) / ours["ms"] if times else math.nan
        if times:
            ratios.setdefault((key[0], key[1], key[3]), []).append(ratio)
        print(
            f"| {key[0]} | {key[1]} | {key[2]} | {key[3]} | {ours['choice']} | {ours['ms']:.2f} | {ours['of_peak']:.0%} | {ours['over_dense_share']:.2f} | {ours['relative_error']:.1e} | "
            + " | ".join(f"{row[p]['ms']:.2f} | {row[p]['relative_error']:.1e}" if p in row else " | " for p in peers) + f" | {ratio:.2f} |")
    print()
    for (threads, size, mask), values in ratios.items():
        mean = math.exp(sum(map(math.log, values)) / len(values))
        print(f"{threads} threads, D = {size}, {mask}: geometric mean {mean:.2f}, least {min(values):.2f}")


if __name__ == "__main__":
    main()
