"""The table ATTACKS, and how an attack's time ends."""

import inspect
import re
from pathlib import Path

import pytest

from dpkit.leakage.attacks import ATTACKS
from dpkit.leakage.attacks.attack import ANY, Effort, OutOfBudgetError
from dpkit.types.ladder import RUNGS

DOCS = Path(__file__).parents[3] / "docs" / "attacks"


@pytest.mark.parametrize("name", ATTACKS)
class TestEveryAttack:
    def test_stands_on_a_rung_and_has_a_page(self, name):
        attack = ATTACKS[name]
        assert attack.name == name
        assert set(attack.rungs) <= set(RUNGS)
        assert list(attack.rungs) == sorted(set(attack.rungs))
        assert (DOCS / f"{name}.md").is_file()

    def test_is_the_file_of_its_name(self, name):
        module = inspect.getmodule(ATTACKS[name].run).__name__
        assert module.endswith(f".{name.replace('-', '_')}")

    def test_says_in_words_what_it_is_and_needs(self, name):
        attack = ATTACKS[name]
        assert re.fullmatch(r"[A-Z0-9].{5,60}", attack.title)
        assert attack.needs
        assert attack.sanitizers

    def test_is_for_its_own_sanitizers(self, name):
        attack = ATTACKS[name]
        own = "anything" if attack.sanitizers == ANY else attack.sanitizers[0]
        assert attack.is_for(own)


def test_an_effort_ends():
    effort = Effort(seconds=-1.0)
    with pytest.raises(OutOfBudgetError, match="not finished"):
        effort.check()


def test_an_effort_draws_the_same_again():
    assert Effort(seed=3).rng().random() == Effort(seed=3).rng().random()
