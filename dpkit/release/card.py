"""`README.md` of a release: the dataset card, written for the developer who opens the folder.

The header is the Hub's YAML. The first lines say what decides whether training can work, then
come code, counts, how to check the release, and what it does not claim. Text that others chose
(class names) cannot become markup.
"""

from __future__ import annotations

import html
import json
import re
from typing import TYPE_CHECKING, Final

from dpkit.release.card_text import (
    BLOCKS,
    H5PY,
    LIMITS,
    MEASURED,
    ORDINARY,
    PROMISED,
    REMOTE,
    VERIFY,
)
from dpkit.release.training import Training, read_training

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from dpkit.release.manifest import Manifest
    from dpkit.release.manifest_entries import PartCounts

MAX_LABEL_ROWS: Final = 200
MAX_SHOWN: Final = 3  # channels whose mean and deviation are written out
_SIZES: Final = ((10**3, "n<1K"), (10**4, "1K<n<10K"), (10**5, "10K<n<100K"), (10**6, "100K<n<1M"))
_TASKS: Final = {"single": "image-classification", "multi": "image-classification"}
_MARKUP: Final = re.compile(r"([\\`*_\[\]|#~])")


def card(
    manifest: Manifest, learned: str = "", promised: str = "", *, has_remote: bool = False
) -> str:
    """Return the dataset card of a release, in Markdown with a YAML header.

    Parameters
    ----------
    learned
        What a small network learned from the release, in a sentence; empty where that was not
        measured.
    promised
        The differential privacy of an image, in sentences; empty where none is promised. Groups
        then do not follow from the files' content, and nothing was measured on originals.
    has_remote
        Whether the rest of the network is in the release.

    Raises
    ------
    IntegrityError
        The manifest's training block lacks a field.
    """
    training = read_training(manifest.training, manifest.image_shape[0])
    sections = (
        _header(manifest),
        _first_lines(manifest, training, learned, promised),
        _train_section(manifest, training, has_remote=has_remote),
        _counts(manifest, by_content=not promised),
        VERIFY.format(key=manifest.signer.public_key, fingerprint=manifest.signer.fingerprint),
        LIMITS.format(recovered=PROMISED if promised else MEASURED),
    )
    return "\n".join(sections)


def escaped(text: str) -> str:
    """Return text that Markdown and HTML show as it is, on one line."""
    return _MARKUP.sub(r"\\\1", html.escape(" ".join(text.split()), quote=False))


def _header(manifest: Manifest) -> str:
    size = next((name for limit, name in _SIZES if manifest.images < limit), "n>1M")
    fields = {
        "license": "other",
        "pretty_name": f"dpkit release {manifest.release_id}",
        "task_categories": [_TASKS.get(manifest.task, "image-feature-extraction")],
        "size_categories": [size],
        "tags": ["dpkit", "sanitized-images", manifest.sanitizer.name],
    }
    lines = [f"{name}: {json.dumps(value)}" for name, value in fields.items()]
    return "\n".join(["---", *lines, "---"])


def _first_lines(manifest: Manifest, training: Training, learned: str, promised: str) -> str:
    """Return the ten lines that decide: statement, convolutions, first layer, mean, transforms."""
    learn = "Yes." if training.convolutions_learn else "No."
    lines = (
        f"# dpkit release {manifest.release_id}",
        f"> {html.escape(manifest.statement, quote=False)}",
        "",
        f"- **Can ordinary convolutions learn from these values? {learn}** {escaped(training.why)}",
        f"- **First layer that can:** {_layer(training)}",
        *([f"- **What is promised:** {escaped(promised)}"] if promised else []),
        *([f"- **What a small network learned:** {escaped(learned)}"] if learned else []),
        f"- **Values:** {_values(manifest, training)}",
        f"- **Augmentation:** {_augmentation(training)}",
        f"- **Made by:** `{manifest.sanitizer.name}` {escaped(_parameters(manifest))}",
        "",
    )
    return "\n".join(lines)


