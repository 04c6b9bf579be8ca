"""The pages say what the program does: commands, options, defaults, links, code, exit codes."""

import doctest
import re
import shlex
import subprocess
import sys
from dataclasses import fields
from importlib import import_module
from pathlib import Path

import click
import pytest

from cli.main import COMMANDS, INTERRUPTED, main
from cli.sanitize import QUARANTINED
from dpkit.errors import DpkitError
from dpkit.leakage.attacks import ATTACKS
from dpkit.release.card_text import VERIFY
from dpkit.sanitizers import SANITIZERS
from dpkit.sanitizers.base import option_name, options_of

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")), ROOT / "samples/README.md"]
SOURCES = sorted(p for folder in ("cli", "dpkit") for p in (ROOT / folder).rglob("*.py"))
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"`(dpkit [^`{]+)`")
NARROW = (click.Choice, type(click.INT), type(click.FLOAT))  # types that refuse a wrong word
NO_COMMANDS = {"dpkit signer"}  # the personalisation of a hash in docs/format.md


def page(name):
    return (ROOT / "docs" / name).read_text()


def relative(path):
    return path.relative_to(ROOT).as_posix()


def without_code(text):
    return re.sub(r"`[^`\n]*`", "", FENCE.sub("", text))


def commands_of(context):
    """Yield (words, command) for the command of a context and all below it."""
    for name in context.command.list_commands(context):
        inner = click.Context(context.command.get_command(context, name), context, name)
        yield inner.command_path.split(), inner.command
        if isinstance(inner.command, click.Group):
            yield from commands_of(inner)


ALL = {
    " ".join(words): command for words, command in commands_of(click.Context(main, None, "dpkit"))
}


def parse(line):
    """Parse a shown command line against the real commands; `…` stands for anything."""
    words = [word for word in shlex.split(line, comments=True)[1:] if word != "…"]
    context = click.Context(main, info_name="dpkit")
    while words and isinstance(context.command, click.Group) and words[0][0] != "-":
        command = context.command.get_command(context, words[0])
        assert command is not None, f"{line}: no command {words[0]}"
        context = click.Context(command, context, words.pop(0))
    values, left, _ = context.command.make_parser(context).parse_args(words)
    assert not left, f"{line}: {left} is too much"
    for parameter in context.command.params:
        if isinstance(parameter.type, NARROW):
            value = values.get(parameter.name)
            if isinstance(value, str) and value != "N":
                parameter.type.convert(value, parameter, context)


def shown_commands(text):
    """Return every `dpkit …` of a page: in shell blocks a line, in running text a code span."""
    shell = [code for language, code in FENCE.findall(text) if language in ("", "sh")]
    lines = [line for code in shell for line in code.replace("\\\n", " ").splitlines()]
    steps = [step.strip() for line in lines for step in line.split("&&")]
    spans = [span for span in INLINE.findall(FENCE.sub("", text)) if span not in NO_COMMANDS]
    return [step for step in steps if re.match(r"dpkit [a-z-]", step)] + spans


class TestCommands:
    @pytest.mark.parametrize("name", COMMANDS)
    def test_the_list_says_of_each_what_its_own_help_says_first(self, name):
        first = ALL[f"dpkit {name}"].help.split("\n\n")[0]
        assert " ".join(first.split()) == COMMANDS[name][1]

    @pytest.mark.parametrize("words", ALL)
    def test_each_shows_an_example_that_parses(self, words):
        said = ALL[words].get_help(click.Context(ALL[words], info_name=words))
        assert "\\b" not in said
        example = re.search(r"^ *Example:\n((?: +dpkit .*\n?)+)", said, re.MULTILINE)
        assert example, said
        for line in example[1].splitlines():
            parse(line.strip())

    @pytest.mark.parametrize("words", ALL)
    def test_each_option_is_explained(self, words):
        for parameter in ALL[words].params:
            if isinstance(parameter, click.Option):
                record = parameter.get_help_record(click.Context(ALL[words]))
                assert parameter.help, parameter.name
                assert "<" not in record[1].replace("<=", ""), f"{parameter.name}: {record[1]}"

    @pytest.mark.parametrize("name", COMMANDS)
    def test_each_stands_in_the_readme_and_in_the_index(self, name):
        for text in (README, page("index.md")):
            assert f"`dpkit {name} " in text


