"""MoLe's experiment, from the first layer to new images: two folders, and what passes between them.

    python samples/mole_cifar10.py cifar10 --quick

`cifar10` holds `train/CLASS/*.jpg` and `test/CLASS/*.jpg` of 32x32, ten classes or any even number.
The developer has the first half of the classes, the provider the rest, which nobody else sees:

    developer                                provider
    1  trains a network on own images
       first layer               ─────────>
                                             2  morphs its images: the release
                                             3  makes Aug-Conv from first layer and key
                                 <─────────     release, Aug-Conv
    4  trains the network on the release
       trained network           ─────────>
                                             5  classifies new images

(Shen et al., arXiv 1909.07632, Fig. 1 and Table 1.) The network travels to the provider. Images of
the developer's never travel to the key: an image that they chose, with what it becomes, is a known
pair, and enough of those are the key.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset, TensorDataset

from dpkit import Keystore, Sanitize
from dpkit.developer import (
    ReleaseDataset,
    export_first_conv,
    find_first_conv,
    load_augconv,
    replace_first_conv,
)
from dpkit.keystore.unlock import Unlock
from dpkit.nets import VGG, BasicBlock, ResNet, VisionTransformer

if TYPE_CHECKING:
    from numpy.typing import NDArray

Sample = tuple[Tensor, Any]
NORMALIZE, MEAN, DEVIATION = "0.5,0.25", 0.5, 0.25
NEW = 2  # images of each class that are in no release
AT_ONCE = 250
FIRST_CONV, AUGCONV, NETWORK = "first_conv.safetensors", "augconv.safetensors", "network.pt"


@dataclass(frozen=True)
class Setting:
    """Images of a class for training and test, epochs, and the size of the network."""

    train: int
    test: int
    epochs: int
    width: int
    hidden: int


SETTINGS = {
    "quick": Setting(train=200, test=60, epochs=6, width=8, hidden=64),
    "usual": Setting(train=800, test=300, epochs=10, width=16, hidden=128),
    "full": Setting(train=5000, test=1000, epochs=60, width=64, hidden=512),
}


# how the provider cuts images into blocks: the paper's dense matrix, or one block for each patch
MORPHING = {"vgg": "--kappa 1", "resnet": "--kappa 1", "vit": "--kappa 64 --blocks patch"}


def main() -> None:
    """Play both sides, and print the accuracies of Table 1."""
    given = _arguments()
    setting = SETTINGS[given.setting]
    torch.manual_seed(given.seed)
    with tempfile.TemporaryDirectory() as scratch:
        here = given.folder or Path(scratch)
        developer, provider = here / "developer", here / "provider"
        classes = divide(given.images, developer, provider, setting)
        learner = Learner(setting, classes, given.device, given.network)

        print("1. The developer trains a network on own images and exports its first layer.")
        first_conv = export_first_layer(developer, learner)
        pass_on(FIRST_CONV, developer, provider)

        print("\n2. The provider morphs its images.")
        blocks = MORPHING[given.network]
        dpkit(provider, f"morph images {blocks} --normalize {NORMALIZE} --out release")

        print("\n3. The provider makes Aug-Conv, sees what it gives away, and hands it over.")
        dpkit(provider, f"augconv build release --first-conv {FIRST_CONV}")
        dpkit(provider, f"augconv export release -o {AUGCONV} --i-accept-the-measured-leakage")
        pass_on("release", provider, developer)
        pass_on(AUGCONV, provider, developer)

        print("\n4. The developer trains the network on the release.")
        with_augconv = train_on_release(developer, learner, has_augconv=True)
        without = train_on_release(developer, learner, has_augconv=False)
        plain = train_on_originals(provider, learner, first_conv)
        print(f"   plain images, first layer fixed    {plain:.3f}   (to compare: no developer can)")
        print(f"   morphed, Aug-Conv                  {with_augconv:.3f}")
        print(f"   morphed, a first layer that learns {without:.3f}")
        print(f"   always one class                   {1 / classes:.3f}")
        pass_on(NETWORK, developer, provider)

        print("\n5. The provider classifies new images with the developer's network.")
        classify_new(provider, learner)


class Learner:
    """What the two sides have agreed on: a network, unmodified, and how it is trained."""

    def __init__(self, setting: Setting, classes: int, device: str, name: str) -> None:
        self._setting, self._classes, self._device, self._name = setting, classes, device, name

    def network(self) -> nn.Module:
        """Return a new network for images of 32x32, with torchvision's names for its layers."""
        size, classes = self._setting, self._classes
        if self._name == "vgg":
            return VGG(
                layers=16, width=size.width, hidden=size.hidden, pool=1, dropout=0.0,
                classes=classes,
            )  # fmt: skip
        if self._name == "resnet":
            return ResNet(
                block=BasicBlock, layers=(1, 1, 1, 1), width=size.width, stem="small",
                classes=classes,
            )  # fmt: skip
        return VisionTransformer(
            image_size=32, patch=4, dim=6 * size.width, layers=2, heads=4, hidden=size.hidden,
            classes=classes,
        )  # fmt: skip

    def train(self, network: nn.Module, images: Dataset[Sample], rate: float = 0.03) -> None:
        """Train what is not fixed, by SGD with momentum and one cycle of the rate."""
        network.to(self._device).train()
        loader = DataLoader(images, 64, shuffle=True, drop_last=True)
        learnt = [weights for weights in network.parameters() if weights.requires_grad]
        optimizer = torch.optim.SGD(learnt, rate, momentum=0.9, weight_decay=5e-4)
        steps = self._setting.epochs * len(loader)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, rate, total_steps=steps)
        for _ in range(self._setting.epochs):
            for values, targets in loader:
                scores = network(values.to(self._device))
                loss = nn.functional.cross_entropy(scores, targets.to(self._device))
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                schedule.step()

    @torch.no_grad()
    def accuracy(self, network: nn.Module, images: Dataset[Sample]) -> float:
        """Return the share of images that a network names rightly."""
        network.eval()
        right = [
            (network(values.to(self._device)).argmax(dim=1).cpu() == targets).float()
            for values, targets in DataLoader(images, AT_ONCE)
        ]
        return float(torch.cat(right).mean())


