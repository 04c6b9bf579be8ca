"""The table of MoLe's experiment, and when its claim counts as reached."""

import pytest

from bench.mole_results import Row, figures, table


def row(letter, *accuracies, loss=1.0):
    return Row(letter, [{"accuracy": a, "loss 1": loss} for a in accuracies])


def rows(b):
    return [row("a", 0.70, 0.74, 0.72), row("b", *b), row("c", 0.3, 0.3, 0.3), row("b′", 0.7)]


@pytest.mark.parametrize(
    ("b", "verdict"), [((0.71, 0.69, 0.70), "reached"), ((0.61, 0.62, 0.63), "MISSED")]
)
def test_two_cases_agree_where_their_means_lie_within_the_seeds_spread(b, verdict):
    found = {figure.case: figure for figure in figures("VGG", rows(b))}
    assert found["VGG: |a - b|"].verdict == verdict
    assert found["VGG: |a - b|"].target == pytest.approx(0.04)
    assert found["VGG: a - c"].value == pytest.approx(0.42)


def test_the_table_says_every_seed_its_mean_and_its_deviation():
    text = table("VGG", rows((0.7, 0.7, 0.7)))
    line = "| a: plain, first layer fixed | 0.700 | 0.740 | 0.720 | 0.720 | 0.020 |"
    assert line in text.splitlines()
    assert "| b′: morphed, Aug-Conv, order undone | 0.700 |  |  | 0.700 |  |" in text.splitlines()


def test_losses_are_set_beside_those_of_the_plain_run():
    apart = [*rows((0.7, 0.7, 0.7))[:3], row("b′", 0.7, loss=1.01)]
    assert "| b′ | 1.0e-02 |" in table("VGG", apart).splitlines()
