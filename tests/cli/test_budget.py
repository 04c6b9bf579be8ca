"""The budget of `dpkit pixelate`: what an image has cost, and what a private release tells."""

import csv
import json
import re
import shutil
from importlib import import_module
from itertools import count
from pathlib import Path

import h5py
import numpy as np
import pytest
from PIL import Image

import dpkit.pipeline
from dpkit.keystore.budget import Budget
from dpkit.pipeline import checkpoints
from dpkit.plan import ReleaseName
from dpkit.readers.folder import FolderSource
from dpkit.types import Secret
from dpkit.types.guarantee import Guarantee
from tests.conftest import PHOTOGRAPHS, crop

PREPARE = import_module("dpkit.pipeline.prepare")  # the function has the module's name
ONE = ("--cell", 4, "--epsilon", 1, "--neighborhood", 1)
HALF = ("--cell", 4, "--epsilon", 0.5, "--neighborhood", 1)


@pytest.fixture
def pixelate(invoke, images):
    """Release the images, and return what the command says as JSON."""

    def run(out, *words, code=0):
        return invoke("pixelate", images, *(words or ONE), "-o", out, "--json", code=code)

    return run


def reservations(invoke):
    """Return the ids of the reservations that were not withdrawn, by label."""
    listed = invoke("keys", "list", "--json").json["objects"]
    labels = {o["label"]: o["object_id"] for o in listed if o["state"] != "destroyed"}
    return {name: labels[name] for name in labels if re.match("budget (?!secret)", name)}


def living(invoke, kind):
    """Return the ids of the objects of a kind that were not destroyed."""
    listed = invoke("keys", "list", "--json").json["objects"]
    return [o["object_id"] for o in listed if (o["kind"], o["state"]) == (kind, "active")]


def cut_short(path):
    path.write_bytes(path.read_bytes()[:-40])


class TestTotals:
    def test_of_a_first_release_are_its_own_epsilon(self, pixelate):
        said = pixelate("one").json
        assert (said["epsilon"], said["neighborhood"]) == ("1", 1)
        assert said["epsilon_totals"] == {"1": 24}

    def test_of_two_releases_of_the_same_images_add_up(self, pixelate):
        pixelate("one")
        assert pixelate("two", *HALF).json["epsilon_totals"] == {"1.5": 24}

    def test_are_shown_at_the_releases_own_neighbourhood(self, pixelate):
        pixelate("one")
        said = pixelate("two", "--cell", 4, "--epsilon", 3, "--neighborhood", 2).json
        assert said["epsilon_totals"] == {"5": 24}

    def test_follow_pixels_and_no_names(self, pixelate, images):
        pixelate("one")
        (images / "coffee").rename(images / "tea")
        for number, path in enumerate(sorted((images / "tea").iterdir())):
            Image.open(path).save(path.with_name(f"{number}.bmp"))
            path.unlink()
        assert pixelate("two").json["epsilon_totals"] == {"2": 24}

    @pytest.mark.parametrize(
        "words",
        [("--size", 15), ("--size", 15, "--fit", "crop"), ("--channels", "grey"),
         ("--depth", 16), ("--matte", 0)],
        ids=lambda words: " ".join(map(str, words)),
    )  # fmt: skip
    def test_follow_the_files_pixels_whatever_is_made_of_them(self, pixelate, words):
        pixelate("one")
        assert pixelate("two", *ONE, *words).json["epsilon_totals"] == {"2": 24}

    def test_are_of_another_image_where_the_file_itself_has_another_size(self, pixelate, images):
        pixelate("one")
        path = images / "coffee" / "picture_cof0000.png"
        Image.open(path).resize((15, 15)).save(path)
        said = pixelate("two", *ONE, "--size", 16).json
        assert said["epsilon_totals"] == {"2": 23, "1": 1}

    def test_count_an_image_that_stands_twice_twice(self, pixelate, images):
        path = images / "coffee" / "picture_cof0000.png"
        shutil.copy(path, path.with_name("again.png"))
        assert pixelate("one").json["epsilon_totals"] == {"2": 1, "1": 23}

    def test_count_all_channels_where_each_has_its_own(self, pixelate):
        said = pixelate("one", *ONE, "--per-channel").json
        assert said["epsilon"] == "3"
        assert said["epsilon_totals"] == {"3": 24}


