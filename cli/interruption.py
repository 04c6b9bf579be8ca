"""Ctrl-C during a long command: the run stops at its next safe point, with a line that says so.

Python's own way raises an exception between any two instructions. Where that happens inside a
finaliser the interpreter prints a traceback and goes on as if nothing had been said, and inside a
library the exception may come out as another. Here the key is noted, and the command asks.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_SAID: Final = b"\nstopping at the next safe point; press Ctrl-C again to stop at once\n"


@contextmanager
def interruptible() -> Iterator[Callable[[], None]]:
    """Give a function that raises KeyboardInterrupt once Ctrl-C was pressed.

    A second Ctrl-C raises at once. In a thread other than the main one nothing is changed, as
    Python allows handlers only there.
    """
    pressed = threading.Event()

    def note(_number: int, _frame: Any) -> None:
        if pressed.is_set():
            raise KeyboardInterrupt
        pressed.set()
        os.write(sys.__stderr__.fileno() if sys.__stderr__ else 2, _SAID)

    def check() -> None:
        if pressed.is_set():
            raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():
        yield check
        return
    before = signal.signal(signal.SIGINT, note)
    try:
        yield check
    finally:
        signal.signal(signal.SIGINT, before)
