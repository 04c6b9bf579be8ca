"""Ctrl-C during a long command is heard at the next safe point, and never as a traceback."""

import os
import signal
import threading

import pytest

from cli.interruption import interruptible
from cli.progress import voice


def press():
    os.kill(os.getpid(), signal.SIGINT)


@pytest.mark.parametrize(
    "speak",
    [
        lambda v: v.notice("a line"),
        lambda v: v.progress("sanitizing", 1, 2),
        lambda v: v.safe_point(),
    ],
    ids=["notice", "progress", "safe point"],
)
def test_pressed_once_it_waits_for_the_next_word(speak):
    with voice() as speaking:
        speak(speaking)
        press()
        with pytest.raises(KeyboardInterrupt):
            speak(speaking)


def test_pressed_twice_it_stops_at_once():
    with interruptible():
        press()
        with pytest.raises(KeyboardInterrupt):
            press()


def test_a_press_is_not_lost_in_a_finaliser():
    """Python drops an exception that is raised in `__del__`; a noted key press stays noted."""

    class Pressing:
        def __del__(self):
            press()

    with interruptible() as check:
        Pressing()
        with pytest.raises(KeyboardInterrupt):
            check()


def test_afterwards_the_handler_is_the_one_from_before():
    before = signal.getsignal(signal.SIGINT)
    with interruptible():
        assert signal.getsignal(signal.SIGINT) is not before
    assert signal.getsignal(signal.SIGINT) is before


def test_in_another_thread_the_handler_is_left_alone():
    before = signal.getsignal(signal.SIGINT)
    seen = []

    def work():
        with interruptible() as check:
            check()
            seen.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [before]