class TestShownCommandLines:
    @pytest.mark.parametrize("path", PAGES, ids=relative)
    def test_parse_as_they_stand_on_a_page(self, path):
        for line in shown_commands(path.read_text()):
            parse(line)

    @pytest.mark.parametrize("name", ["README.md", "docs/quickstart.md", "docs/index.md"])
    def test_are_found_at_all(self, name):
        assert len(shown_commands((ROOT / name).read_text())) >= 6

    @pytest.mark.parametrize("path", PAGES, ids=relative)
    def test_name_only_options_that_exist(self, path):
        known = {o for c in ALL.values() for p in c.params for o in (*p.opts, *p.secondary_opts)}
        named = re.findall(r"`(--[a-z-]+)[^`]*`", FENCE.sub("", path.read_text()))
        assert set(named) <= known | {"--help"}

    def test_parse_in_what_the_program_says(self):
        for path in SOURCES:
            for line in INLINE.findall(path.read_text()):
                parse(line)

    def test_parse_in_the_card_of_a_release(self):
        for line in shown_commands(VERIFY.format(key="RW", fingerprint="0" * 16)):
            parse(line)

    @pytest.mark.parametrize(
        "wrong",
        [
            "dpkit morf images",
            "dpkit morph images --kapa 16",
            "dpkit morph images --kappa many",
            "dpkit morph images --core square",
            "dpkit verify release twice",
            "dpkit keys rotate",
        ],
    )
    def test_that_are_wrong_are_noticed(self, wrong):
        with pytest.raises((AssertionError, click.UsageError)):
            parse(wrong)


class TestLinks:
    @pytest.mark.parametrize("path", PAGES, ids=relative)
    def test_lead_somewhere(self, path):
        for target, mark in re.findall(
            r"\]\(([^)#\s]*)(?:#([^)\s]*))?\)", without_code(path.read_text())
        ):
            if target.startswith(("https://", "http://")):
                continue
            found = (path.parent / target).resolve() if target else path
            assert found.exists(), f"{relative(path)} → {target}"
            assert not mark or mark in headings(found), f"{relative(path)} → {target}#{mark}"

    def test_reach_every_page_from_the_index(self):
        linked = set(re.findall(r"\]\(([^)#]+)", page("index.md")))
        pages = {p.relative_to(ROOT / "docs").as_posix() for p in (ROOT / "docs").rglob("*.md")}
        assert pages - {"index.md"} <= linked


