"""`--require`: a condition on an audit's figures that a release must meet.

    worst_ssim < 0.3 and verdict != broken
    not (top1 >= 0.5 or tpr_1 > 0.1) and had_power >= 5

Grammar, and nothing besides:

    either   = both {"or" both}
    both     = one {"and" one}
    one      = "not" one | "(" either ")" | name compare value
    compare  = "<" | "<=" | ">" | ">=" | "==" | "!="
    value    = number | word

A figure that the audit did not produce never passes: it is wrong usage.
"""

from __future__ import annotations

import operator
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias

from dpkit.errors import GateError, UsageError
from dpkit.types.audit import VERDICTS
from dpkit.types.faces import RELEASE
from dpkit.types.ladder import RUNGS, WITH_KEY
from dpkit.types.utility import ON_RELEASE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from dpkit.types.audit import Audit
    from dpkit.types.faces import FaceFindings
    from dpkit.types.scores import ImageScores, LinkScores

Figure: TypeAlias = "float | str"

UNKNOWN: Final = "unknown"
NOT_ASKED: Final = "not asked for"  # the reason of an attack that --attacks left out
MOST_TEXT: Final = 1000  # characters
MOST_DEPTH: Final = 20  # parentheses and nots
_TOKEN: Final = re.compile(
    r"\s*(?:(?P<number>[0-9]+(?:\.[0-9]+)?(?![a-z0-9_.]))|(?P<word>[a-z][a-z0-9_]*)|(?P<sign><=|>=|==|!=|<|>|\(|\)))"
)
_COMPARE: Final[Mapping[str, Callable[[float, float], bool]]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
}
NAMES: Final = (
    "verdict", "had_power", "attacks", "worst_ssim", "mean_ssim", "p95_ssim", "share_50",
    "share_90", "worst_psnr", "mean_psnr", "worst_ncc", "mean_ncc", "top1", "tpr_1", "tpr_01",
    "pairs_50", "pairs_90", "accuracy", "face_detected", "face_top1",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Comparison:
    """`name sign value`, as it was written."""

    name: str
    sign: str
    value: Figure

    def holds(self, figures: Mapping[str, Figure]) -> bool:
        """Say whether it holds; raise `UsageError` where the figure is missing."""
        if self.name not in figures:
            raise UsageError(
                f"--require names {self.name}, and no attack of this audit produced it",
                remedy=f"there are {', '.join(sorted(figures))}",
            )
        found = figures[self.name]
        if found == UNKNOWN and self.value != UNKNOWN:
            raise UsageError(
                "--require names the verdict, and no attack had power: nothing is known",
                remedy="attack more images, with more time, or by the full audit",
            )
        if isinstance(found, str):
            return (found == self.value) == (self.sign == "==")
        return bool(_COMPARE[self.sign](found, float(self.value)))


@dataclass(frozen=True, slots=True)
class Condition:
    """A parsed condition: `test` of the figures, and the comparisons in their order."""

    text: str
    test: Callable[[Mapping[str, Figure]], bool]
    comparisons: tuple[Comparison, ...]

    def check(self, audit: Audit) -> None:
        """Raise `GateError` where the audit does not meet it, `UsageError` where it cannot tell.

        An attack that did not end, or was left out by name, is unknown: nothing passes then.
        """
        _refuse_unfinished(audit)
        figures = figures_of(audit)
        met = [one.holds(figures) for one in self.comparisons]  # all: a missing one is never passed
        if self.test(figures):
            return
        failed = [one.name for one, is_met in zip(self.comparisons, met, strict=True) if not is_met]
        said = ", ".join(f"{name} is {_said(figures[name])}" for name in dict.fromkeys(failed))
        raise GateError(
            f"the release does not meet --require '{self.text}': {said or 'it is false'}",
            remedy="your private report says why",
        )


def _refuse_unfinished(audit: Audit) -> None:
    counted = [attack for attack in audit.attacks if attack.rung != WITH_KEY]
    cut = [attack.title for attack in counted if attack.state in {"timed out", "crashed"}]
    if cut:
        raise GateError(
            f"--require cannot be judged: {len(cut)} attacks did not end, such as {cut[0]!r}",
            remedy="give the audit more time with --budget",
        )
    if any(attack.reason == NOT_ASKED for attack in audit.attacks):
        raise UsageError(
            "--require needs the whole suite, and --attacks left some out",
            remedy="leave --attacks out",
        )


def parse_condition(text: str) -> Condition:
    """Read a condition.

    Raises
    ------
    UsageError
        It is no such expression, or names an unknown figure.
    """
    if len(text) > MOST_TEXT:
        raise UsageError(f"--require has {len(text)} characters, more than {MOST_TEXT}")
    parser = _Parser(text)
    test = parser.either(0)
    parser.end()
    return Condition(text, test, tuple(parser.comparisons))


def figures_of(audit: Audit) -> dict[str, Figure]:
    """Return what a condition can name of an audit; what no attack produced is missing."""
    figures: dict[str, Figure] = {
        "verdict": audit.verdict.word,
        "had_power": float(audit.verdict.had_power),
        "attacks": float(audit.verdict.of),
    }
    figures |= _of_images(audit.best) if audit.best else {}
    linked = [r.links for r in audit.attacks if r.links is not None and r.had_power]
    figures |= _of_links(linked)
    figures |= _of_pairs(audit)
    if audit.utility:
        by_training = {score.trained_on: score.mean for score in audit.utility.scores}
        figures["accuracy"] = by_training[ON_RELEASE]
    return figures | (_of_faces(audit.faces) if audit.faces else {})


def _of_pairs(audit: Audit) -> dict[str, Figure]:
    """Return the known images needed; where the curve ends before, one more than was tried."""
    if not audit.pairs:
        return {}
    beyond = audit.pairs[-1].known + 1
    needed = {"pairs_50": audit.pairs_needed.get("0.5"), "pairs_90": audit.pairs_needed.get("0.9")}
    return {name: float(beyond if known is None else known) for name, known in needed.items()}


def _of_faces(faces: FaceFindings) -> dict[str, Figure]:
    """Return the most that release or reconstruction show; the key's holder is nobody to fear."""
    shown = [one for one in faces.scores if one.what in {RELEASE, *RUNGS} and one.what != WITH_KEY]
    found: dict[str, Figure] = {}
    if shown:
        found["face_detected"] = max(one.detected.value for one in shown)
    if linked := [one.links.top1.value for one in shown if one.links]:
        found["face_top1"] = max(linked)
    return found


def _of_images(best: ImageScores) -> dict[str, Figure]:
    found: dict[str, Figure] = {}
    for name, spread in (("ssim", best.ssim), ("psnr", best.psnr), ("ncc", best.ncc)):
        if spread:
            found |= {f"worst_{name}": spread.worst, f"mean_{name}": spread.mean.value}
    if best.ssim and best.share_50 and best.share_90:
        found |= {"p95_ssim": best.ssim.p95}
        found |= {"share_50": best.share_50.value, "share_90": best.share_90.value}
    return found


def _of_links(linked: list[LinkScores]) -> dict[str, Figure]:
    found: dict[str, Figure] = {}
    if linked:
        found["top1"] = max(links.top1.value for links in linked)
    for name in ("tpr_1", "tpr_01"):
        rates = [rate.value for links in linked if (rate := getattr(links, name)) is not None]
        if rates:
            found[name] = max(rates)
    return found


def _said(figure: Figure) -> str:
    return figure if isinstance(figure, str) else f"{figure:.4g}"


class _Parser:
    """One pass over the tokens, by recursive descent."""

    def __init__(self, text: str) -> None:
        self._tokens = list(_tokens(text))
        self._at = 0
        self.comparisons: list[Comparison] = []

    def either(self, depth: int) -> Callable[[Mapping[str, Figure]], bool]:
        tests = [self._both(depth)]
        while self._take("or"):
            tests.append(self._both(depth))
        return lambda figures: any(test(figures) for test in tests)

    def end(self) -> None:
        if self._at < len(self._tokens):
            raise _unexpected(self._tokens[self._at])

    def _both(self, depth: int) -> Callable[[Mapping[str, Figure]], bool]:
        tests = [self._one(depth)]
        while self._take("and"):
            tests.append(self._one(depth))
        return lambda figures: all(test(figures) for test in tests)

    def _one(self, depth: int) -> Callable[[Mapping[str, Figure]], bool]:
        if depth > MOST_DEPTH:
            raise UsageError(f"--require is nested more than {MOST_DEPTH} deep")
        if self._take("not"):
            inner = self._one(depth + 1)
            return lambda figures: not inner(figures)
        if self._take("("):
            test = self.either(depth + 1)
            if not self._take(")"):
                raise UsageError("--require lacks a )")
            return test
        comparison = self._comparison()
        self.comparisons.append(comparison)
        return comparison.holds

    def _comparison(self) -> Comparison:
        name, sign, value = (self._next() for _ in range(3))
        if name not in NAMES:
            raise UsageError(f"--require names {name!r}, which is no figure of an audit",
                             remedy=f"name one of {', '.join(NAMES)}")  # fmt: skip
        if sign not in _COMPARE:
            raise _unexpected(sign)
        if name == "verdict":
            return Comparison(name, sign, _word(sign, value))
        if not value[0].isdigit():
            raise UsageError(f"--require compares {name} with {value!r}, which is no number")
        return Comparison(name, sign, float(value))

    def _take(self, token: str) -> bool:
        found = self._at < len(self._tokens) and self._tokens[self._at] == token
        self._at += found
        return found

    def _next(self) -> str:
        if self._at >= len(self._tokens):
            raise UsageError("--require ends too early", remedy="such as 'worst_ssim < 0.3'")
        self._at += 1
        return self._tokens[self._at - 1]


def _word(sign: str, value: str) -> str:
    if sign not in {"==", "!="} or value not in VERDICTS:
        raise UsageError(
            f"--require compares verdict {sign} {value}",
            remedy=f"use == or !=, and one of {', '.join(VERDICTS)}",
        )
    return value


def _tokens(text: str) -> Iterator[str]:
    place, text = 0, text.rstrip()
    while place < len(text):
        match = _TOKEN.match(text, place)
        if match is None:
            raise _unexpected(text[place:].strip()[:20])
        yield match[match.lastgroup or 0]
        place = match.end()


def _unexpected(token: str) -> UsageError:
    return UsageError(f"--require: {token!r} is not expected there",
                      remedy="such as 'worst_ssim < 0.3 and verdict != broken'")  # fmt: skip
