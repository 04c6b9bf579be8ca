"""Likelihood tells whose picture it is far beyond what ε speaks of."""

from dataclasses import replace

import numpy as np
import pytest

from dpkit.errors import UsageError
from dpkit.leakage.attacks import re_identify
from dpkit.leakage.attacks.attack import Effort
from dpkit.leakage.attacks.cells import Cells
from tests.leakage.attacks.pixelated import pixelated


def attacked(view, originals, moved=3):
    """Return the reconstruction, and which gallery picture is whose."""
    gallery = np.roll(originals, moved, axis=0)
    owner = (np.arange(len(originals)) + moved) % len(originals)
    return re_identify.run(replace(view, gallery=gallery), Effort()), owner


@pytest.mark.parametrize(("epsilon", "least"), [(0.5, 0.15), (2.0, 0.6), (8.0, 0.85)])
def test_rows_are_linked_to_their_originals(epsilon, least):
    originals, view = pixelated(epsilon=epsilon)
    found, owner = attacked(view, originals)
    assert (found.links.argmax(axis=1) == owner).mean() > least


def test_a_row_without_its_original_in_the_values_is_linked_by_chance():
    originals, view = pixelated(epsilon=2.0)
    noise = np.random.default_rng(0).laplace(128, 64, view.values.shape)
    found, owner = attacked(replace(view, values=noise), originals)
    assert (found.links.argmax(axis=1) == owner).mean() < 0.15


def test_links_are_log_likelihoods_up_to_a_constant():
    originals, view = pixelated(epsilon=2.0, n=3)
    found, _ = attacked(view, originals, moved=0)
    scale = Cells.of(view).scale
    means = originals.reshape(3, 16, 4, 16, 4).mean(axis=(2, 4))
    expected = [[-np.abs(y[0] - x).sum() / scale for x in means] for y in view.values.astype(float)]
    assert np.allclose(found.links, expected)


def test_neighbours_differ_by_epsilon_at_most():
    originals, view = pixelated(epsilon=2.0, neighborhood=16)
    neighbour = originals[:1].copy()
    neighbour[0, 4:8, 8:12] = 255 - neighbour[0, 4:8, 8:12]
    found, _ = attacked(view, np.concatenate([originals[:1], neighbour]), moved=0)
    assert np.abs(found.links[:, 0] - found.links[:, 1]).max() <= 2.0 + 1e-9


def test_the_figures_stand_beside_the_bound():
    originals, view = pixelated(epsilon=2.0)
    figures = attacked(view, originals)[0].figures
    assert figures["neighbours told apart, at most"] == pytest.approx(np.e**2 / (1 + np.e**2))
    assert figures["nats apart"] > 10 * figures["epsilon"]


def test_a_gallery_of_one_is_no_pair():
    originals, view = pixelated(epsilon=2.0)
    assert attacked(view, originals[:1], moved=0)[0].figures["nats apart"] == 0


def test_without_a_gallery_it_is_not_tried():
    _, view = pixelated(epsilon=2.0)
    assert "gallery" in re_identify.ATTACK.unfit(view)
    with pytest.raises(UsageError, match="gallery"):
        re_identify.run(view, Effort())