def export_first_layer(developer: Path, learner: Learner) -> nn.Conv2d:
    """Train on the developer's own images, write the first convolution, and return it."""
    network = learner.network()
    learner.train(network, originals(developer / "images/train"))
    accuracy = learner.accuracy(network, originals(developer / "images/test"))
    print(f"   accuracy on the developer's own test images: {accuracy:.3f}")
    network.cpu()
    export_first_conv(network, developer / FIRST_CONV, input_size=(32, 32), normalize=NORMALIZE)
    return find_first_conv(network)[1]


def train_on_release(developer: Path, learner: Learner, *, has_augconv: bool) -> float:
    """Train a new network on morphed images; return its accuracy on the release's test part."""
    network = learner.network()
    if has_augconv:
        replace_first_conv(network, load_augconv(developer / AUGCONV), notice=_said)
    learner.train(network, ReleaseDataset(developer / "release", split="train"))
    if has_augconv:
        torch.save(network.state_dict(), developer / NETWORK)
    return learner.accuracy(network, ReleaseDataset(developer / "release", split="test"))


def train_on_originals(provider: Path, learner: Learner, first_conv: nn.Conv2d) -> float:
    """Train on the originals behind the same first layer, fixed as Aug-Conv is."""
    network = learner.network()
    _, conv = find_first_conv(network)
    conv.load_state_dict(first_conv.state_dict())
    conv.requires_grad_(requires_grad=False)
    learner.train(network, originals(provider / "images/train"))
    return learner.accuracy(network, originals(provider / "images/test"))


