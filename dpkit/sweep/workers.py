"""The cells of a sweep in several processes: each takes a job, and what it finishes is a file.

Small networks do not gain from a second thread, but two of them can be trained beside each other.
A process uses one thread, so that figures do not depend on how many processes there are.
"""

from __future__ import annotations

import os
import signal
import threading
from concurrent.futures import FIRST_EXCEPTION, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context, parent_process
from typing import TYPE_CHECKING, Final, TypeVar

from threadpoolctl import threadpool_limits

from dpkit.errors import DpkitError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from concurrent.futures import Future

    from dpkit.types.voice import Voice

LOOK_SECONDS: Final = 1.0  # between two looks at what is done

Job = TypeVar("Job")


def in_processes(
    work: Callable[[Job], None], jobs: Sequence[Job], workers: int, look: Callable[[], None]
) -> None:
    """Do all jobs, `workers` at a time, each in a process of its own kind.

    Parameters
    ----------
    work
        A function of a module, or a `partial` of one: it is sent to the processes, as jobs are.
    look
        Called every second; what it raises ends all processes at once.

    Raises
    ------
    Exception
        The first that a job raised; the others were ended.
    DpkitError
        A process was ended by the system.
    """
    pool = ProcessPoolExecutor(workers, mp_context=get_context("spawn"), initializer=_begin)
    futures = [pool.submit(work, job) for job in jobs]
    try:
        waiting: set[Future[None]] = set(futures)
        while waiting:
            done, waiting = wait(waiting, LOOK_SECONDS, FIRST_EXCEPTION)
            for future in done:
                future.result()
            look()
    except BrokenProcessPool:
        raise DpkitError(
            "the system ended a process of this sweep, most likely for want of memory",
            remedy="give fewer --workers: the same command then goes on where it was",
        ) from None
    except BaseException:
        for process in list(pool._processes.values()):  # noqa: SLF001 (the pool has no way to end a job)
            process.terminate()
        raise
    finally:
        pool.shutdown(cancel_futures=True)


def one_by_one(work: Callable[[Job], None], jobs: Sequence[Job], voice: Voice) -> None:
    """Do all jobs in this process, on one thread."""
    from dpkit.training.encoding import one_thread  # noqa: PLC0415 (loads torch, which not every job needs)

    with one_thread(), threadpool_limits(1):
        for job in jobs:
            voice.safe_point()
            work(job)


def _begin() -> None:
    """Leave Ctrl-C to the first process, which ends the others; and do not outlive it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """End this process when the first one is gone, however it went."""
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
