import h5py
import numpy as np
import pytest
import torch

from dpkit.release.signature import SigningKey
from tests.release.conftest import ROWS, build


@pytest.fixture(autouse=True, scope="session")
def _one_thread():
    """Two workers and torch's own threads would fight for the cores."""
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def releases(tmp_path_factory):
    """Return a function that builds the release of a task and type once."""
    made = {}

    def get(task="single", dtype="float32"):
        if (task, dtype) not in made:
            folder = tmp_path_factory.mktemp("releases") / f"{task}-{dtype}"
            build(folder, SigningKey.generate(), task, dtype)
            made[task, dtype] = folder
        return made[task, dtype]

    return get


@pytest.fixture(scope="session")
def release(releases):
    return releases()


@pytest.fixture
def by_h5py():
    """Read one column of a part with h5py alone."""

    def read(folder, part, column):
        count = len(ROWS[part])
        files = [folder / f"data/{part}-{i:05d}-of-{count:05d}.h5" for i in range(count)]
        found = []
        for path in files:
            with h5py.File(path) as shard:
                found.append(shard[column][:])
        return np.concatenate(found)

    return read
