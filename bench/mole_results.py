"""The table of MoLe's Table 1, and whether its claim holds: Aug-Conv costs nothing but noise."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from bench.harness import Figure

if TYPE_CHECKING:
    from bench.notebook import Result

SAID = {
    "a0": "plain, every layer learns",
    "a": "plain, first layer fixed",
    "a~": "plain, first layer fixed, its features rounded",
    "b": "morphed, Aug-Conv",
    "b′": "morphed, Aug-Conv, order undone",
    "c": "morphed, first layer learns",
    "d": "morphed by an orthogonal core, first layer learns",
    "m": "no convolution",
}


@dataclass(frozen=True)
class Row:
    """What came of one case, an entry a seed."""

    letter: str
    results: list[Result] = field(default_factory=list)

    @property
    def accuracies(self) -> list[float]:
        return [result["accuracy"] for result in self.results]

    @property
    def title(self) -> str:
        letter, comma, recipe = self.letter.partition(",")
        return f"{self.letter}: {SAID[letter]}{comma}{recipe}"


def table(name: str, rows: list[Row]) -> str:
    """Return Markdown: the accuracy of each seed, mean and deviation."""
    seeds = max(len(row.results) for row in rows)
    heads = [name, *(f"seed {i}" for i in range(seeds)), "mean", "deviation"]
    lines = [heads, ["---"] * len(heads)]
    for row in rows:
        each = [f"{accuracy:.3f}" for accuracy in row.accuracies]
        each += [""] * (seeds - len(each))
        spread = f"{_deviation(row):.3f}" if len(row.results) > 1 else ""
        lines.append([row.title, *each, f"{np.mean(row.accuracies):.3f}", spread])
    return "".join(f"| {' | '.join(line)} |\n" for line in lines) + "\n" + _undone(rows) + "\n"


def figures(name: str, rows: list[Row]) -> list[Figure]:
    by = {row.letter: row for row in rows}
    found = [
        _apart(name, by["a"], by["b"]),
        Figure("mole", f"{name}: a - c", _mean(by["a"]) - _mean(by["c"]), "accuracy",
               detail=f"c {_mean(by['c']):.3f}"),
    ]  # fmt: skip
    if "d" in by:
        found.append(_apart(name, by["a0"], by["d"]))
        found.append(
            Figure("mole", f"{name}: a0 - d, Adam", _mean(by["a0, Adam"]) - _mean(by["d, Adam"]),
                   "accuracy")
        )  # fmt: skip
    return found


def _apart(name: str, one: Row, other: Row) -> Figure:
    """Return the distance of two means; it is to lie within what seeds make of either."""
    spread = max(max(row.accuracies) - min(row.accuracies) for row in (one, other))
    return Figure(
        "mole", f"{name}: |{one.letter} - {other.letter}|", abs(_mean(one) - _mean(other)),
        "accuracy", spread, is_upper_limit=True,
        detail=f"{_mean(one):.3f} and {_mean(other):.3f}, deviations {_deviation(one):.3f} and "
        f"{_deviation(other):.3f}",
    )  # fmt: skip


def _undone(rows: list[Row]) -> str:
    """Return how far losses lie from those of a, step by step, for the first seed."""
    by = {row.letter: row.results[0] for row in rows}
    plain = by["a"]
    names = [name for name in plain if name.startswith("loss")]
    lines = [["relative difference from a", *names], ["---"] * (1 + len(names))]
    for letter in ("b′", "a~"):
        if letter in by:
            apart = [abs(plain[name] - by[letter][name]) / plain[name] for name in names]
            lines.append([letter, *(f"{number:.1e}" for number in apart)])
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _mean(row: Row) -> float:
    return float(np.mean(row.accuracies))


def _deviation(row: Row) -> float:
    return float(np.std(row.accuracies, ddof=1))