def _layer(training: Training) -> str:
    layer = training.first_layer
    if layer is None:
        return "any; train as on ordinary images."
    own = "one linear map and one position for each block"
    kind = "square patches" if layer.blocks == "patch" else "blocks"
    image = "image" if layer.blocks == "patch" else "unrolled image"
    return (
        f"cut the {image} into {layer.tokens} {kind} of {layer.block} values, {own}, "
        f"giving {layer.tokens} tokens (`first_layer` below builds it)."
    )


def _values(manifest: Manifest, training: Training) -> str:
    shape = "x".join(map(str, manifest.image_shape))
    kind = f"{manifest.dtype}, channels x height x width = {shape}"
    over = "train" if any(part.part == "train" for part in manifest.parts) else "all parts"
    if len(training.mean) > MAX_SHOWN:
        return f"{kind}; mean and deviation over {over} by channel stand in `manifest.json`."
    return f"{kind}; mean {_list(training.mean)}, deviation {_list(training.std)} over {over}."


def _augmentation(training: Training) -> str:
    if not training.breaking_transforms:
        return "the usual transforms may be used."
    broken = ", ".join(escaped(word) for word in training.breaking_transforms)
    return f"do not use {broken}: they do not commute with what was done to the images."


def _parameters(manifest: Manifest) -> str:
    pairs = sorted(manifest.sanitizer.parameters.items())
    return ", ".join(f"{name} {json.dumps(value, ensure_ascii=False)}" for name, value in pairs)


def _train_section(manifest: Manifest, training: Training, *, has_remote: bool) -> str:
    part = manifest.parts[0].part if manifest.parts else "train"
    outputs = {"single": 1 + max((c.index for c in manifest.classes), default=0), "none": 1}.get(
        manifest.task, len(manifest.label_columns)
    )
    filled = {
        "part": part,
        "outputs": outputs,
        **_moments(training),
    }
    texts = [BLOCKS if training.first_layer else ORDINARY, *([REMOTE] if has_remote else []), H5PY]
    return "## Train\n\n" + "\n".join(text.format(**filled) for text in texts)


def _moments(training: Training) -> dict[str, str]:
    """Return mean and deviation as code: numbers, or where in the manifest they stand."""
    if len(training.mean) <= MAX_SHOWN:
        std = [deviation or 1.0 for deviation in training.std]
        return {"imports": "", "mean": _list(training.mean), "std": _list(std)}
    read = 'json.load(open("manifest.json"))["training"]'
    std_code = f'[s or 1.0 for s in {read}["std"]]'
    return {"imports": "import json\n", "mean": f'{read}["mean"]', "std": std_code}


def _counts(manifest: Manifest, *, by_content: bool) -> str:
    lines = ["## Images and groups", "", _grouping(manifest, by_content=by_content), ""]
    lines += _table(("part", "images", "groups"), (_part_row(part) for part in manifest.parts))
    names = {entry.index: entry.name for entry in manifest.classes}
    rows = [
        (part.part, str(label.index), escaped(names[label.index]), label.images, label.groups)
        for part in manifest.parts
        for label in part.labels
    ]
    if rows:
        shown = rows[:MAX_LABEL_ROWS]
        lines += ["", *_table(("part", "label", "class", "images", "groups"), shown)]
    if len(rows) > MAX_LABEL_ROWS:
        lines += ["", f"{len(rows) - MAX_LABEL_ROWS} more lines stand in `manifest.json`."]
    return "\n".join([*lines, ""])


def _grouping(manifest: Manifest, *, by_content: bool) -> str:
    if manifest.grouped:
        return "A group is what the provider named so (a patient, a person); it lies in one part."
    if not by_content:
        return "The provider named no groups: each image is a group of its own."
    return "The provider named no groups: a group is a set of equal files; it lies in one part."


def _part_row(part: PartCounts) -> tuple[object, ...]:
    return part.part, part.images, part.groups


def _table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> list[str]:
    lines = (head, ["---"] * len(head), *rows)
    return [f"| {' | '.join(map(str, line))} |" for line in lines]


def _list(numbers: Iterable[float]) -> str:
    return f"[{', '.join(f'{number:.6g}' for number in numbers)}]"
