"""ResNet: four stages of blocks that learn what to add to their input.

He, Zhang, Ren and Sun, "Deep Residual Learning for Image Recognition" (2016), Table 1, with
projections where the shape changes (option B). In a bottleneck the 3x3 convolution carries the
stride, as in the networks that are usually shared. First layer: `conv1`.
"""

from __future__ import annotations

from typing import ClassVar, Final, Literal

from torch import Tensor, nn

from dpkit.nets.sizes import positive

STAGES: Final = 4  # at most; `layer1` … `layer4`
Stem = Literal["imagenet", "small"]


class BasicBlock(nn.Module):
    """Two 3x3 convolutions: [n,before,h,w] → [n,width,h/stride,w/stride]."""

    expansion: ClassVar[int] = 1

    def __init__(self, before: int, width: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(before, width, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = _projection(before, width, stride)

    def forward(self, values: Tensor) -> Tensor:
        """Return the input, projected where the shape changes, and what is learned on top."""
        inner = self.relu(self.bn1(self.conv1(values)))
        total: Tensor = self.relu(self.bn2(self.conv2(inner)) + _shortcut(self.downsample, values))
        return total


class Bottleneck(nn.Module):
    """1x1, 3x3 and 1x1 convolutions: [n,before,h,w] → [n,4·width,h/stride,w/stride]."""

    expansion: ClassVar[int] = 4

    def __init__(self, before: int, width: int, stride: int) -> None:
        super().__init__()
        after = self.expansion * width
        self.conv1 = nn.Conv2d(before, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, after, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(after)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = _projection(before, after, stride)

    def forward(self, values: Tensor) -> Tensor:
        """Return the input, projected where the shape changes, and what is learned on top."""
        inner = self.relu(self.bn1(self.conv1(values)))
        inner = self.relu(self.bn2(self.conv2(inner)))
        total: Tensor = self.relu(self.bn3(self.conv3(inner)) + _shortcut(self.downsample, values))
        return total


class ResNet(nn.Module):
    """Residual network: images [n,in_channels,h,w] → logits [n,classes].

    Parameters
    ----------
    block
        `BasicBlock` or `Bottleneck`.
    layers
        Blocks of each stage, one to four stages; each but the first halves the image.
    width
        Channels of the first stage; they double from stage to stage.
    stem
        `imagenet`: a 7x7 convolution of stride 2 and pooling, which quarter the image; `small`:
        a 3x3 convolution of stride 1, for images of 32x32.

    Raises
    ------
    ValueError
        A size below 1, no or more than four stages, or an unknown stem.
    """

    def __init__(
        self,
        *,
        block: type[BasicBlock | Bottleneck] = BasicBlock,
        layers: tuple[int, ...] = (2, 2, 2, 2),
        classes: int = 1000,
        in_channels: int = 3,
        width: int = 64,
        stem: Stem = "imagenet",
    ) -> None:
        super().__init__()
        positive(classes=classes, in_channels=in_channels, width=width)
        positive(**{f"layers of stage {i}": count for i, count in enumerate(layers, 1)})
        if not 1 <= len(layers) <= STAGES:
            raise ValueError(f"{len(layers)} stages are not within 1 to {STAGES}")
        self.conv1, self.maxpool = _stem(stem, in_channels, width)
        self.bn1 = nn.BatchNorm2d(width)
        self.relu = nn.ReLU(inplace=True)
        before = width
        for stage, count in enumerate(layers):
            inner = width * 2**stage
            blocks = [block(before, inner, stride=1 if stage == 0 else 2)]
            before = block.expansion * inner
            blocks += [block(before, inner, stride=1) for _ in range(count - 1)]
            self.add_module(f"layer{stage + 1}", nn.Sequential(*blocks))
        self._stages = len(layers)
        self.avgpool = nn.AdaptiveAvgPool2d((1, 1))
        self.fc = nn.Linear(before, classes)
        self.apply(_start)

    def forward(self, images: Tensor) -> Tensor:
        """Return logits [n,classes]."""
        values = self.maxpool(self.relu(self.bn1(self.conv1(images))))
        for stage in range(1, self._stages + 1):
            values = self.get_submodule(f"layer{stage}")(values)
        logits: Tensor = self.fc(self.avgpool(values).flatten(1))
        return logits


def _stem(stem: Stem, in_channels: int, width: int) -> tuple[nn.Conv2d, nn.Module]:
    if stem == "imagenet":
        conv = nn.Conv2d(in_channels, width, 7, stride=2, padding=3, bias=False)
        return conv, nn.MaxPool2d(3, stride=2, padding=1)
    if stem == "small":
        return nn.Conv2d(in_channels, width, 3, padding=1, bias=False), nn.Identity()
    raise ValueError(f"stem {stem!r} is not one of imagenet, small")


def _projection(before: int, after: int, stride: int) -> nn.Sequential | None:
    if stride == 1 and before == after:
        return None
    return nn.Sequential(
        nn.Conv2d(before, after, 1, stride, bias=False),
        nn.BatchNorm2d(after),
    )


def _shortcut(downsample: nn.Sequential | None, values: Tensor) -> Tensor:
    return values if downsample is None else downsample(values)


def _start(module: nn.Module) -> None:
    """Draw the convolutions' first weights as in He et al., "Delving Deep" (2015)."""
    if isinstance(module, nn.Conv2d):
        nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
