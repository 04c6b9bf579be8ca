"""`dpkit keys`: look at, open further, copy and destroy what the keystore holds."""

from __future__ import annotations

import functools
import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cli.output import one_line
from cli.unlocking import KeystoreOptions, keystore_options
from dpkit.errors import UsageError
from dpkit.keystore import backup as backups
from dpkit.keystore import unlock

if TYPE_CHECKING:
    from collections.abc import Callable

    from dpkit.keystore.catalogue import Entry
    from dpkit.keystore.slots import Slot
    from dpkit.keystore.store import Keystore
    from dpkit.types import Secret

_json_option = click.option("--json", "as_json", is_flag=True, help="Print one object on stdout.")


@click.group()
def keys() -> None:
    """List, back up, unlock and destroy what the keystore holds.

    \b
    Example:
      dpkit keys list
    """  # noqa: D301 (click's mark against rewrapping)


def _command(name: str) -> Callable[[Callable[..., Any]], click.Command]:
    """Make a command of the group with the options that all of them share."""

    def make(function: Callable[..., Any]) -> click.Command:
        return keys.command(name)(keystore_options(_json_option(function)))

    return make


@_command("list")
def list_objects(keystore: KeystoreOptions, as_json: bool) -> None:
    """List the objects: id, kind, state, day, size, label.

    \b
    Example:
      dpkit keys list --keystore clinic.dpks
    """  # noqa: D301 (click's mark against rewrapping)
    opened = keystore.open()
    lines = [_entry_line(entry) for entry in opened.entries()]
    lines.append(f"{len(lines)} objects; {_backup_state(opened)}")
    _print(as_json, {**_summary(opened), "objects": [asdict(e) for e in opened.entries()]}, lines)


@_command("show")
@click.argument("object_id", metavar="[ID]", required=False)
def show(keystore: KeystoreOptions, as_json: bool, object_id: str | None) -> None:
    """Show the keystore and its slots, or one object and the names of its arrays.

    \b
    Example:
      dpkit keys show
    """  # noqa: D301 (click's mark against rewrapping)
    opened = keystore.open()
    if object_id:
        _show_object(opened, object_id, as_json)
        return
    slots = opened.slots()
    lines = [f"keystore {opened.uuid} at {opened.path}; {_backup_state(opened)}"]
    lines += [f"slot {_slot_line(slot)}" for slot in slots]
    _print(as_json, {**_summary(opened), "slots": [slot.terms() for slot in slots]}, lines)


@_command("add-passphrase")
@click.option("--new-passphrase-fd", type=click.IntRange(min=0), metavar="N", help="Read it here.")
@click.option("--new-passphrase-file", type=click.Path(path_type=Path), help="Read it there.")
def add_passphrase(
    keystore: KeystoreOptions,
    as_json: bool,
    new_passphrase_fd: int | None,
    new_passphrase_file: Path | None,
) -> None:
    """Let a passphrase open the keystore too; it is asked for twice.

    \b
    Example:
      dpkit keys add-passphrase
    """  # noqa: D301 (click's mark against rewrapping)
    opened = keystore.open()
    slot = opened.add_passphrase(_new_passphrase(new_passphrase_fd, new_passphrase_file))
    _print(as_json, {**_summary(opened), "slot": slot}, [f"slot {slot} added"])


@_command("remove-slot")
@click.argument("slot_id", metavar="SLOT")
def remove_slot(keystore: KeystoreOptions, as_json: bool, slot_id: str) -> None:
    """Close one way in; who had used it may have kept what it opened.

    \b
    Example:
      dpkit keys remove-slot 0f3a5c7e9b1d2468
    """  # noqa: D301 (click's mark against rewrapping)
    opened = keystore.open()
    opened.remove_slot(slot_id)
    _print(as_json, {**_summary(opened), "removed": slot_id}, [f"slot {slot_id} removed"])


@_command("backup")
@click.argument("out", type=click.Path(path_type=Path))
def backup(keystore: KeystoreOptions, as_json: bool, out: Path) -> None:
    """Copy the keystore to a new folder OUT (*.dpks), opening every object of the copy.

    \b
    Example:
      dpkit keys backup /media/usb/clinic-2026.dpks
    """  # noqa: D301 (click's mark against rewrapping)
    opened = keystore.open()
    n_objects = backups.backup(opened, out)
    document = {**_summary(opened), "backup": str(out), "objects": n_objects}
    _print(as_json, document, [f"backup {out}: {n_objects} objects, all opened"])


