"""Logits become probabilities, or are refused in words."""

import math

import pytest
import torch

from dpkit.errors import UsageError
from dpkit.nets.answers import probabilities_of


def test_a_logit_of_minus_infinity_is_a_probability_of_nothing():
    assert probabilities_of(torch.tensor([[0.0, -math.inf]])).tolist() == [[1.0, 0.0]]


@pytest.mark.parametrize("logit", [math.inf, math.nan])
def test_answers_that_are_no_numbers_are_refused(logit):
    with pytest.raises(UsageError, match=r"no number.*--normalize"):
        probabilities_of(torch.tensor([[0.0, 1.0], [logit, 1.0]]))


@pytest.mark.parametrize(
    ("logits", "words"),
    [
        ((torch.zeros(1, 2),), "with a tuple"),
        (torch.zeros(1, 2, 3), "with .1, 2, 3."),
        (torch.zeros(3), "with .3."),
        (torch.zeros(3, 0), "with .3, 0."),
    ],
)
def test_answers_that_are_no_logits_are_refused(logits, words):
    with pytest.raises(UsageError, match=words):
        probabilities_of(logits)
