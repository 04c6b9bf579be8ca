"""What MoLe costs, counted: the paper's figures (section 5.3, Table 2) beside what its terms give.

    symbol   here              meaning                                    paper
    α, m     channels, side    of an image                                4.1
    β, n     maps, out         of the first layer's features              4.1
    p        kernel            side of a kernel                           4.1
    κ, q     kappa             blocks of an image, of q = αm²/κ values    Eq. 3

Three of the paper's figures measure something else than they seem to. The 9 % of CIFAR is the
provider's work alone (Eq. 16), the "10 times" of ImageNet the developer's alone (Eq. 17), and the
data overhead counts a matrix of (αm²)² numbers where C^ac has αm² · βn².
"""

from __future__ import annotations

from dataclasses import dataclass

FLOAT_BYTES = 4  # C^ac is float32, pixels are 1 byte


@dataclass(frozen=True)
class Setting:
    """A network's first layer on one data set; `network` are its MACs an image."""

    name: str
    channels: int
    side: int
    maps: int
    out: int
    kernel: int
    network: float
    images: int

    @property
    def values(self) -> int:
        """Return αm²."""
        return self.channels * self.side**2


CIFAR = Setting("CIFAR-10, VGG-16", 3, 32, 64, 32, 3, 313.2e6, 60_000)
IMAGENET = Setting("ImageNet, ResNet-152", 3, 224, 64, 112, 7, 11.3e9, 1_281_167)
PAPERS_IMAGENET = 14_197_122  # images of the whole ImageNet, with which its "about 1 %" comes out


def papers_provider_macs(setting: Setting, kappa: int = 1) -> int:
    """Return αq² (Eq. 16)."""
    return setting.channels * (setting.values // kappa) ** 2


def provider_macs(setting: Setting, kappa: int = 1) -> int:
    """Return κq²: κ blocks, each times a q x q core."""
    return kappa * (setting.values // kappa) ** 2


def first_layer_macs(setting: Setting) -> int:
    """Return p²αβn²: the convolution that Aug-Conv stands for."""
    return setting.kernel**2 * setting.channels * setting.maps * setting.out**2


def augconv_macs(setting: Setting) -> int:
    """Return αm² · βn²: one for each number of C^ac (κ = 1)."""
    return augconv_elements(setting)


def developer_extra_macs(setting: Setting) -> int:
    """Return (m² - p²)αβn² (Eq. 17): Aug-Conv in place of the convolution, forwards."""
    return augconv_macs(setting) - first_layer_macs(setting)


def augconv_elements(setting: Setting) -> int:
    """Return αm² · βn², the numbers of C^ac (section 4.1)."""
    return setting.values * setting.maps * setting.out**2


def papers_data_overhead(setting: Setting, images: int | None = None) -> float:
    """Return (αm²)² over the values of a data set (section 5.3)."""
    return setting.values / (images or setting.images)


def data_overhead(setting: Setting) -> float:
    """Return the numbers of C^ac over the values of the data set."""
    return augconv_elements(setting) / (setting.images * setting.values)


def byte_overhead(setting: Setting) -> float:
    """Return the bytes of C^ac over the bytes of the data set's pixels."""
    return FLOAT_BYTES * data_overhead(setting)


def table() -> str:
    """Return Markdown: the paper's figures beside the counted ones."""
    lines = ["| what | setting | the paper's | counted |", "|---|---|---|---|"]
    papers = {CIFAR: ("9 %", "5.12 %"), IMAGENET: ("10 times", "about 1 %")}
    for setting, (computing, data) in papers.items():
        extra, network = developer_extra_macs(setting), setting.network
        morphing = provider_macs(setting)
        rows = [
            ("provider, MACs an image, κ 1", _count(papers_provider_macs(setting)),
             f"{_count(morphing)} = {morphing / network:.3g} x network"),
            ("provider, MACs an image, κ 16", _count(papers_provider_macs(setting, 16)),
             _count(provider_macs(setting, 16))),
            ("developer, more MACs an image", computing,
             f"{_count(extra)} = {extra / network:.3g} x network"),
            ("numbers of C^ac / data set's", data,
             f"{_count(augconv_elements(setting))} = {data_overhead(setting):.1%}"),
            ("bytes of C^ac / data set's", data,
             f"{_count(FLOAT_BYTES * augconv_elements(setting))} = {byte_overhead(setting):.0%}"),
        ]  # fmt: skip
        lines += [f"| {what} | {setting.name} | {said} | {own} |" for what, said, own in rows]
    return "\n".join(lines) + "\n"


def _count(number: float) -> str:
    size, unit = next(s for s in ((1e9, "G"), (1e6, "M"), (1e3, "k")) if number >= s[0])
    return f"{number / size:.1f} {unit}"
