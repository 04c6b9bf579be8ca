"""`dpkit keys …` and the options that every command shares."""

import json
import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import click
import numpy as np
import pytest
from click.testing import CliRunner

from cli.keystore import keys
from cli.unlocking import KeystoreOptions, backup_line, keystore_options
from dpkit.errors import DpkitError, UsageError
from dpkit.keystore import unlock
from dpkit.keystore.store import Keystore
from dpkit.keystore.unlock import Unlock
from dpkit.types import Secret

from .conftest import CHEAP, PASSPHRASE


@pytest.fixture
def opened():
    """The default keystore with one key, opened by its default key file."""
    made = Keystore.create(unlock.default_path(), Unlock(work=CHEAP))
    made.put("key", {"hidden": "hush"}, {"core": np.eye(3)}, label="morph")
    return made


def run(*words, **extra):
    result = CliRunner().invoke(keys, [str(word) for word in words], **extra)
    if isinstance(result.exception, DpkitError):
        raise result.exception
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def document(*words, **extra):
    return json.loads(run(*words, "--json", **extra).stdout)


def words_file(tmp_path, text=PASSPHRASE):
    path = tmp_path / "words"
    path.write_text(text)
    path.chmod(0o600)
    return path


def test_list_prints_objects_and_that_there_is_no_backup(opened):
    entry = opened.entries()[0]
    result = run("list")
    assert re.search(rf"{entry.object_id} +key +active .* morph", result.stdout)
    assert "not backed up" in result.stdout
    found = document("list")
    assert [o["object_id"] for o in found["objects"]] == [entry.object_id]
    assert (found["uuid"], found["is_backed_up"]) == (opened.uuid, False)


def test_json_puts_one_object_on_stdout_and_all_else_on_stderr(opened):
    result = run("list", "--json")
    assert json.loads(result.stdout)["uuid"] == opened.uuid
    assert "1 objects" in result.stderr


def test_show_tells_slots_or_arrays_and_no_secret(opened):
    assert "key-file" in run("show").stdout
    object_id = opened.entries()[0].object_id
    result = run("show", object_id.upper())
    assert "core: float64 [3, 3]" in result.stdout
    assert "hush" not in result.output
    assert document("show", object_id)["arrays"] == {"core": ["float64", [3, 3]]}
    opened.destroy(object_id)
    assert "arrays" not in document("show", object_id)


@pytest.mark.usefixtures("opened")
def test_a_passphrase_is_added_from_a_file_or_descriptor_and_removed(tmp_path):
    slot = document("add-passphrase", "--new-passphrase-file", words_file(tmp_path))["slot"]
    reader, writer = os.pipe()
    os.write(writer, b"some other words\n")
    run("add-passphrase", "--new-passphrase-fd", reader)
    os.close(reader)
    os.close(writer)
    run("remove-slot", slot)
    assert [s["type"] for s in document("show")["slots"]] == ["key-file", "passphrase"]
    assert "Argon2id 256 MiB t=3 p=4" in run("show").stdout


def test_backup_and_check_backup(opened, tmp_path):
    with pytest.raises(UsageError, match="add-passphrase"):
        run("backup", tmp_path / "copy.dpks")
    opened.add_passphrase(Secret(PASSPHRASE.encode()), CHEAP)
    assert document("backup", tmp_path / "copy.dpks")["objects"] == 1
    assert "was not tried" in run("check-backup", tmp_path / "copy.dpks").stdout
    checked = document(
        "check-backup", tmp_path / "copy.dpks", "--passphrase-file", words_file(tmp_path)
    )
    assert checked == {"keystore": opened.uuid, "objects": 1, "opened_by": "passphrase"}


def test_destroy_asks_for_the_id_to_be_typed(opened):
    object_id = opened.entries()[0].object_id
    with pytest.raises(UsageError, match="nothing was destroyed"):
        run("destroy", object_id, input="yes\n")
    assert opened.entry(object_id).state == "active"
    result = run("destroy", object_id, input=f"{object_id}\n")
    assert "copies and backups of it survive" in result.stdout
    assert opened.entry(object_id).state == "destroyed"


def test_destroy_with_yes_asks_nothing(opened):
    object_id = opened.entries()[0].object_id
    assert document("destroy", object_id, "--yes")["destroyed"] == object_id


