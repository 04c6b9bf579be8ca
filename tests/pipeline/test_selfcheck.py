"""The windows of a key that the self-check looks for."""

import numpy as np
import pytest

from dpkit.pipeline.selfcheck import WINDOW_BYTES, WINDOWS, key_windows
from dpkit.release.needles import Needles
from dpkit.release.selfcheck import search
from dpkit.types import Key, Secret

CORE = np.random.default_rng(1).standard_normal((48, 48))
KEY = Key(Secret(bytes(range(32))), {"core": CORE, "draws": np.array([1])})


def test_the_seed_is_looked_for_whole():
    assert KEY.seed.reveal() in set(key_windows(KEY))


def test_each_array_is_looked_for_in_every_type_it_could_be_written_in():
    windows = list(key_windows(KEY))
    assert len(windows) == 1 + 3 * WINDOWS  # the seed; float64, float32 and float16 of the core
    assert {len(window) for window in windows} == {WINDOW_BYTES}


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16])
@pytest.mark.parametrize("form", [bytes, lambda b: b.hex().encode()], ids=["raw", "hex"])
def test_a_core_in_a_file_of_the_release_is_found(tmp_path, dtype, form):
    content = form(CORE.astype(dtype).tobytes())
    (tmp_path / "notes.bin").write_bytes(b"x" * 777 + content)
    found = search(tmp_path, Needles((), tuple(key_windows(KEY))))
    assert {finding.kind for finding in found} == {"key"}


@pytest.mark.parametrize("dtype", [np.int64, np.int32, np.uint16])
def test_a_scatter_in_a_file_of_the_release_is_found(tmp_path, dtype):
    places = np.random.default_rng(3).permutation(3072)
    key = KEY.with_arrays({"places": places})
    (tmp_path / "notes.bin").write_bytes(b"x" * 777 + places.astype(dtype).tobytes())
    assert search(tmp_path, Needles((), tuple(key_windows(key))))


def test_other_numbers_are_no_key(tmp_path):
    other = np.random.default_rng(2).standard_normal((48, 48))
    (tmp_path / "notes.bin").write_bytes(other.tobytes() + other.astype(np.float32).tobytes())
    assert search(tmp_path, Needles((), tuple(key_windows(KEY)))) == ()
