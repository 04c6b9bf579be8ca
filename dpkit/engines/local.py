"""Threads on this machine: decoding, matrix products and kernels all release the interpreter lock.

Each worker thread uses one BLAS thread: two workers then use two cores, without the
oversubscription by which BLAS's own threads collapse on a shared machine.
"""

from __future__ import annotations

import os
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

from threadpoolctl import threadpool_info, threadpool_limits

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

Item = TypeVar("Item")
Result = TypeVar("Result")


class LocalEngine:
    """Runs work items on `workers` threads and yields their results in order.

    Parameters
    ----------
    workers
        Threads; default one a core that this process may use.
    """

    def __init__(self, workers: int | None = None) -> None:
        self.workers = workers or usable_cores()

    @property
    def in_flight(self) -> int:
        """Items that `map` has begun at one time, the one last yielded among them."""
        return 2 * self.workers + 1

    def map(self, function: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
        """Yield `function(item)` in the order of `items`; at most two items a worker wait."""
        with one_blas_thread(), ThreadPoolExecutor(self.workers) as pool:
            waiting: deque[Future[Result]] = deque()
            try:
                for item in items:
                    waiting.append(pool.submit(function, item))
                    if len(waiting) == self.in_flight:
                        yield waiting.popleft().result()
                while waiting:
                    yield waiting.popleft().result()
            finally:
                for future in waiting:
                    future.cancel()


def usable_cores() -> int:
    """Return the cores that this process may use (affinity, where the system tells)."""
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Limit BLAS to one thread a caller while the block runs."""
    with threadpool_limits(limits=1, user_api="blas"):
        yield


def blas_core() -> str:
    """Name the BLAS and the processor kernels it chose: results agree bit for bit within one."""
    found = [
        f"{blas['internal_api']} {blas['version']} {blas.get('architecture', '')}".strip()
        for blas in threadpool_info()
        if blas["user_api"] == "blas" and "numpy" in blas["filepath"]
    ]
    return found[0] if found else "unknown"
