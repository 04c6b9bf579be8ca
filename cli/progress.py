"""How a long command speaks: one progress line on a terminal, plain periodic lines elsewhere."""

from __future__ import annotations

import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import click

from cli.interruption import interruptible
from cli.output import one_line
from dpkit.types.voice import Voice

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dpkit.types.voice import SafePoint

REDRAW_SECONDS: Final = 0.1
PLAIN_SECONDS: Final = 10.0
SLOW: Final = 1.0  # a second; fewer are told by the minute


class _Line:
    """The state of the progress line: what stage, since when, what was shown last."""

    def __init__(self, safe_point: SafePoint) -> None:
        self._safe_point = safe_point
        self._is_terminal = sys.stderr.isatty()
        self._stage = ""
        self._began = 0.0
        self._first = self._last = 0
        self._shown = 0.0
        self._is_open = False

    def notice(self, text: str) -> None:
        """Print a line of its own."""
        self._safe_point()
        self.close()
        click.echo(one_line(text), err=True)

    def progress(self, stage: str, done: int, total: int) -> None:
        """Show how far a stage is, unless it was shown a moment ago."""
        self._safe_point()
        now = time.monotonic()
        if stage != self._stage or done < self._last:
            self.close()
            self._stage, self._began, self._shown, self._first = stage, now, now, done
        self._last = done
        wait = REDRAW_SECONDS if self._is_terminal else PLAIN_SECONDS
        is_last = done >= total
        if now - self._shown < wait and not (is_last and self._is_terminal):
            return
        self._shown = now
        text = self._text(done, total, now - self._began)
        if self._is_terminal:
            click.echo(f"\r\x1b[K{text}", err=True, nl=is_last)
            self._is_open = not is_last
        else:
            click.echo(text, err=True)

    def close(self) -> None:
        """End an unfinished line."""
        if self._is_open:
            click.echo("", err=True)
            self._is_open = False

    def _text(self, done: int, total: int, seconds: float) -> str:
        rate = (done - self._first) / seconds if seconds > 0 else 0.0
        stage, _, unit = self._stage.partition(": ")
        unit = unit or "images"
        parts = [f"{done:,} of {total:,} {unit}"]
        if rate:
            parts.append(
                f"{rate:,.0f} {unit}/s" if rate >= SLOW else f"{60 * rate:,.1f} {unit}/min"
            )
        if rate and done < total:
            parts.append(f"{_duration((total - done) / rate)} left")
        return f"{stage}: {', '.join(parts)}"


@contextmanager
def voice() -> Iterator[Voice]:
    """Give a voice on stderr, heard until the end or until Ctrl-C; an open line is closed."""
    with interruptible() as safe_point:
        line = _Line(safe_point)
        try:
            yield Voice(line.notice, line.progress, safe_point)
        finally:
            line.close()


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
