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


@pytest.mark.parametrize(
    ("epsilon", "cell", "least"), [(0.5, 4, 0.15), (2.0, 4, 0.6), (2.0, 5, 0.6), (8.0, 4, 0.85)]
)
def test_rows_are_linked_to_their_originals(epsilon, cell, least):
    originals, view = pixelated(epsilon=epsilon, cell=cell, enlarge=True)
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
    scales = Cells.of(view).scales
    means = originals.reshape(3, 16, 4, 16, 4).mean(axis=(2, 4))
    released = view.values[:, 0].astype(float)
    expected = [[-(np.abs(y - x) / scales).sum() for x in means] for y in released]
    assert np.allclose(found.links, expected)


@pytest.mark.parametrize(("cell", "top"), [(4, 4), (5, 60)])  # cells of 5 end in columns of 4
@pytest.mark.parametrize(("channels", "per_channel"), [(1, False), (3, False), (3, True)])
def test_neighbours_differ_by_epsilon_at_most(cell, top, channels, per_channel):
    originals, view = pixelated(
        epsilon=2.0, neighborhood=16, cell=cell, channels=channels, per_channel=per_channel
    )
    neighbours = originals[[0, 0]].copy()
    neighbours[:, top : top + 4, 8:12] = np.array([0, 255], np.uint8)[:, None, None, None]
    found, _ = attacked(view, neighbours, moved=0)
    total = 6.0 if per_channel else 2.0
    assert found.figures["epsilon"] == total
    assert np.abs(found.links[:, 0] - found.links[:, 1]).max() <= total + 1e-9
    assert np.abs(found.links[:, 0] - found.links[:, 1]).max() > 0.6 * total


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
