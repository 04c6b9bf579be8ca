"""Options said once: a sanitizer's from its fields, the common ones from one list."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from dpkit.errors import UsageError
from dpkit.pipeline.request import Gates, ReleaseRequest
from dpkit.plan import Split
from dpkit.readers.choice import ReadOptions
from dpkit.readers.labels import LabelTable
from dpkit.sanitizers.base import option_name as word_of
from dpkit.sanitizers.base import options_of, promises_privacy
from dpkit.sanitizers.declared import limits_said

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from dpkit.sanitizers.base import Sanitizer
    from dpkit.types import Json

Command = TypeVar("Command", bound="Callable[..., Any]")

json_option = click.option("--json", "as_json", is_flag=True, help="Print one object on stdout.")
release_argument = click.argument(
    "release", type=click.Path(path_type=Path), default=Path("release")
)
out_option = click.option(
    "--out", "-o", type=click.Path(path_type=Path), default="release", show_default=True,
    help="The release's folder; it must not exist.",
)  # fmt: skip
workers_option = click.option(
    "--workers", type=click.IntRange(1, 1024), help="Threads.  [default: one a core]"
)

worker_processes = click.option(
    "--workers",
    type=click.IntRange(1, 1024),
    help="Processes of one thread.  [default: one a core]",
)

_READING = (
    click.option("--size", default="auto", show_default=True, metavar="auto|N|HxW",
                 help="auto keeps the one size that all images share, else the paper's own."),
    click.option("--fit", type=click.Choice(["pad", "crop", "stretch"]),
                 help="How other sizes are fitted, antialiased.  [default: pad]"),
    click.option("--channels", type=click.Choice(["auto", "rgb", "grey"]), default="auto",
                 show_default=True, help="auto takes what 99% of the images have."),
    click.option("--depth", type=click.Choice(["auto", "8", "16"]), default="auto",
                 show_default=True, help="Bits of a channel; 16-bit images stay 16-bit."),
    click.option("--matte", type=click.IntRange(0, 255), default=255, show_default=True,
                 help="Grey level under transparency."),
)  # fmt: skip

_LABELS = (
    click.option("--labels", type=click.Path(path_type=Path, dir_okay=False), metavar="CSV",
                 help="A table of labels; without it a sub-folder is a class."),
    click.option("--file-column", help="Its column of file names."),
    click.option("--label-column", "label_columns", multiple=True,
                 help="Its column of labels; repeatable."),
    click.option("--label-sep", metavar="TEXT", help="Splits several labels in one cell: '|'."),
    click.option("--task", type=click.Choice(["single", "multi", "regression"]),
                 help="What the labels are.  [default: single, or multi with --label-sep]"),
    click.option("--group", "group_column", metavar="COLUMN",
                 help="Its column of groups (patients): one group falls into one part."),
    click.option("--keep-column", "keep_columns", multiple=True,
                 help="A column that travels to the developer; repeatable."),
    click.option("--split", metavar="folders|none|80/10/10|COLUMN", default="folders",
                 show_default=True, help="Parts: folders named train, val, test; or percent."),
)  # fmt: skip

gate_options = (
    click.option("--max-bad", type=float, default=Gates().max_bad, show_default=True,
                 help="Largest share of unreadable images."),
    click.option("--allow-unchanged", type=int, default=Gates().allow_unchanged, metavar="N",
                 show_default=True, help="Rows that may equal their original (blank images)."),
    click.option("--require", default="", metavar="EXPR",
                 help="Publish only if this holds: 'worst_ssim <= 0.3 and verdict != broken'."),
)  # fmt: skip

_BUDGET = (
    click.option("--max-epsilon", default="", metavar="E",
                 help="Refuse images whose total ε over all releases of the keystore is above it."),
)  # fmt: skip

remix_option = click.option(
    "--allow-remix", is_flag=True,
    help="Mix images that an earlier release holds mixed; the report says so.",
)  # fmt: skip
_MIXING = (
    click.option("--merge-labels", "merge_labels", multiple=True, metavar="A,B",
                 help="Mix the images of these labels as one; repeatable."),
    click.option("--drop-small-labels", is_flag=True,
                 help="Leave out labels with too few images to be mixed."),
    click.option("--mix-by", "mix_column", metavar="COLUMN",
                 help="Mix within equal cells of this column of the table, not within a label."),
    click.option("--mix-bins", type=int, metavar="N",
                 help="The column of --mix-by holds numbers: N classes of equal size."),
)  # fmt: skip

_NETWORK = (
    click.option("--model", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE",
                 help="The network's weights: safetensors, or a state dict."),
)  # fmt: skip

_REMOTE = (
    click.option("--with-remote", is_flag=True,
                 help="Put the trained rest of the network into the release."),
)  # fmt: skip

_RELEASING = (
    click.option("--key", "key_id", metavar="ID", help="Use a data key of the keystore again."),
    click.option("--add-class", "added_classes", multiple=True, metavar="NAME",
                 help="With --key: a class that is new; it gets the next number."),
    click.option("--hide-classes", is_flag=True, help="Publish class numbers, no names."),
    click.option("--publish-classes", is_flag=True,
                 help="Publish class names even if they look like persons, dates or records."),
    click.option("--shard-mb", type=int, default=256, show_default=True,
                 help="Mebibytes of a shard, and of memory for it."),
    click.option("--audit", type=click.Choice(["none", "quick", "full"]), default="quick",
                 show_default=True, envvar="DPKIT_AUDIT", show_envvar=True,
                 help="Attack the release before it is published."),
    click.option("--audit-images", type=int, default=256, show_default=True,
                 help="Sample for baselines and the measured restoration, and that is attacked."),
    click.option("--utility", is_flag=True,
                 help="Train a small network on originals and release, and report both."),
    click.option("--faces/--no-faces", default=None,
                 help="Look for faces (extra faces); by default with --audit full, if installed."),
)  # fmt: skip


_MIXING_NAMES = ("merge_labels", "drop_small_labels", "mix_bins")
_COLUMNS = (
    "file_column", "label_columns", "label_sep", "task", "group_column", "keep_columns",
)  # fmt: skip


def request_options(sanitizer: type[Sanitizer]) -> Callable[[Command], Command]:
    """Give a command every option of a release by this sanitizer."""

    def decorate(command: Command) -> Command:
        own = (*_MIXING, remix_option) if is_mixing(sanitizer) else ()
        network = _NETWORK if "network" in sanitizer.may_need else ()
        remote = _REMOTE if sanitizer.has_remote else ()
        options = (
            *_presets(sanitizer), *_parameters(sanitizer), *network, *remote, *own,
            *_READING, *_LABELS, *_releasing(sanitizer), *_gates(sanitizer), out_option,
        )  # fmt: skip
        for option in reversed(options):
            command = option(command)
        source = click.Path(path_type=Path)
        return click.argument("source", type=source, default=Path("images"))(command)

    return decorate


def is_mixing(sanitizer: type[Sanitizer]) -> bool:
    """Say whether a sanitizer mixes images with others of their label."""
    return sanitizer().least_company > 0


def _releasing(sanitizer: type[Sanitizer]) -> list[Callable[[Any], Any]]:
    """Return the options of the release; a sanitizer whose draws must be fresh takes no key."""
    without = {"key_id", "added_classes"} if sanitizer.fresh_keys else set()
    return [option for option in _RELEASING if option_name(option) not in without]


def _gates(sanitizer: type[Sanitizer]) -> list[Callable[[Any], Any]]:
    """Return the limits on a release; where ε is promised, no limit may look at its values."""
    if not promises_privacy(sanitizer()):
        return list(gate_options)
    of_values = {"allow_unchanged", "require"}
    return [o for o in gate_options if option_name(o) not in of_values] + list(_BUDGET)


def build_request(sanitizer: type[Sanitizer], ctx: click.Context) -> ReleaseRequest:
    """Build the request from a command's values."""
    values = ctx.params
    given = {
        name
        for name in values
        if ctx.get_parameter_source(name) is not click.core.ParameterSource.DEFAULT
    }
    preset = _preset(sanitizer, values, given)
    return ReleaseRequest(
        source=values["source"],
        out=values["out"],
        sanitizer=sanitizer(**_pick(values | preset, (f.name for f in options_of(sanitizer)))),
        table=_table(values),
        read=ReadOptions(**_pick(values, (f.name for f in fields(ReadOptions)))),
        split=Split(values["split"]),
        model=values.get("model"),
        with_remote=values.get("with_remote", False),
        gates=Gates(
            values["max_bad"],
            values.get("allow_unchanged", 0),
            values.get("allow_remix", False),
            values.get("require", ""),
            values.get("max_epsilon", ""),
        ),
        **_pick(values, (option_name(option) for option in _releasing(sanitizer))),
        **(_pick(values, _MIXING_NAMES) if is_mixing(sanitizer) else {}),
        given=frozenset(given | preset.keys()),
    )