class TestALimit:
    def test_is_reached_and_not_exceeded(self, pixelate):
        pixelate("one")
        pixelate("two", *ONE, "--max-epsilon", 2)

    def test_refuses_with_number_total_and_remedy(self, invoke, pixelate, images):
        pixelate("one")
        Image.fromarray(255 - crop("coffee", 0)).save(images / "coffee" / "new.png")
        keys = invoke("keys", "list", "--json").json
        said = pixelate("two", *ONE, "--max-epsilon", "3/2", code=2).err
        assert "24 images would have cost a total ε of up to 2 for 1 pixel" in said
        assert "above the 1.5 of --max-epsilon" in said
        assert "leave these images out" in said
        assert invoke("keys", "list", "--json").json == keys
        assert not images.with_name("two.partial").exists()

    def test_counts_what_stands_twice_in_the_release(self, pixelate, images):
        path = images / "coffee" / "picture_cof0000.png"
        shutil.copy(path, path.with_name("again.png"))
        assert "2 images" not in pixelate("one", *ONE, "--max-epsilon", 2).err
        assert "2 images would" in pixelate("two", *HALF, "--max-epsilon", 2.5, code=2).err

    def test_is_an_option_of_private_sanitizers_alone(self, invoke):
        assert "--max-epsilon" in invoke("pixelate", "--help").out
        for word in ("--allow-unchanged", "--require"):
            assert word not in invoke("pixelate", "--help").out
            assert word in invoke("morph", "--help").out
        assert "--audit-images" in invoke("pixelate", "--help").out
        assert "--max-epsilon" not in invoke("morph", "--help").out

    def test_holds_against_a_run_that_was_a_moment_faster(self, invoke, pixelate, monkeypatch):
        reserve = Budget.reserve

        def second(budget, release_id, sanitizer, marks, guarantee):
            reserve(budget, "faster", "pixelate", marks[:3], Guarantee(guarantee.epsilon, 1))
            reserve(budget, release_id, sanitizer, marks, guarantee)

        monkeypatch.setattr(Budget, "reserve", second)
        said = pixelate("one", *ONE, "--max-epsilon", 1, code=2)
        assert "3 images would have cost a total ε of up to 2" in said.err
        assert list(reservations(invoke)) == ["budget faster"]
        assert living(invoke, "key") == []


class TestAReservation:
    def test_is_made_when_the_plan_is_sealed_and_costs_nothing_more_after(
        self, invoke, pixelate, images
    ):
        invoke("prepare", "pixelate", images, *ONE, "-o", "one")
        assert len(reservations(invoke)) == 1
        assert pixelate("two", *HALF).json["epsilon_totals"] == {"1.5": 24}
        for part in ("0/2", "1/2"):
            invoke("pixelate", images, *ONE, "-o", "one", "--part", part)
        assert invoke("publish", "one", "--json").json["epsilon_totals"] == {"1.5": 24}
        assert len(reservations(invoke)) == 2

    def test_is_kept_by_a_run_that_goes_on(self, invoke, pixelate, monkeypatch):
        with monkeypatch.context() as patch:
            patch.setattr(dpkit.pipeline, "close", interrupted)
            pixelate("one", code=130)
        assert pixelate("one").json["epsilon_totals"] == {"1": 24}
        assert len(reservations(invoke)) == 1

    def test_is_not_refunded_where_the_run_is_given_up(self, invoke, pixelate, images, tmp_path):
        invoke("prepare", "pixelate", images, *ONE, "-o", "one")
        shutil.rmtree(tmp_path / "one.partial")
        assert pixelate("one").json["epsilon_totals"] == {"2": 24}

    def test_is_withdrawn_where_the_plan_was_not_sealed(self, invoke, pixelate, monkeypatch):
        with monkeypatch.context() as patch:
            patch.setattr(PREPARE, "seal_plan", interrupted)
            pixelate("one", code=130)
        assert reservations(invoke) == {}
        assert living(invoke, "key") == []
        assert pixelate("one").json["epsilon_totals"] == {"1": 24}
        assert len(living(invoke, "key")) == 1

    def test_is_made_once_where_an_earlier_run_was_killed_while_it_decoded(
        self, pixelate, tmp_path
    ):
        (tmp_path / "one.partial" / "data").mkdir(parents=True)
        assert pixelate("one").json["epsilon_totals"] == {"1": 24}
        (tmp_path / "two.partial" / "data").mkdir(parents=True)
        (tmp_path / "two.partial" / "data" / "notes.txt").touch()
        assert "is no unfinished release" in pixelate("two", code=2).err

    def test_that_was_destroyed_ends_its_release(self, invoke, images):
        invoke("prepare", "pixelate", images, *ONE, "-o", "one")
        (held,) = reservations(invoke).values()
        invoke("keys", "destroy", held, "--yes")
        words = ("pixelate", images, *ONE, "-o", "one")
        for one in ((*words, "--part", "0/1"), words, ("publish", "one")):
            assert "no such reservation" in invoke(*one, code=13).err

    def test_is_held_to_a_limit_that_was_given_later(self, invoke, pixelate, images):
        invoke("prepare", "pixelate", images, *ONE, "-o", "one")
        assert "--max-epsilon" in pixelate("one", *ONE, "--max-epsilon", 0.5, code=2).err
        pixelate("one", *ONE, "--max-epsilon", 1)

    def test_is_not_made_for_a_file_that_cannot_be_decoded(self, invoke, pixelate, images):
        path = images / "coffee" / "picture_cof0000.png"
        whole = path.read_bytes()
        cut_short(path)
        invoke("prepare", "pixelate", images, *ONE, "-o", "one", "--max-bad", 0.5)
        path.write_bytes(whole)
        said = pixelate("one", *ONE, "--max-bad", 0.5, code=3).json
        assert (said["images"], said["quarantined"]) == (23, 1)
        assert said["epsilon_totals"] == {"1": 23}
        quarantine = Path(said["quarantine"]).read_text().splitlines()
        assert quarantine[1].startswith("coffee/picture_cof0000.png")

    def test_is_of_pixels_and_leaves_out_who_has_others_by_now(
        self, invoke, pixelate, images, monkeypatch
    ):
        """As where a part is written with another version of a decoder."""
        invoke("prepare", "pixelate", images, *ONE, "-o", "one", "--max-bad", 0.5)
        native = FolderSource.native

        def rounded(source, path, sha256):
            pixels = native(source, path, sha256)
            return pixels ^ 1 if path.endswith("cof0003.png") else pixels

        monkeypatch.setattr(FolderSource, "native", rounded)
        said = pixelate("one", *ONE, "--max-bad", 0.5, code=3).json
        assert said["images"] == 23
        assert "are not those that were reserved" in Path(said["quarantine"]).read_text()

    def test_is_not_made_where_too_many_cannot_be_decoded(self, invoke, pixelate, images):
        cut_short(images / "coffee" / "picture_cof0000.png")
        assert "cannot be read" in pixelate("one", code=1).err
        assert reservations(invoke) == {}


