import warnings

import pytest
import torch

from dpkit.developer import ReleaseDataset


def named(name, **attributes):
    """Return an object of a class of torchvision's name; torchvision itself is not needed."""
    made = type(name, (), {"__call__": lambda _, value: value})()
    for attribute, value in attributes.items():
        setattr(made, attribute, value)
    return made


@pytest.mark.parametrize(
    "name",
    ["RandomHorizontalFlip", "RandomVerticalFlip", "RandomResizedCrop", "CenterCrop", "Resize",
     "RandomRotation", "RandomAffine", "RandomPerspective", "ColorJitter", "RandomGrayscale",
     "Grayscale", "AutoAugment", "TrivialAugmentWide"],
)  # fmt: skip
def test_a_transform_that_does_not_commute_is_warned_about_by_name(release, name):
    with pytest.warns(UserWarning, match=name):
        ReleaseDataset(release, transform=named(name))


def test_it_is_found_inside_a_composition(release):
    inner = named("RandomApply", transforms=[named("ColorJitter")])
    composed = named("Compose", transforms=[named("ToDtype"), inner])
    with pytest.warns(UserWarning, match="ColorJitter"):
        ReleaseDataset(release, transform=composed)


def test_the_warning_is_given_once_and_not_for_each_sample(release):
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        dataset = ReleaseDataset(release, transform=named("ColorJitter"))
        assert all(len(dataset[index]) == 2 for index in range(5))
    assert len(said) == 1


@pytest.mark.parametrize("transform", [torch.neg, named("Normalize"), named("RandomErasing")])
def test_a_transform_that_is_harmless_is_not_warned_about(release, transform):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ReleaseDataset(release, transform=transform)