@pytest.mark.parametrize("name", sorted(keys.commands))
def test_every_command_has_an_example(name):
    result = run(name, "--help")
    assert f"Example:\n    dpkit keys {name}" in result.stdout.replace("\n  \n", "\n")
    assert "--json" in result.stdout


def test_the_document_lists_every_command_and_no_other():
    text = (Path(__file__).parents[2] / "docs" / "keystore.md").read_text()
    assert set(re.findall(r"^\| `dpkit keys ([a-z-]+)", text, re.MULTILINE)) == set(keys.commands)


def test_no_option_takes_a_passphrase_itself():
    for command in keys.commands.values():
        names = {o for p in command.params for o in p.opts if "passphrase" in o}
        assert all(name.endswith(("-fd", "-file")) for name in names)


def ask(*words, env=None):
    """Run a small command with the shared options; return what they became."""
    found = []

    @click.command()
    @keystore_options
    def command(keystore):
        found.append(keystore)

    result = CliRunner().invoke(command, [str(word) for word in words], env=env)
    assert result.exit_code == 0, result.output
    return found[0]


def test_the_keystore_comes_from_option_environment_or_default(tmp_path):
    assert ask().path == unlock.default_path()
    there = {"DPKIT_KEYSTORE": str(tmp_path / "env.dpks")}
    assert ask(env=there).path == tmp_path / "env.dpks"
    assert ask("--keystore", tmp_path / "a.dpks", env=there).path == tmp_path / "a.dpks"


def test_first_use_makes_keystore_and_key_file_and_says_who_reads_both(capsys):
    made = ask().open(create=True)
    line = capsys.readouterr().err
    assert line.count("\n") == 1
    assert str(made.path) in line
    assert str(unlock.default_key_file(made.uuid)) in line
    assert "who reads both reads everything" in line
    assert ask().open(create=True).uuid == made.uuid
    assert capsys.readouterr().err == ""


def test_without_create_a_missing_keystore_is_told():
    with pytest.raises(DpkitError) as caught:
        ask().open()
    assert caught.value.exit_code == 10


def test_two_passphrase_sources_at_once_are_refused(tmp_path):
    options = KeystoreOptions(tmp_path / "a.dpks", None, 0, tmp_path / "words")
    with pytest.raises(UsageError, match="both given"):
        options.unlock()


def test_the_environments_passphrase_is_used_after_all_others(tmp_path, monkeypatch):
    monkeypatch.setenv("DPKIT_PASSPHRASE", "from the environment")
    assert ask().unlock().passphrase() == Secret(b"from the environment")
    by_file = ask("--passphrase-file", words_file(tmp_path)).unlock()
    assert by_file.passphrase() == Secret(PASSPHRASE.encode())
    assert ask("--key-file", tmp_path / "k").unlock().passphrase is None


def test_the_last_line_names_the_keystore_until_there_is_a_backup(opened, tmp_path):
    line = backup_line(opened)
    assert str(opened.path) in line
    assert "not backed up" in line
    assert "add-passphrase" in line
    opened.add_passphrase(Secret(PASSPHRASE.encode()), CHEAP)
    assert "add-passphrase" not in backup_line(opened)
    run("backup", tmp_path / "copy.dpks")
    assert backup_line(opened) is None


ON_A_TERMINAL = """
import fcntl, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
from cli.keystore import keys
keys(["add-passphrase"])
"""


def test_on_a_terminal_a_new_passphrase_is_asked_for_twice_and_not_shown(opened):
    ours, theirs = pty.openpty()
    child = subprocess.Popen(
        [sys.executable, "-c", ON_A_TERMINAL],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    os.close(theirs)
    screen = b""
    for question in (b"New passphrase: ", b"The same again: "):
        while question not in screen:
            screen += os.read(ours, 100)
        os.write(ours, PASSPHRASE.encode() + b"\n")
    while b"added" not in screen:
        screen += os.read(ours, 100)
    assert child.wait() == 0
    os.close(ours)
    assert PASSPHRASE.encode() not in screen
    assert [slot.type for slot in opened.slots()] == ["key-file", "passphrase"]


@pytest.mark.parametrize("module", ["cli.keystore", "cli.unlocking"])
def test_the_command_loads_nothing_heavy(module):
    code = f"import sys, {module}; print(*sys.modules)"
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, check=True, text=True
    )
    assert {"torch", "numba", "h5py", "skimage", "matplotlib"}.isdisjoint(result.stdout.split())
