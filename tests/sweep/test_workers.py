"""Jobs in processes: all are done, the first error is told, and none outlives its sweep."""

import os
import time
from functools import partial

import pytest

from dpkit.errors import UsageError
from dpkit.sweep.workers import in_processes


def note(folder, job):
    (folder / str(job)).write_text(str(os.getpid()))


def refuse(job):
    raise UsageError(f"job {job} cannot be done", remedy="give another")


def sleep(folder, job):
    note(folder, job)
    time.sleep(60)


def ignore():
    pass


def test_every_job_is_done_in_a_process_of_its_own(tmp_path):
    in_processes(partial(note, tmp_path), [1, 2, 3], 2, ignore)
    owners = {path.name: path.read_text() for path in tmp_path.iterdir()}
    assert owners.keys() == {"1", "2", "3"}
    assert str(os.getpid()) not in owners.values()


def test_an_error_of_a_job_is_the_sweeps():
    with pytest.raises(UsageError, match="job 1 cannot be done; give another") as told:
        in_processes(refuse, [1], 2, ignore)
    assert told.value.remedy == "give another"


def test_a_sweep_that_is_stopped_leaves_no_process_behind(tmp_path):
    def look():
        if any(tmp_path.iterdir()):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        in_processes(partial(sleep, tmp_path), [1], 1, look)
    (note,) = tmp_path.iterdir()
    with pytest.raises(ProcessLookupError):
        os.kill(int(note.read_text()), 0)