@_command("check-backup")
@click.argument("path", type=click.Path(path_type=Path))
def check_backup(keystore: KeystoreOptions, as_json: bool, path: Path) -> None:
    """Open every object of the backup at PATH.

    \b
    Example:
      dpkit keys check-backup /media/usb/clinic-2026.dpks --passphrase-file words.txt
    """  # noqa: D301 (click's mark against rewrapping)
    checked = backups.check_backup(path, keystore.unlock())
    by = checked.opened_by.type if checked.opened_by else ""
    lines = [f"backup {path}: {checked.n_objects} objects, all opened, by {by}"]
    if by == "key-file":
        lines.append("its passphrase was not tried: give --passphrase-file or --passphrase-fd")
    document = {"keystore": checked.uuid, "objects": checked.n_objects, "opened_by": by}
    _print(as_json, document, lines)


@_command("destroy")
@click.argument("object_id", metavar="ID")
@click.option("--yes", is_flag=True, help="Do not ask for the id to be typed.")
def destroy(keystore: KeystoreOptions, as_json: bool, object_id: str, yes: bool) -> None:
    """Destroy one object for ever; the id must be typed again.

    \b
    Example:
      dpkit keys destroy 3v9k5w0q7m2xj8c4bn6ft1rgze1
    """  # noqa: D301 (click's mark against rewrapping)
    opened = keystore.open()
    entry = opened.entry(object_id)
    if not yes:
        _insist(entry)
    opened.destroy(entry.object_id)
    lines = [f"{entry.kind} {entry.object_id} destroyed; copies and backups of it survive"]
    document = {**_summary(opened), "destroyed": entry.object_id, "copies_survive": True}
    _print(as_json, document, lines)


def _insist(entry: Entry) -> None:
    click.echo(f"{entry.kind} {entry.object_id} ({entry.label}) will be lost for ever", err=True)
    if click.prompt("Type its id", err=True).strip() != entry.object_id:
        raise UsageError("the id typed is another one", remedy="nothing was destroyed")


def _new_passphrase(descriptor: int | None, path: Path | None) -> Secret:
    if descriptor is not None:
        return unlock.passphrase_from_descriptor(descriptor)
    return unlock.passphrase_from_file(path) if path else unlock.new_passphrase_from_terminal()


def _show_object(opened: Keystore, object_id: str, as_json: bool) -> None:
    entry = opened.entry(object_id)
    document: dict[str, Any] = {**_summary(opened), "object": asdict(entry)}
    lines = [_entry_line(entry)]
    if entry.state != "destroyed":
        sealed = opened.get(entry.object_id, entry.kind)
        arrays = {n: [str(sealed.dtype(n)), list(sealed.shape(n))] for n in sealed.names()}
        document["arrays"] = arrays
        lines += [f"  {name}: {dtype} {shape}" for name, (dtype, shape) in arrays.items()]
        classes = sealed.settings.get("classes")
        if isinstance(classes, list):  # a release may hide their names
            document["classes"] = classes
            lines += [one_line(f"  class {json.dumps(entry)}") for entry in classes]
    _print(as_json, document, lines)


def _summary(opened: Keystore) -> dict[str, Any]:
    path, uuid = str(opened.path), opened.uuid
    return {"keystore": path, "uuid": uuid, "is_backed_up": opened.is_backed_up()}


def _backup_state(opened: Keystore) -> str:
    return "backed up" if opened.is_backed_up() else "not backed up"


def _entry_line(entry: Entry) -> str:
    return "  ".join(
        (
            entry.object_id,
            f"{entry.kind:8}",
            f"{entry.state:9}",
            entry.created[:10],
            f"{entry.bytes:>14,} bytes",
            entry.label,
        )
    ).rstrip()


def _slot_line(slot: Slot) -> str:
    work = slot.work
    cost = (
        f", Argon2id {work.memory_kib // 1024} MiB t={work.passes} p={work.lanes}" if work else ""
    )
    return f"{slot.id}  {slot.type}{cost}, since {slot.created[:10]}"


def _print(as_json: bool, document: dict[str, Any], lines: list[str]) -> None:
    """Print the object on stdout, or the lines; with --json the lines go to stderr."""
    if as_json:
        click.echo(json.dumps(document, indent=2))
    say = functools.partial(click.echo, err=as_json)
    for line in lines:
        say(line)
