"""Forty lines that put the oracle behind a fixture. STOF names the tool where it is not on the path."""

import json
import os
import shlex
import subprocess

import numpy as np
import pytest

STOF = shlex.split(os.environ.get("STOF", "stof"))


class Oracle:
    def __init__(self, folder):
        self.folder = folder

    def run(self, *arguments):
        """Runs the tool; the report and the exit code (0 right, 1 wrong)."""
        done = subprocess.run([*STOF, *map(str, arguments), "--json"], cwd=self.folder, capture_output=True, text=True)
        assert done.returncode in (0, 1), done.stderr  # 2 bad input, 3 environment: the test is wrong, not the kernel
        return json.loads(done.stdout), done.returncode

    def save(self, **arrays):
        np.savez(self.folder / "case.npz", **arrays)

    def check(self, *options, **arrays):
        """Fails the test with the oracle's reasons unless the output is right."""
        self.save(**arrays)
        report, code = self.run("verify", "case.npz", *options)
        case = report["cases"][0]
        assert code == 0, "; ".join([case["state"], *case["reasons"], report["reproduce"]])

    def cause(self, *options, **arrays):
        """The name of the bug, or None."""
        self.save(**arrays)
        return self.run("diagnose", "case.npz", *options)[0]["cases"][0]["cause"]


@pytest.fixture
def oracle(tmp_path):
    return Oracle(tmp_path)