@torch.no_grad()
def classify_new(provider: Path, learner: Learner) -> None:
    """Sanitize images of no release by the release's key, and name their classes."""
    network = replace_first_conv(learner.network(), load_augconv(provider / AUGCONV), notice=_said)
    weights = torch.load(provider / NETWORK, map_location="cpu", weights_only=True)
    network.load_state_dict(weights)
    store = Keystore.open(provider / "keys.dpks", Unlock(key_file=provider / "unlock/key"))
    sanitize = Sanitize.like(provider / "release", store)
    names = sorted(folder.name for folder in (provider / "new").iterdir())
    pixels, targets = read(provider / "new")
    found = network.eval()(torch.from_numpy(sanitize(pixels))).argmax(dim=1)
    for target, guess in zip(targets.tolist(), found.tolist(), strict=True):
        mark = "" if target == guess else "   wrong"
        print(f"   {names[target]:12} is called {names[guess]}{mark}")


def divide(images: Path, developer: Path, provider: Path, setting: Setting) -> int:
    """Give each side its own classes, as copies; return how many each has."""
    names = sorted(folder.name for folder in (images / "train").iterdir())
    half = len(names) // 2
    for side, classes in ((developer, names[:half]), (provider, names[half : 2 * half])):
        for name in classes:
            train, test = (sorted((images / part / name).iterdir()) for part in ("train", "test"))
            copy_all(train[: setting.train], side / "images/train" / name)
            copy_all(test[:-NEW][: setting.test], side / "images/test" / name)
            copy_all(test[-NEW:], side / "new" / name)
    (provider / "unlock").mkdir()
    return half


def copy_all(files: list[Path], folder: Path) -> None:
    """Copy files into a new folder."""
    folder.mkdir(parents=True)
    for path in files:
        shutil.copy(path, folder)


def pass_on(name: str, source: Path, target: Path) -> None:
    """Hand a file or a folder over to the other side."""
    print(f"   {name}: {source.name} → {target.name}")
    copy = shutil.copytree if (source / name).is_dir() else shutil.copy
    copy(source / name, target / name)


def dpkit(provider: Path, line: str) -> None:
    """Run a command as the provider, in the provider's folder, where keys and reports stay too."""
    print(f"$ dpkit {line}", flush=True)
    words = [*line.split(), "--keystore", "keys.dpks", "--key-file", "unlock/key"]
    subprocess.run(  # noqa: S603 (a command of ours)
        [sys.executable, "-m", "cli", *words],
        cwd=provider,
        env={**os.environ, "XDG_STATE_HOME": str(provider.resolve() / "reports")},
        check=True,
    )


def read(folder: Path) -> tuple[NDArray[np.uint8], Tensor]:
    """Return the images of class folders, u8 [n,h,w,3], and their classes in order of names."""
    paths = sorted(folder.glob("*/*"))
    names = sorted({path.parent.name for path in paths})
    pixels = np.stack([np.asarray(Image.open(path).convert("RGB")) for path in paths])
    return pixels, torch.tensor([names.index(path.parent.name) for path in paths])


def originals(folder: Path) -> Dataset[Sample]:
    """Return images as a network takes them that was never shown a release."""
    pixels, targets = read(folder)
    values = torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 255
    return TensorDataset((values - MEAN) / DEVIATION, targets)


def _said(line: str) -> None:
    print(f"   {line}")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("images", type=Path, help="CIFAR-10 as folders train/CLASS and test/CLASS")
    chosen = parser.add_mutually_exclusive_group()
    for name, said in (("quick", "a few minutes on a processor"), ("full", "for a GPU")):
        chosen.add_argument(
            f"--{name}", dest="setting", action="store_const", const=name, help=said
        )
    parser.set_defaults(setting="usual")
    parser.add_argument("--network", choices=sorted(MORPHING), default="vgg")
    parser.add_argument("--folder", type=Path, help="keep both sides' folders here")
    parser.add_argument("--seed", type=int, default=0)
    found = "cuda" if torch.cuda.is_available() else "cpu"
    parser.add_argument("--device", default=found)
    return parser.parse_args()


if __name__ == "__main__":
    main()
