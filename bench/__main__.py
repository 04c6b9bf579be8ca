"""`python -m bench`: run all short benches or the named ones, print a table, write JSON.

A new bench is a module here with `run(folder) -> list[Figure]` and one line in BENCHES, or in
LONG where it runs for many minutes; `folder` takes its pictures.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from dataclasses import asdict
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from bench.harness import machine

if TYPE_CHECKING:
    from bench.harness import Figure

BENCHES = {
    "morph": "bench.morph",
    "pipeline": "bench.pipeline",
    "shards": "bench.shards",
    "memory": "bench.memory",
    "start": "bench.start",
    "fig7": "bench.fig7",
    "fig8": "bench.fig8",
    "mix-kernel": "bench.mix_kernel",
    "mix-job": "bench.mix_job",
    "hold-kernel": "bench.hold_kernel",
    "table4": "bench.table4",
    "pixelate-speed": "bench.pixelate_speed",
    "audit-mixing": "bench.audit_mixing",
    "augconv": "bench.augconv",
    "augconv-attack": "bench.augconv_attack",
    "intersection-attack": "bench.intersection_attack",
    "overheads": "bench.overheads",
}
LONG = {  # only where they are named
    "utility": "bench.utility",
    "pixelate": "bench.pixelate",
    "mole": "bench.mole_table1",
    "audit-moments": "bench.audit_moments",
    "reconstructors": "bench.reconstructors",
    "learned": "bench.learned",
}


def main() -> int:
    modules = BENCHES | LONG
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"some of: {', '.join(modules)}")
    parser.add_argument("--json", type=Path, help="write the figures here")
    parser.add_argument("--folder", type=Path, default=Path("build/bench"), help="for pictures")
    given = parser.parse_args()
    unknown = set(given.names) - set(modules)
    if unknown:
        parser.error(f"no bench named {', '.join(sorted(unknown))}")
    given.folder.mkdir(parents=True, exist_ok=True)
    host = machine()
    print("  ".join(f"{name}: {value}" for name, value in host.items()))
    figures: list[Figure] = []
    with TemporaryDirectory() as state:
        os.environ["XDG_STATE_HOME"] = state  # reports of benched releases are not the user's
        for name in given.names or BENCHES:
            found = import_module(modules[name]).run(given.folder)
            figures += found
            _show(found)
    if given.json:
        rows = [{**asdict(figure), "verdict": figure.verdict} for figure in figures]
        given.json.write_text(json.dumps({"machine": host, "figures": rows}, indent=1) + "\n")
    return 1 if any(figure.verdict == "MISSED" for figure in figures) else 0


def _show(figures: list[Figure]) -> None:
    for f in figures:
        target = "" if f.target is None else f"{'<=' if f.is_upper_limit else '>='} {f.target:g}"
        reading = f"{f.value:10.3f} {f.unit:10} {target:10} {f.verdict:8}"
        print(f"{f.bench:8} {f.case:44} {reading} {f.detail}")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
