"""Code that the user names is found where they stand, and its errors are said to be theirs."""

import sys

import pytest
import torch

from dpkit.errors import UsageError
from dpkit.nets.cut import Cut
from dpkit.nets.named import build_network
from dpkit.nets.users import users_network

CODE = """
import torch
class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = torch.nn.Linear(12, 2)
    def forward(self, images):
        if images.shape[1] != 3:
            raise KeyError("three channels\\nare wanted")
        return self.fc(images.flatten(1))
def failing():
    raise RuntimeError("no such luck")
def leaving():
    raise SystemExit(3)
"""


@pytest.fixture
def write(tmp_path, monkeypatch):
    """Return a function that writes a module into the current folder, off Python's path."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [p for p in sys.path if p not in {"", str(tmp_path)}])

    def written(name, code=CODE):
        (tmp_path / f"{name}.py").write_text(code)
        monkeypatch.delitem(sys.modules, name, raising=False)

    yield written
    for path in tmp_path.glob("*.py"):
        sys.modules.pop(path.stem, None)


def test_a_file_of_the_current_folder_is_found_and_the_path_left_as_it_was(write):
    before = list(sys.path)
    write("users_net_here")
    assert users_network("users_net_here:Net")(torch.zeros(1, 3, 2, 2)).shape == (1, 2)
    assert sys.path == before


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("users_net_code:failing", "your code .* fails: RuntimeError: no such luck"),
        ("users_net_code:leaving", "your code .* fails: SystemExit: 3"),
        ("users_net_code:absent", "cannot be imported: AttributeError"),
        ("users_net_broken:Net", "cannot be imported: ZeroDivisionError"),
        ("users_net_torn:Net", "cannot be imported: SyntaxError"),
        ("..:Net", "cannot be imported: TypeError"),
    ],
)
def test_an_error_of_the_code_is_one_line_that_says_whose_it_is(write, name, words):
    write("users_net_code")
    write("users_net_broken", "1 / 0")
    write("users_net_torn", "def")
    before = list(sys.path)
    with pytest.raises(ValueError, match=words):
        users_network(name)
    assert sys.path == before


@pytest.mark.parametrize("name", [":Net", "users_net_code:", ":"])
def test_a_name_without_module_or_factory_is_refused(name):
    with pytest.raises(ValueError, match="nor module:factory"):
        build_network({}, {}, network=name)


def test_an_error_of_the_network_itself_is_said_to_be_the_users(write):
    write("users_net_code")
    network = users_network("users_net_code:Net")
    with pytest.raises(
        UsageError, match=r"your code .*1x1x2x2: KeyError: .*three channels"
    ) as said:
        network(torch.zeros(1, 1, 2, 2))
    assert "\n" not in str(said.value)


def test_what_a_cut_refuses_is_not_said_to_be_the_users(write):
    write("users_net_code")
    cut = Cut(users_network("users_net_code:Net"), "fc")
    with pytest.raises(ValueError, match=r"^input of layer 'fc' is"):
        cut.logits(torch.zeros(1, 3, 2, 2), lambda maps: maps[:, :5])
