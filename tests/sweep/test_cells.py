"""What a sweep has finished is kept, for its owner alone, and never mixed with another sweep's."""

import numpy as np
import pytest

from dpkit.errors import LockedError, UsageError
from dpkit.sweep.cells import CellCheckpoints, Cells, number_name

ASKED = {"images": "abc", "seed": 0}


def test_figures_are_made_once(tmp_path):
    made = []

    def make():
        made.append(1)
        return {"psnr": 12.5}

    for _ in range(2):
        assert Cells(tmp_path / "sweep", ASKED).figures("simrec-0-0", make) == {"psnr": 12.5}
    assert made == [1]


def test_everything_is_for_its_owner_alone(tmp_path):
    cells = Cells(tmp_path / "sweep", ASKED)
    cells.figures("one", dict)
    cells.keep("one", {"weights": np.ones(3)})
    cells.write("sweep.json", b"{}")
    for path in (tmp_path / "sweep").rglob("*"):
        assert path.stat().st_mode & 0o077 == 0, path
    assert (tmp_path / "sweep").stat().st_mode & 0o077 == 0


def test_a_folder_of_another_sweep_or_of_something_else_is_refused(tmp_path):
    Cells(tmp_path / "sweep", ASKED)
    with pytest.raises(UsageError, match="other images or options"):
        Cells(tmp_path / "sweep", ASKED | {"seed": 1})
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("dear")
    with pytest.raises(UsageError, match="holds no sweep"):
        Cells(tmp_path / "mine", ASKED)


def test_what_a_kill_leaves_before_the_note_is_no_other_sweep(tmp_path):
    (tmp_path / "sweep").mkdir()
    (tmp_path / "sweep" / ".asked.json.partial").write_text("{")
    Cells(tmp_path / "sweep", ASKED)


def test_two_sweeps_never_write_one_folder(tmp_path):
    first, second = Cells(tmp_path / "sweep", ASKED), Cells(tmp_path / "sweep", ASKED)
    with first.alone(), pytest.raises(LockedError, match="another run is writing"), second.alone():
        pass
    with second.alone():
        pass


def test_a_checkpoint_comes_back_and_goes(tmp_path):
    kept = CellCheckpoints(Cells(tmp_path / "sweep", ASKED), "obfuscator-0.1")
    assert kept.load() is None
    kept.save({"epoch": 3}, {"now/encoder/w": np.arange(4.0)})
    settings, arrays = kept.load()
    assert settings == {"epoch": 3}
    assert np.array_equal(arrays["now/encoder/w"], np.arange(4.0))
    kept.end()
    assert kept.load() is None


def test_two_numbers_never_share_a_name():
    assert [number_name(x) for x in (0.0, 20.0, 0.05)] == ["0", "20", "0.05"]
    assert number_name(0.12345671) != number_name(0.12345672)
