"""A release as a torch data set: mapped from the disk, safe under any number of workers.

The offset of each shard's images is found once, in the process that makes the data set, by
dpkit's own reader; workers map the files at these offsets. No HDF5 library is involved, so
there is no handle that a fork could tear, and a data set pickles as paths and offsets.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np
import torch
from torch.utils.data import Dataset

from dpkit.developer.transforms import warn_about
from dpkit.errors import UsageError
from dpkit.release.read import Release
from dpkit.release.training import read_training
from dpkit.types import PARTS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from dpkit.release.read import ShardColumns

Sample = tuple[torch.Tensor, Any]
ALL: Final = "all"


class ReleaseDataset(Dataset[Sample]):
    """Samples (float32 tensor [c,h,w], target) of one part of a release.

    Parameters
    ----------
    path
        The release's folder.
    split
        `train`, `validation`, `test`, or `all` of them in this order.
    verify
        `quick` checks signature, manifest and sizes; `full` every byte; `none` nothing.
    transform, target_transform
        Called on the tensor, on the target. A transform that the manifest names as breaking
        (a flip of morphed values is no flip of the image) is warned about once.

    A target is an int for task single (and -1 for task none), else a tensor: uint8 [classes] with
    255 for unknown, or float32 [k].

    Raises
    ------
    UsageError
        The folder is no release, or has no such part.
    IntegrityError
        The release is not what was signed.
    """

    def __init__(
        self,
        path: str | Path,
        split: str = "train",
        verify: Literal["none", "quick", "full"] = "quick",
        transform: Callable[[torch.Tensor], Any] | None = None,
        target_transform: Callable[[Any], Any] | None = None,
    ) -> None:
        self.release = Release.open(path, verify=verify)
        self.split = split
        self.transform = transform
        self.target_transform = target_transform
        self._shards = _open_shards(self.release, split)
        self._ends = np.cumsum([len(shard) for shard in self._shards])
        self._maps: dict[int, NDArray[Any]] = {}
        if transform is not None:
            manifest = self.release.manifest
            training = read_training(manifest.training, manifest.image_shape[0])
            warn_about(transform, training.breaking_transforms)

    @property
    def classes(self) -> list[str]:
        """Class names in the order of their numbers."""
        return [entry.name for entry in self._class_entries()]

    @property
    def class_to_idx(self) -> dict[str, int]:
        """The number that stands for each class name in `targets`."""
        return {entry.name: entry.index for entry in self._class_entries()}

    @property
    def targets(self) -> list[int] | torch.Tensor:
        """All targets: a list of ints for task single and none, else a tensor [n,k]."""
        labels = np.concatenate([shard.labels for shard in self._shards])
        return labels.tolist() if labels.ndim == 1 else torch.from_numpy(labels)

    @property
    def groups(self) -> list[str]:
        """The pseudonym of each sample's group (its patient): split by these, not by samples."""
        return _texts(shard.groups for shard in self._shards)

    @property
    def ids(self) -> list[str]:
        """The published id of each sample."""
        return _texts(shard.ids for shard in self._shards)

    def __len__(self) -> int:
        return int(self._ends[-1])

    def __getitem__(self, index: int) -> Sample:
        return self.__getitems__([index])[0]

    def __getitems__(self, indices: Sequence[int]) -> list[Sample]:
        """Return a batch of samples, reading each shard once."""
        wanted = self._checked(indices)
        samples: list[Sample] = [None] * len(wanted)  # type: ignore[list-item]  # all are set below
        shard_of = np.searchsorted(self._ends, wanted, side="right")
        for number in np.unique(shard_of):
            places = np.flatnonzero(shard_of == number)
            first = int(self._ends[number]) - len(self._shards[number])
            self._read(int(number), wanted[places] - first, places, samples)
        return samples

    def __getstate__(self) -> dict[str, Any]:
        """Leave the maps behind: each process makes its own."""
        return {**self.__dict__, "_maps": {}}

    def __repr__(self) -> str:
        manifest = self.release.manifest
        shape = "x".join(str(side) for side in manifest.image_shape)
        return (
            f"ReleaseDataset({str(self.release.path)!r}, split={self.split!r}): {len(self):,} "
            f"samples of {shape}, task {manifest.task}, {len(manifest.classes)} classes"
        )

    def _read(
        self, number: int, rows: NDArray[np.int64], places: NDArray[Any], samples: list[Sample]
    ) -> None:
        values = torch.from_numpy(self._values(number)[rows].astype(np.float32, copy=False))
        labels = self._shards[number].labels[rows]
        targets = labels.tolist() if labels.ndim == 1 else torch.from_numpy(labels)
        for place, value, target in zip(places.tolist(), values, targets, strict=True):
            shown = value if self.transform is None else self.transform(value)
            samples[place] = (
                shown,
                target if self.target_transform is None else self.target_transform(target),
            )

    def _values(self, number: int) -> NDArray[Any]:
        if number not in self._maps:
            self._maps[number] = np.asarray(self._shards[number].values())
        return self._maps[number]

    def _checked(self, indices: Sequence[int]) -> NDArray[np.int64]:
        wanted = np.asarray(indices, dtype=np.int64)
        if len(wanted) and not -len(self) <= wanted.min() <= wanted.max() < len(self):
            raise IndexError(f"an index lies outside of {len(self)} samples")
        return np.where(wanted < 0, wanted + len(self), wanted)

    def _class_entries(self) -> list[Any]:
        return sorted(self.release.manifest.classes, key=lambda entry: entry.index)


def _open_shards(release: Release, split: str) -> list[ShardColumns]:
    there = [part.part for part in release.manifest.parts]
    wanted = [part for part in PARTS if part in there and split in (part, ALL)]
    if not wanted:
        raise UsageError(
            f"release {release.manifest.release_id} has no part {split!r}",
            remedy=f"it has {', '.join(there)}, and 'all'",
        )
    return [release.columns(shard) for part in wanted for shard in release.shards(part)]


def _texts(columns: Iterable[NDArray[np.bytes_]]) -> list[str]:
    return [name.decode("ascii") for column in columns for name in column.tolist()]
