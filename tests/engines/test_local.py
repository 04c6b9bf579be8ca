import threading
import time

import numpy as np
import pytest
from threadpoolctl import threadpool_info

from dpkit.engines import ENGINES, LocalEngine
from dpkit.engines.local import blas_core, usable_cores


@pytest.mark.parametrize("engine", ENGINES.values(), ids=ENGINES)
def test_every_engine_yields_results_in_the_order_of_the_items(engine):
    def slow_first(item):
        time.sleep(0.02 if item == 0 else 0)
        return item * item

    assert list(engine(workers=3).map(slow_first, range(20))) == [i * i for i in range(20)]


def test_items_are_taken_as_they_are_needed():
    """A shard's tiles come from a generator: at most three a worker are out at once."""
    taken = []

    def items():
        for i in range(100):
            taken.append(i)
            yield i

    results = LocalEngine(workers=2).map(abs, items())
    next(results)
    assert len(taken) <= 6
    results.close()


def test_a_failure_in_a_worker_reaches_the_caller():
    def fail(item):
        raise ValueError(f"item {item}")

    with pytest.raises(ValueError, match="item 0"):
        list(LocalEngine(workers=2).map(fail, range(10)))


def test_workers_compute_at_the_same_time():
    meeting = threading.Barrier(2, timeout=10)
    assert sorted(LocalEngine(workers=2).map(lambda _: meeting.wait(), range(2))) == [0, 1]


def test_each_worker_has_one_blas_thread():
    def threads(_):
        return [b["num_threads"] for b in threadpool_info() if b["user_api"] == "blas"]

    assert {n for found in LocalEngine(workers=2).map(threads, range(4)) for n in found} == {1}


def test_the_blas_core_has_a_name():
    assert np.dot(np.eye(2), np.eye(2)).sum() == 2
    assert blas_core() != "unknown"


def test_without_a_number_it_takes_the_cores_of_this_process():
    assert LocalEngine().workers == usable_cores() >= 1