class TestADecisionToPublish:
    @pytest.mark.parametrize(
        "words", [("--require", "worst_ssim < 0.3"), ("--allow-unchanged", 1)], ids=lambda w: w[0]
    )
    def test_cannot_be_made_by_figures_of_originals(self, invoke, pixelate, images, words):
        assert "no such option" in pixelate("one", *ONE, *words, code=2).err.casefold()
        invoke("prepare", "pixelate", images, *ONE, "-o", "one")
        said = invoke("publish", "one", *words, code=2).err
        assert f"{words[0]} cannot be given to pixelate" in said
        assert "not covered by ε" in said

    def test_does_not_depend_on_rows_that_equal_their_originals(self, invoke, tmp_path):
        for label in "ab":
            (tmp_path / "blank" / label).mkdir(parents=True)
            for i in range(8):
                black = Image.new("RGB", (16, 16))
                black.putpixel((i, 0), (1, 0, 0))
                black.save(tmp_path / "blank" / label / f"blank_{label}{i}.png")
        words = ("--cell", 16, "--epsilon", 10000, "--neighborhood", 1, "-o", "one")
        invoke("pixelate", tmp_path / "blank", *words)

    def test_does_not_depend_on_equal_files(self, pixelate, images):
        """The folders are parts: equal files of two parts would be refused elsewhere."""
        for part in ("train", "test"):
            (images / part).mkdir()
        for name in PHOTOGRAPHS:
            shutil.copytree(images / name, images / "test" / name)
            (images / name).rename(images / "train" / name)
        assert pixelate("one").json["epsilon_totals"] == {"2": 24}


def interrupted(*_words):
    raise KeyboardInterrupt


@pytest.fixture
def twice(invoke, images, tmp_path, home, monkeypatch):
    """Release two sets of different images of equal names, by the same secrets, on one day."""

    def release(folder, out, *words):
        monkeypatch.setattr(checkpoints, "fresh_secret", lambda: Secret(bytes(range(32))))
        name = ReleaseName("aaaabbbbccccdddd", "2026-01-02", Secret(bytes(range(1, 33))))
        monkeypatch.setattr(PREPARE, "_name_release", lambda: name)
        ids = count(2**100)
        monkeypatch.setattr("dpkit.keystore.ids.secrets.randbits", lambda _: next(ids))
        for kind in ("DATA", "CONFIG", "STATE"):
            monkeypatch.setenv(f"XDG_{kind}_HOME", str(tmp_path / f"home-{out}" / kind.lower()))
        invoke("pixelate", folder, *ONE, "-o", out, *words)
        return tmp_path / out

    def run(*words):
        invoke("prepare", "pixelate", images, *HALF, "-o", "first")  # draws the signing key
        for out in ("one", "two"):
            shutil.copytree(home, tmp_path / f"home-{out}")
        one = release(images, "one", *words)
        for path in images.glob("*/*.png"):
            turned = np.rot90(255 - np.asarray(Image.open(path)), 1)
            Image.fromarray(np.ascontiguousarray(turned)).save(path)
        return one, release(images, "two", *words)

    return run