def headings(path):
    lines = re.findall(r"^#+ (.*)$", FENCE.sub("", path.read_text()), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", line.lower()).replace(" ", "-") for line in lines}


class TestTables:
    @pytest.mark.parametrize("name", SANITIZERS)
    def test_a_sanitizers_page_lists_its_parameters_with_their_defaults(self, name):
        cells = [
            [cell.strip() for cell in line.strip("|").split(" | ")]
            for line in page(f"sanitizers/{name}.md").splitlines()
            if line.startswith("| `--")
        ]
        listed = [(c[0].strip("`- "), c[2].strip("`")) for c in cells]
        chosen = options_of(SANITIZERS[name])
        assert listed == [(option_name(f), str(f.default)) for f in chosen]
        for field, (_, values, *_) in zip(chosen, cells, strict=True):
            for choice in field.metadata["choices"] or ():
                assert f"`{choice}`" in values

    @pytest.mark.parametrize("name", SANITIZERS)
    def test_a_sanitizers_symbols_stand_in_the_glossary(self, name):
        for field in fields(SANITIZERS[name]):
            if field.metadata["symbol"]:
                word = option_name(field).replace("-", "_")
                assert f"| {field.metadata['symbol']} | `{word}` |" in page("glossary.md")

    def test_the_glossarys_words_are_in_order_and_not_said_twice(self):
        table = page("glossary.md").split("## ")[0]
        words = re.findall(r"^\| ([\w -]+) \|", table, re.MULTILINE)[1:]
        assert len(words) > 30
        assert words == sorted(set(words), key=str.casefold)

    def test_the_audits_page_lists_its_options_with_their_defaults(self):
        section = page("audit.md").split("## Options of")[1].split("## ")[0]
        listed = re.findall(r"^\| `(--[A-Za-z-]+)[^|]*\| ?([^|]*?) ?\|", section, re.MULTILINE)
        everywhere = {name for p in ALL["dpkit restore"].params for name in p.opts}
        own = [p for p in ALL["dpkit audit"].params if isinstance(p, click.Option)]
        own = [p for p in own if not everywhere.intersection(p.opts)]
        assert listed == [(p.opts[0], str(p.default) if p.show_default else "") for p in own]

    @pytest.mark.parametrize(
        "name", re.findall("## Options of `dpkit sweep (.*)`", page("sweep.md"))
    )
    def test_the_sweeps_page_lists_the_options_of_each_with_their_defaults(self, name):
        section = page("sweep.md").split(f"## Options of `dpkit sweep {name}`")[1].split("## ")[0]
        listed = re.findall(r"^\| `(--[A-Za-z-]+)[^|]*\| ?([^|]*?) ?\|", section, re.MULTILINE)
        everywhere = {name for p in ALL["dpkit verify"].params for name in p.opts}
        own = [p for p in ALL[f"dpkit sweep {name}"].params if isinstance(p, click.Option)]
        own = [p for p in own if not everywhere.intersection(p.opts)]
        assert listed == [(p.opts[0], str(p.default) if p.show_default else "") for p in own]

    @pytest.mark.parametrize("path", sorted((ROOT / "docs/attacks").glob("*.md")), ids=relative)
    def test_every_attacks_page_has_the_same_sections(self, path):
        assert path.stem in ATTACKS
        text = path.read_text()
        rung = ATTACKS[path.stem].rung
        assert re.findall("^#+ (.*)", text, re.MULTILINE) == [
            path.stem, "How it works", "What it reached", "What stops it",
        ]  # fmt: skip
        assert f"**Rung:** {rung} of the [ladder]" in text
        assert "**Needs:**" in text
        assert f"| {rung} | [{path.stem}](attacks/{path.name}) |" in page("index.md")

    def test_the_exit_codes_are_those_of_the_program(self):
        section = page("quickstart.md").split("## Exit codes")[1]
        codes = {int(code) for code in re.findall(r"^\| (\d+) \|", section, re.MULTILINE)}
        kinds = (DpkitError, *DpkitError.__subclasses__())
        assert codes == {0, QUARANTINED, INTERRUPTED, *(kind.exit_code for kind in kinds)}

    def test_the_readme_names_every_package(self):
        table = README.split("| package |")[1].split("\n\n")[0]
        for init in (ROOT / "dpkit").glob("*/__init__.py"):
            assert re.search(rf"`(dpkit/)?{init.parent.name}/`", table), init.parent.name

    @pytest.mark.parametrize(
        ("name", "word"), [("main", "dpkit morph samples/images --kappa 16"), ("tests", "pytest")]
    )
    def test_the_readme_marks_the_two_commands_of_a_fresh_machine(self, name, word):
        found = re.search(rf"<!-- command: {name} -->\n```sh\n(.+)\n```", README)
        assert word in found[1]


class TestCode:
    """The Python on the pages runs, in a process of its own, beside a small release."""

    def run(self, text, folder):
        code = "\n".join(code for language, code in FENCE.findall(text) if language == "python")
        done = subprocess.run(
            [sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    @pytest.fixture
    def folder(self, invoke, images, tmp_path):
        invoke("morph", images, "--kappa", 16)
        return tmp_path

    def test_of_the_readme(self, folder):
        self.run(README, folder)

    def test_of_the_developers_quickstart(self, folder):
        said = self.run(page("quickstart-developer.md"), folder)
        assert "24 samples of 3x16x16, task single, 3 classes" in said
        assert "torch.Size([8, 3, 16, 16])" in said
        assert "No attack was run on this release" in said

    def test_of_the_challenge(self, folder):
        assert "morph (24, 3, 16, 16) float32" in self.run(page("challenge.md"), folder)

    def test_of_the_threat_model_recovers_what_it_says(self, tmp_path):
        said = self.run(page("threat-model.md"), tmp_path).strip()
        assert said.startswith("8 of 8 ")
        assert f"`{said}`" in page("threat-model.md")

    @pytest.mark.parametrize(
        "path",
        [p for p in SOURCES if re.search(r"^ *>>> ", p.read_text(), re.MULTILINE)],
        ids=relative,
    )
    def test_of_the_docstrings(self, path):
        name = relative(path).removesuffix(".py").replace("/", ".").removesuffix(".__init__")
        done = doctest.testmod(import_module(name))
        assert done.attempted
        assert not done.failed