def option_name(option: Callable[[Any], Any]) -> str:
    """Return the parameter name of a click option decorator."""
    return _declared(option).name or ""


def _declared(option: Callable[[Any], Any]) -> click.Parameter:
    def probe() -> None:
        """Carry one option."""

    option(probe)
    declared: list[click.Parameter] = probe.__click_params__  # type: ignore[attr-defined]  # click puts it there
    return declared[0]


def _parameters(sanitizer: type[Sanitizer]) -> list[Callable[[Any], Any]]:
    """Return one option for each public parameter."""
    return [_option(field) for field in options_of(sanitizer)]


def parameter_options(
    sanitizer: type[Sanitizer], without: tuple[str, ...]
) -> Callable[[Command], Command]:
    """Give a command the sanitizer's parameters but some."""

    def decorate(command: Command) -> Command:
        for field in reversed(options_of(sanitizer)):
            command = command if field.name in without else _option(field)(command)
        return command

    return decorate


def _presets(sanitizer: type[Sanitizer]) -> list[Callable[[Any], Any]]:
    """Return the option that sets several parameters by one word, if there are such words."""
    if not sanitizer.presets:
        return []
    said = "Sets several of the options below by one word; those that you give as well win."
    return [click.option("--preset", type=click.Choice(tuple(sanitizer.presets)), help=said)]


