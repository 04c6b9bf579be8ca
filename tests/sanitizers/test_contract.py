"""Every sanitizer of the table keeps every promise of `tests/contract.py`."""

from __future__ import annotations

import subprocess
import sys

import pytest

from dpkit.sanitizers import SANITIZERS
from dpkit.types import Geometry
from tests.contract import PROMISES, supply_for

SMALL = {  # parameters that suit images of a few pixels
    "mix": {"Lb": 3, "Wb": 2},
    "partition": {"network": "mlp", "split_point": 2, "width": 1, "defenders": 2, "epochs": 2},
    "obfuscate": {"width": 2, "epochs": 2, "warmup": 1, "T_sub": 1},
    "pixelate": {"cell": 3},
}
GEOMETRIES = (Geometry(3, 8, 4, 8), Geometry(1, 4, 12, 16))


def completed(sanitizer, geometry):
    return sanitizer.completed(geometry, supply_for(sanitizer, geometry))


@pytest.mark.parametrize("geometry", GEOMETRIES, ids=str)
@pytest.mark.parametrize("promise", PROMISES, ids=lambda promise: promise.__name__)
@pytest.mark.parametrize("name", SANITIZERS)
def test_every_sanitizer_keeps_its_promise(name, promise, geometry):
    promise(completed(SANITIZERS[name](**SMALL.get(name, {})), geometry), geometry)


@pytest.mark.parametrize("geometry", GEOMETRIES, ids=str)
@pytest.mark.parametrize("promise", PROMISES, ids=lambda promise: promise.__name__)
@pytest.mark.parametrize(
    ("name", "preset"),
    [(name, preset) for name in SANITIZERS for preset in SANITIZERS[name].presets],
)
def test_every_preset_keeps_its_promise(name, preset, promise, geometry):
    sanitizer = SANITIZERS[name]
    chosen = sanitizer(**SMALL.get(name, {}) | sanitizer.presets[preset])
    promise(completed(chosen, geometry), geometry)


def test_a_sanitizer_is_found_under_its_own_name():
    assert all(sanitizer.name == name for name, sanitizer in SANITIZERS.items())


def test_the_table_loads_without_the_heavy_libraries():
    script = (
        "import sys, dpkit.sanitizers; "
        "print({'numba', 'torch', 'h5py', 'skimage', 'matplotlib'} & sys.modules.keys())"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "set()"