def without_values(text):
    """Return a text without pictures, numbers with a point, and digests."""
    text = re.sub(r"data:image/png;base64,[^\"]*", "PICTURE", text)
    return re.sub(r"[0-9a-f]{64}|[0-9]+\.[0-9]+", "VALUE", text)


def rows_without_ids(out):
    lines = (out / "data" / "index.csv").read_text().splitlines()
    return [{name: row[name] for name in row if name != "id"} for row in csv.DictReader(lines)]


def assert_only_values_differ(one, two):
    files = [
        sorted(p.relative_to(out) for p in out.rglob("*") if p.is_file()) for out in (one, two)
    ]
    assert files[0] == files[1]
    assert (one / "report.json").read_bytes() == (two / "report.json").read_bytes()
    for name in ("report.html", "README.md", "manifest.json", "manifest-sha256.txt"):
        texts = [without_values((out / name).read_text()) for out in (one, two)]
        assert texts[0] == texts[1]
    manifests = [json.loads((out / "manifest.json").read_text()) for out in (one, two)]
    for manifest in manifests:
        for shard in manifest["shards"]:
            del shard["sha256"]
        del manifest["training"]["mean"], manifest["training"]["std"]
    assert manifests[0] == manifests[1]
    tables = [
        list(csv.DictReader((out / "data/index.csv").read_text().splitlines()))
        for out in (one, two)
    ]
    for table in tables:
        for row in table:
            del row["id"]
    assert tables[0] == tables[1]


class TestWhatIsReleased:
    def test_follows_from_parameters_labels_and_noisy_values_alone(self, twice):
        one, two = twice()
        assert_only_values_differ(one, two)
        shards = [next((out / "data").glob("*.h5")) for out in (one, two)]
        with h5py.File(shards[0]) as first, h5py.File(shards[1]) as second:
            assert not np.array_equal(first["images"], second["images"])
            for column in ("labels", "groups"):
                assert np.array_equal(first[column], second[column])

    @pytest.mark.slow
    def test_follows_from_them_whatever_was_attacked_and_learned(self, twice, tmp_path):
        one, two = twice("--audit", "quick", "--utility")
        assert_only_values_differ(one, two)
        private = sorted(tmp_path.glob("home-*/state/dpkit/releases/aaaa*/report.json"))
        audits = [json.loads(report.read_text())["audit"] for report in private]
        assert audits[0]["attacks"]
        assert audits[0]["attacks"] != audits[1]["attacks"]

    def test_makes_each_image_a_group_of_its_own(self, pixelate, images, tmp_path):
        path = images / "coffee" / "picture_cof0000.png"
        shutil.copy(path, path.with_name("again.png"))
        pixelate("one")
        report = json.loads((tmp_path / "one" / "report.json").read_text())
        assert {(c["images"], c["groups"]) for c in report["counts"]} == {(25, 25), (9, 9), (8, 8)}
        assert "each image is a group of its own" in (tmp_path / "one" / "README.md").read_text()

    def test_says_what_is_promised_and_no_total(self, pixelate, tmp_path):
        pixelate("one")
        said = pixelate("two").json
        report = json.loads((tmp_path / "two" / "report.json").read_text())
        assert report["guarantee"]["epsilon"] == "1"
        assert (report["guarantee"]["releases"], report["guarantee"]["totals"]) == (0, [])
        assert (report["measured"], report["baselines"], report["audit"]) == ({}, [], None)
        assert "nothing computed from originals" in said["statement"]
        manifest = json.loads((tmp_path / "two" / "manifest.json").read_text())
        assert manifest["statement"] == said["statement"]
        assert said["statement"] in (tmp_path / "two" / "README.md").read_text()
        page = (tmp_path / "two" / "report.html").read_text()
        assert "What is guaranteed" in page
        assert "Total ε" not in page
        assert "SSIM" not in page

    def test_leaves_totals_and_figures_to_the_provider(self, pixelate):
        pixelate("one")
        page = pixelate("two").json["private_report"]
        private = Path(page).parent
        report = json.loads((private / "report.json").read_text())
        assert report["guarantee"]["releases"] == 2
        assert report["guarantee"]["totals"] == [{"epsilon": "2", "images": 24}]
        assert report["measured"]["ssim"]["n"] == 24
        assert "Total ε" in (private / "report.html").read_text()
