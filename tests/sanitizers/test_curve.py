"""The curve of a training, in a key and in the reports."""

import numpy as np
import pytest

from dpkit.leakage.report.learning import learning_plots, learning_rows
from dpkit.sanitizers import obfuscate, partition
from dpkit.sanitizers.curve import curve_arrays, curve_of
from dpkit.training.obfuscation import ObfuscatorLearner
from dpkit.training.suite import SuiteLearner
from dpkit.types import Key, Secret
from dpkit.types.training_curve import TrainingCurve


def test_a_key_gives_back_the_curve_that_was_put_in():
    figures = np.array([[1, 0.5], [0.25, 0.75]], np.float32)
    key = Key(Secret(bytes(32)), curve_arrays(figures, best_epoch=1, deciding=40))
    expected = TrainingCurve(("loss", "accuracy"), ((1.0, 0.5), (0.25, 0.75)), 2, 40)
    assert curve_of(key, ("loss", "accuracy")) == expected


@pytest.mark.parametrize(
    ("columns", "learner"),
    [(obfuscate.COLUMNS, ObfuscatorLearner), (partition.COLUMNS, SuiteLearner)],
)
def test_the_columns_are_those_of_the_training(columns, learner):
    assert columns == (*learner.said, *learner.judged)


def test_the_page_shows_the_first_the_last_and_the_kept_epoch_of_a_long_training():
    epochs = tuple((float(n), 1 / n) for n in range(1, 101))
    rows = learning_rows(TrainingCurve(("a", "b"), epochs, 42, 30))
    numbers = [number for number, *_ in rows]
    assert numbers[0] == 1
    assert numbers[-1] == 100
    assert [number for number, is_kept, _ in rows if is_kept] == [42]
    assert len(rows) <= 15


def test_each_column_has_a_plot_that_is_said_in_words():
    curve = TrainingCurve(("loss", "accuracy"), ((2.0, 0.1), (1.0, 0.5)), 2, 30)
    plots = learning_plots(curve)
    assert [uri.startswith("data:image/svg+xml") for uri, _ in plots] == [True, True]
    assert plots[1][1].startswith("accuracy over 2 epochs: 0.1 at first, 0.5 at last, 0.5")


def test_without_a_training_there_is_nothing_to_show():
    assert (learning_plots(None), learning_rows(None)) == ([], [])
