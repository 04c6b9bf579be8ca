"""Jobs in processes: all are done, the first error is told, and none outlives its sweep."""

import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest

from dpkit.errors import DpkitError, UsageError
from dpkit.sweep.workers import in_processes


def note(folder, job):
    (folder / f".{job}").write_text(str(os.getpid()))
    (folder / f".{job}").rename(folder / str(job))


def refuse(job):
    raise UsageError(f"job {job} cannot be done", remedy="give another")


def sleep(folder, job):
    note(folder, job)
    time.sleep(60)


def vanish(_job):
    os.kill(os.getpid(), signal.SIGKILL)


def ignore():
    pass


def test_every_job_is_done_in_a_process_of_its_own(tmp_path):
    in_processes(partial(note, tmp_path), [1, 2, 3], 2, ignore)
    owners = {path.name: path.read_text() for path in tmp_path.glob("[0-9]")}
    assert owners.keys() == {"1", "2", "3"}
    assert str(os.getpid()) not in owners.values()


def test_an_error_of_a_job_is_the_sweeps():
    with pytest.raises(UsageError, match="job 1 cannot be done; give another") as told:
        in_processes(refuse, [1], 2, ignore)
    assert told.value.remedy == "give another"


def test_a_process_that_the_system_ends_is_told_with_a_remedy():
    with pytest.raises(DpkitError, match="want of memory; give fewer --workers"):
        in_processes(vanish, [1], 1, ignore)


def test_a_sweep_that_is_stopped_leaves_no_process_behind(tmp_path):
    def look():
        if any(tmp_path.glob("[0-9]")):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        in_processes(partial(sleep, tmp_path), [1], 1, look)
    (note,) = tmp_path.glob("[0-9]")
    assert not _runs(int(note.read_text()))


def test_when_the_first_process_is_killed_the_others_end(tmp_path):
    script = (
        "from functools import partial; from pathlib import Path;"
        "from dpkit.sweep.workers import in_processes;"
        "from tests.sweep.test_workers import ignore, sleep;"
        f"in_processes(partial(sleep, Path({str(tmp_path)!r})), [1], 1, ignore)"
    )
    first = subprocess.Popen([sys.executable, "-c", f"if __name__ == '__main__': {script}"])
    other = int(_until(lambda: next(iter(tmp_path.glob("[0-9]")), None)).read_text())
    first.kill()
    first.wait()
    assert _until(lambda: not _runs(other))


def _until(found):
    """Return what is found within half a minute."""
    for _ in range(300):
        if value := found():
            return value
        time.sleep(0.1)
    raise AssertionError("not within half a minute")


def _runs(process):
    """Say whether a process is there and no zombie."""
    try:
        state = Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"
