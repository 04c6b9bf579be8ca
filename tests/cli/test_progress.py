"""The progress line: a pace and a time left that are true of what this run does."""

import pytest

from cli import progress
from cli.progress import voice


@pytest.fixture
def speak(monkeypatch, capsys):
    """Return a function that tells steps at given seconds and returns what was printed."""

    def told(*steps):
        clock = iter([seconds for seconds, _ in steps])
        monkeypatch.setattr(progress, "PLAIN_SECONDS", 0.0)
        with voice() as speaking:
            monkeypatch.setattr(progress.time, "monotonic", lambda: next(clock))
            for _, done in steps:
                speaking.progress("training: steps", done, 1400)
        return capsys.readouterr().err.splitlines()

    return told


def test_a_resumed_stage_counts_its_own_steps_alone(speak):
    assert speak((0.0, 800), (10.0, 820))[-1] == (
        "training: 820 of 1,400 steps, 2 steps/s, 4:50 left"
    )


def test_a_stage_that_begins_again_has_a_clock_of_its_own(speak):
    lines = speak((0.0, 0), (100.0, 1400), (110.0, 0), (120.0, 100))
    assert lines[-1] == "training: 100 of 1,400 steps, 10 steps/s, 2:10 left"


def test_a_slow_stage_is_told_by_the_minute(speak):
    assert speak((0.0, 0), (60.0, 3))[-1].startswith("training: 3 of 1,400 steps, 3.0 steps/min, ")


def test_before_anything_is_known_no_pace_is_told(speak):
    assert speak((0.0, 0)) == ["training: 0 of 1,400 steps"]