def _preset(sanitizer: type[Sanitizer], values: dict[str, Any], given: set[str]) -> dict[str, Json]:
    """Return what a preset sets, where the user has not said otherwise."""
    name = values.get("preset")
    chosen = sanitizer.presets[name] if name else {}
    return {key: value for key, value in chosen.items() if key not in given}


def _option(field: Any) -> Callable[[Any], Any]:
    choices = field.metadata["choices"]
    words = word_of(field)
    is_flag = isinstance(field.default, bool)
    return click.option(
        f"--{words}/--no-{words}" if is_flag else f"--{words}",
        field.name,
        type=click.Choice(choices) if choices else type(field.default),
        default=field.default,
        show_default=True,
        help=_help(field),
    )


def _help(field: Any) -> str:
    """Return what a parameter says of itself: its help, its symbol and its limits."""
    symbol, within = field.metadata["symbol"], field.metadata["within"]
    words = f"{field.metadata['help']}{f' ({symbol})' if symbol else ''}"
    return f"{words}  [{limits_said(within)}]" if within else words


def _table(values: dict[str, Any]) -> LabelTable | None:
    if values["labels"] is None:
        for name in (*_COLUMNS, "mix_column"):
            if values.get(name):
                option = "mix-by" if name == "mix_column" else name.rstrip("s").replace("_", "-")
                raise UsageError(
                    f"--{option} needs a table",
                    remedy="give --labels CSV",
                )
        return None
    return LabelTable(
        path=values["labels"],
        mix_column=values.get("mix_column"),
        **_pick(values, _COLUMNS),
    )


def _pick(values: dict[str, Any], names: Iterable[str]) -> dict[str, Any]:
    return {name: values[name] for name in names}
