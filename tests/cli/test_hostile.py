"""Hostile folders, hostile names and hostile developers, through the real command."""

import base64
import csv
import datetime as dt
import hashlib
import io
import json
import os
import re
import shutil
import struct
import subprocess
import sys
import zlib

import h5py
import numpy as np
import pytest
from PIL import Image

from tests.conftest import PHOTOGRAPHS, crop

KAPPA = ("--kappa", 16)
EXACT = (*KAPPA, "--core", "orthogonal")


def bomb():
    """Return a PNG of 200 bytes that says it has 60000x60000 pixels."""

    def chunk(kind, body):
        return (
            struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        )

    header = struct.pack(">IIBBBBB", 60000, 60000, 8, 2, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(99))) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def cut_jpeg():
    stream = io.BytesIO()
    Image.fromarray(crop("astronaut", 1, 64)).save(stream, "JPEG")
    return stream.getvalue()[:-200]


class TestAHostileFolder:
    @pytest.fixture
    def mined(self, images):
        """Plant into a class folder everything that is no image; return reason by name."""
        coffee = images / "coffee"
        (coffee / "bomb.png").write_bytes(bomb())
        (coffee / "cut.jpg").write_bytes(cut_jpeg())
        (coffee / "empty.png").write_bytes(b"")
        (coffee / "page.jpg").write_bytes(b"<svg onload=alert(1)>")
        frames = [Image.fromarray(crop("coffee", i)) for i in range(3)]
        frames[0].save(coffee / "moving.gif", save_all=True, append_images=frames[1:])
        os.mkfifo(coffee / "pipe.png")
        odd = coffee / os.fsdecode(b"\xff\xfe.png")
        odd.write_bytes((coffee / "picture_cof0001.png").read_bytes())
        for name in ("Thumbs.db", ".DS_Store", ".hidden.png", "notes.txt"):
            (coffee / name).write_bytes(b"no image by its name")
        for name, target in (
            ("leaving.png", "/etc/passwd"), ("circle.png", "circle.png"),
            ("folder", "/etc"), ("inner.png", "picture_cof0002.png"),
        ):  # fmt: skip
            (coffee / name).symlink_to(target)
        return {
            "bomb.png": "3600000000 pixels, above the limit",
            "cut.jpg": "",
            "empty.png": "empty file",
            "page.jpg": "not a JPEG, PNG, TIFF, BMP, WebP or GIF image",
            "moving.gif": "more than one frame",
            "pipe.png": "not a regular file",
            "\\udcff\\udcfe.png": "its name is not valid UTF-8",
        }

    def test_is_released_without_its_mines(self, invoke, images, mined, home):
        words = ("--size", 16, "--max-bad", 0.5, "--json")
        said = invoke("morph", images, *EXACT, *words, code=3)
        assert said.json["images"] == 25
        assert said.json["quarantined"] == len(mined)
        assert said.json["duplicates"] == 1
        assert "3 links lead to folders or nowhere, or leave the source" in said.err
        with next(home.rglob("quarantine.csv")).open(newline="") as file:
            listed = {row["file"]: row["reason"] for row in csv.DictReader(file)}
        assert listed.keys() == {f"coffee/{name}" for name in mined}
        for name, reason in mined.items():
            assert listed[f"coffee/{name}"].startswith(reason)
        invoke("verify", "release")

    def test_takes_no_release_into_itself(self, invoke, images, contents):
        before = contents(images)
        for out in (images / "release", images):
            said = invoke("morph", images, *KAPPA, "--out", out, code=2)
            assert "inside the source" in said.err
        assert contents(images) == before

    def test_in_which_nothing_can_be_read_is_refused(self, invoke, tmp_path):
        (tmp_path / "images").mkdir()
        for i in range(3):
            (tmp_path / f"images/{i}.png").write_bytes(b"")
        said = invoke("morph", "--max-bad", 1, code=1)
        assert "none of 3 files is a readable image; 0.png: empty file" in said.err
        assert not (tmp_path / "release.partial").exists()

    def test_in_which_nothing_can_be_decoded_is_refused(self, invoke, tmp_path):
        """Headers that are whole, pixels that are not."""
        (tmp_path / "images").mkdir()
        for i in range(3):
            stream = io.BytesIO()
            Image.fromarray(crop("coffee", i)).save(stream, "PNG")
            (tmp_path / f"images/{i}.png").write_bytes(stream.getvalue()[:60])
        said = invoke("morph", *KAPPA, "--max-bad", 1, code=1)
        assert said.err.splitlines()[-1].startswith("dpkit: error:")
        assert "unexpected" not in said.err
        assert not (tmp_path / "release").exists()

    def test_of_one_pixel_images_is_released(self, invoke, tmp_path):
        (tmp_path / "images").mkdir()
        for i in range(24):
            Image.new("RGB", (1, 1), (10 * i + 1, 7, 255 - i)).save(tmp_path / f"images/{i}.png")
        invoke("morph", "--kappa", 1, "--core", "orthogonal")
        invoke("verify", "release")
        invoke("restore", "release")
        for i in range(24):
            back = Image.open(tmp_path / f"restored/{i}.png")
            assert back.getpixel((0, 0)) == (10 * i + 1, 7, 255 - i)


class TestHostileNames:
    NAMES = (
        *("new\nline.png", "quo'te\"s.png", "=cmd|' C'!A0.png", "\x1b[31mred.png", "a,b;c.png"),
        *(" spaced .png", "%2e%2e.png", "ärzte\u0301.png", "<img src=x>.png"),
    )

    @pytest.fixture
    def named(self, images):
        for i, name in enumerate(self.NAMES):
            Image.fromarray(crop("chelsea", 20 + i)).save(images / "coffee" / name, "PNG")
        return images

    def test_come_back_as_they_were(self, invoke, named, tmp_path):
        invoke("morph", named, *EXACT)
        invoke("restore", "release")
        for name in self.NAMES:
            original = np.asarray(Image.open(named / "coffee" / name))
            back = np.asarray(Image.open(tmp_path / "restored/coffee" / name))
            assert np.array_equal(back, original), name

    def test_do_not_reach_the_terminal_raw(self, invoke, named, tmp_path):
        invoke("morph", named, *EXACT)
        for name in ("coffee/new\nline.png", "coffee/\x1b[31mred.png"):
            said = invoke("lookup", "release", "--file", name)
            assert said.out.count("\n") == 1
            assert "\x1b" not in said.out
        labels = tmp_path / "labels.csv"
        files = "".join(f"coffee/picture_cof{i:04}.png\n" for i in range(8))
        labels.write_text(f'file\n{files}"\x1b[31mred\nand\x07more.png"\n')
        said = invoke("morph", named, *EXACT, "--labels", labels, "-o", "second")
        assert "1 rows of labels.csv have no file" in said.err
        assert not set("\x1b\x07") & set(said.err)

    def test_run_as_no_formula_in_a_private_table(self, invoke, images, home):
        folder = images / "coffee"
        (folder / "=broken.png").write_bytes(b"")
        Image.fromarray(crop("chelsea", 40)).save(folder / "=cmd|' C'!A0.png")
        invoke("morph", folder, *EXACT, "--max-bad", 0.5, code=3)
        for name, guarded in (
            ("quarantine.csv", "'=broken.png"), ("scores.csv", "'=cmd|' C'!A0.png"),
        ):  # fmt: skip
            with next(home.rglob(name)).open(newline="") as file:
                files = [row[0] for row in csv.reader(file)]
            assert guarded in files
            assert not [file for file in files if file.startswith("=")]

    def test_of_classes_are_no_markup_in_the_reports(self, invoke, images, home, tmp_path):
        (images / "coffee").rename(images / "<script>alert(1)<")
        (images / "chelsea").rename(images / "`|a|` ](javascript:x) --- '\"&")
        invoke("morph", images, *KAPPA)
        pages = [tmp_path / "release/report.html", next(home.rglob("report.html"))]
        for page in pages:
            text = page.read_text()
            assert "<script" not in text.lower()
            assert "alert(1)" in text
        assert "<script" not in (tmp_path / "release/README.md").read_text().lower()
        invoke("verify", "release")

    def test_that_differ_in_their_endings_do_not_meet(self, invoke, images, tmp_path):
        folder = images / "coffee"
        for i, name in enumerate(("a.png", "a.bmp", "a.bmp.png", "b", "b.tif")):
            Image.fromarray(crop("chelsea", 30 + i)).save(folder / name, "PNG")
        invoke("morph", images, *EXACT)
        invoke("restore", "release")
        restored = {path.name for path in (tmp_path / "restored/coffee").iterdir()}
        assert len(restored) == 8 + 5
        assert {"a.png.png", "a.bmp.png", "a.bmp.png.png"} <= restored


class TestHiddenClasses:
    def test_stand_nowhere_in_the_release(self, invoke, images, contents, tmp_path):
        (images / "coffee").rename(images / "Huntington")
        (images / "chelsea").rename(images / "Creutzfeldt")
        invoke("morph", images, *KAPPA, "--hide-classes")
        for name, content in contents(tmp_path / "release").items():
            for word in (b"huntington", b"creutzfeldt", b"astronaut"):
                assert word not in content.lower(), name
        assert b"class-1" in (tmp_path / "release/manifest.json").read_bytes()

    def test_are_known_to_the_provider(self, invoke, images):
        (images / "coffee").rename(images / "Huntington")
        key = invoke("morph", images, *KAPPA, "--hide-classes", "--json").json["key_id"]
        assert "Huntington" in invoke("keys", "show", key).out

    def test_of_a_table_too(self, invoke, images, tmp_path, contents):
        rows = [p.relative_to(images).as_posix() for p in sorted(images.rglob("*.png"))]
        kinds = ["Huntington|Creutzfeldt", "Huntington"]
        labels = tmp_path / "labels.csv"
        labels.write_text("file;finding\n" + "".join(
            f"{row};{kinds[i % 2]}\n" for i, row in enumerate(rows)))  # fmt: skip
        invoke("morph", images, *KAPPA, "--hide-classes", "--labels", labels,
               "--label-column", "finding", "--label-sep", "|")  # fmt: skip
        everything = b"".join(contents(tmp_path / "release").values()).lower()
        assert b"huntington" not in everything
        assert b"creutzfeldt" not in everything


class TestTheSelfCheck:
    @pytest.fixture
    def refused(self, invoke, tmp_path):
        def run(*words):
            said = invoke("morph", *words, code=1)
            assert "the self-check found" in said.err
            assert not (tmp_path / "release").exists()
            return said.err.splitlines()[-1]

        return run

    def test_finds_a_stem_in_a_class_name(self, refused, images):
        (images / "coffee").rename(images / "like LOVELACE there")
        (images / "chelsea/picture_che0001.png").rename(images / "chelsea/lovelace.png")
        err = refused(images, *KAPPA)
        assert "a stem in manifest.json (1, such as 'LOVELACE')" in err

    @pytest.mark.slow
    def test_lets_a_class_be_called_as_its_file(self, invoke, images):
        (images / "coffee/picture_cof0001.png").rename(images / "coffee/coffee.png")
        invoke("morph", images, *KAPPA)

    @pytest.mark.slow
    def test_leaves_names_in_dpkits_own_words_alone(self, invoke, images):
        """Reports, card, manifest and index are full of words that may well be file names."""
        words = ("palette", "images", "report", "target", "train", "validation", "mean image",
                 "worst", "picture", "center", "float32", "release", "shard", "training", "index",
                 "gaussian", "16x16", "3x16x16", "dpkit", "background", "manifest")  # fmt: skip
        for i, word in enumerate(words):
            Image.fromarray(crop("chelsea", 30 + i)).save(images / "coffee" / f"{word}.png")
        invoke("morph", images, *KAPPA)

    def test_leaves_the_names_of_cameras_and_scanners_alone(self, invoke, tmp_path):
        folder = tmp_path / "images"
        folder.mkdir()
        today = dt.datetime.now(dt.UTC).date().isoformat()
        names = (
            *("IMG_0001", "DSC00001", "00000001", "000001", today, "20260102_101010"),
            *("1.2.840.113619.2.5", "scan (1)", "scan (2)", "WhatsApp Image", "photo", "a"),
        )
        for i, name in enumerate(names):
            Image.fromarray(crop("coffee", i)).save(folder / f"{name}.png")
        invoke("morph", *KAPPA)

    def test_finds_an_image_that_was_not_sanitized(self, invoke, images, tmp_path):
        for i in range(2):
            Image.new("RGB", (16, 16)).save(images / "coffee" / f"blank{i}.png")
        said = invoke("morph", images, *KAPPA, code=1)
        assert "2 released rows equal their original (allowed 0)" in said.err
        assert not (tmp_path / "release").exists()
        invoke("morph", images, *KAPPA, "--allow-unchanged", 2)


@pytest.mark.slow
class TestEveryKnob:
    @pytest.mark.parametrize(
        "words",
        [
            ("--kappa", 1, "--core", "gaussian"),
            ("--kappa", 1, "--core", "uniform", "--cores", "distinct"),
            ("--kappa", 48, "--core", "orthogonal", "--cores", "distinct"),
            ("--kappa", 768, "--core", "uniform", "--normalize", "imagenet"),
            ("--kappa", 3, "--size", "24x40", "--channels", "grey"),
        ],
    )
    def test_gives_a_release_that_verifies_and_comes_back(self, invoke, images, tmp_path, words):
        invoke("morph", images, *words, "--shard-mb", 1)
        stated = json.loads((tmp_path / "release/report.json").read_text())["round_trip"]
        assert stated["max_error"] == 0 or "orthogonal" not in words
        invoke("verify", "release")
        invoke("restore", "release")
        for path in images.rglob("*.png"):
            back = np.asarray(Image.open(tmp_path / "restored" / path.relative_to(images)))
            if "--size" in words:
                assert back.shape == (24, 40)
                continue
            error = np.abs(back.astype(int) - np.asarray(Image.open(path)))
            assert error.max() <= stated["max_error"] <= 8

    def test_a_row_of_the_core_in_the_open_is_refused_with_its_remedy(self, invoke, images):
        """A block that is black but for one white value, morphed, is a row of the core."""
        for i in range(48):
            speck = np.zeros((3, 16, 16), np.uint8)
            speck[0, i // 16, i % 16] = 255
            Image.fromarray(speck.transpose(1, 2, 0)).save(images / "coffee" / f"x{i}.png")
        said = invoke("morph", images, *KAPPA, code=1)
        assert "a key in data/train-00000-of-00001.h5" in said.err
        assert "--normalize imagenet" in said.err
        invoke("morph", images, *KAPPA, "--normalize", "imagenet")

    def test_the_counters_of_distinct_cores_are_no_secret_that_labels_show(self, invoke, images):
        """Each core was drawn once, and each label is 1."""
        (images / "coffee").rename(images / "1")
        for other in ("astronaut", "chelsea"):
            shutil.rmtree(images / other)
        invoke("morph", images, "--kappa", 48, "--cores", "distinct")

    def test_half_floats_say_what_they_cost(self, invoke, images, tmp_path):
        invoke("morph", images, *KAPPA, "--dtype", "float16", "--normalize", "imagenet")
        invoke("verify", "release")
        with h5py.File(tmp_path / "release/data/train-00000-of-00001.h5") as shard:
            assert shard["images"].dtype == np.float16
        stated = json.loads((tmp_path / "release/report.json").read_text())["round_trip"]
        invoke("restore", "release")
        path = next(images.rglob("*.png"))
        back = np.asarray(Image.open(tmp_path / "restored" / path.relative_to(images)), int)
        assert np.abs(back - np.asarray(Image.open(path), int)).max() <= stated["max_error"]

    def test_one_and_two_workers_write_the_same_bytes(self, invoke, tmp_path, contents):
        """From one sealed key and plan, over several shards and a row that cannot be read."""
        for name in PHOTOGRAPHS:
            (tmp_path / "images" / name).mkdir(parents=True)
            for i in range(12):
                picture = Image.fromarray(crop(name, i, 96))
                picture.save(tmp_path / "images" / name / f"{name}_{i:05}.png")
        whole = (tmp_path / "images/coffee/coffee_00003.png").read_bytes()
        (tmp_path / "images/coffee/coffee_00003.png").write_bytes(whole[:-2000])
        words = ("--kappa", 36, "--shard-mb", 1, "--max-bad", 0.5)
        assert invoke("prepare", "morph", *words, "--json").json["shards"] == 4
        kept = ("home", "release.partial")
        for folder in kept:
            shutil.copytree(tmp_path / folder, tmp_path / "kept" / folder)
        invoke("morph", *words, "--workers", 1, code=3)
        one = contents(tmp_path / "release")
        for folder in ("home", "release"):
            shutil.rmtree(tmp_path / folder)
        for folder in kept:
            shutil.copytree(tmp_path / "kept" / folder, tmp_path / folder, dirs_exist_ok=True)
        invoke("morph", *words, "--workers", 2, code=3)
        assert contents(tmp_path / "release") == one


class TestRestoring:
    def test_leaves_a_folder_of_the_users_alone(self, invoke, images, tmp_path):
        invoke("morph", images, *KAPPA)
        (tmp_path / "restored.partial").mkdir()
        (tmp_path / "restored.partial/thesis.txt").write_text("x")
        said = invoke("restore", "release", code=2)
        assert "restored.partial exists" in said.err
        assert (tmp_path / "restored.partial/thesis.txt").read_text() == "x"

    def test_leaves_nothing_behind_when_it_fails(self, invoke, images, tmp_path):
        invoke("morph", images, *KAPPA)
        shard = tmp_path / "release/data/train-00000-of-00001.h5"
        content = bytearray(shard.read_bytes())
        content[9000] ^= 1
        shard.write_bytes(content)
        assert "digest" in invoke("restore", "release", code=13).err
        assert not (tmp_path / "restored").exists()
        assert not (tmp_path / "restored.partial").exists()


class TestAHostileDeveloper:
    """Changes a byte and makes every unsigned list agree again."""

    @pytest.fixture
    def rehash(self):
        def digest(path):
            return hashlib.sha256(path.read_bytes()).hexdigest()

        def write(release, name, paths):
            lines = (f"{digest(path)}  {path.relative_to(release)}\n" for path in sorted(paths))
            (release / name).write_text("".join(lines))

        def run(release, but=""):
            if but != "manifest-sha256.txt":
                write(release, "manifest-sha256.txt", release.glob("data/*"))
            if but != "tagmanifest-sha256.txt":
                top = [path for path in release.iterdir() if path.is_file()]
                tags = [path for path in top if not path.name.startswith("tagmanifest")]
                write(release, "tagmanifest-sha256.txt", tags)

        return run

    @pytest.fixture
    def released(self, invoke, images, tmp_path, rehash, contents):
        invoke("morph", images, *KAPPA)
        before = contents(tmp_path / "release")
        rehash(tmp_path / "release")
        assert contents(tmp_path / "release") == before, "the lists are made as dpkit makes them"
        return tmp_path / "release"

    def test_is_found_out_whatever_file_it_was(self, invoke, released, rehash, contents):
        before = contents(released)
        for name, content in before.items():
            changed = bytearray(content)
            changed[len(content) // 2] ^= 1
            (released / name).write_bytes(changed)
            rehash(released, but=name)
            for words in ((), ("--quick",)):
                said = invoke("verify", released, *words, code=13)
                assert said.err.startswith("dpkit: error:")
            for again, whole in before.items():
                (released / again).write_bytes(whole)
        invoke("verify", released)

    @pytest.mark.slow
    def test_signing_anew_fails_where_the_signer_is_known(self, invoke, released, images, tmp_path):
        known = json.loads((released / "manifest.json").read_text())["signer"]["fingerprint"]
        invoke("morph", images, *KAPPA, "-o", "forged", "--keystore", tmp_path / "own.dpks")
        invoke("verify", "forged")
        said = invoke("verify", "forged", "--fingerprint", known, code=13)
        assert known in said.err
        invoke("verify", released, "--fingerprint", known)

    def test_a_file_too_much_or_too_few_is_found(self, invoke, released):
        extra = released / "data" / "extra.h5"
        for plant in (
            lambda: extra.write_bytes(b"x"),
            lambda: extra.symlink_to("/etc/passwd"),
            lambda: os.mkfifo(extra),
            (released / "report.html").unlink,
        ):
            plant()
            assert "dpkit: error:" in invoke("verify", released, code=13).err
            extra.unlink(missing_ok=True)


class TestTheCard:
    @pytest.fixture
    def released(self, invoke, images, tmp_path):
        invoke("morph", images, *KAPPA)
        return tmp_path / "release"

    @pytest.mark.slow
    def test_has_snippets_that_run(self, released):
        card = (released / "README.md").read_text()
        snippets = re.findall(r"```python\n(.*?)```", card, re.DOTALL)
        assert len(snippets) == 2
        for snippet in snippets:
            ran = subprocess.run(
                [sys.executable, "-c", snippet],
                cwd=released, capture_output=True, text=True, check=False,
            )  # fmt: skip
            assert ran.returncode == 0, ran.stderr
            assert "24" in ran.stdout

    @pytest.mark.skipif(not shutil.which("minisign"), reason="minisign is not installed")
    def test_names_a_minisign_command_that_passes(self, released):
        card = (released / "README.md").read_text()
        command = re.search(r"^minisign -V .*$", card, re.MULTILINE).group()
        ran = subprocess.run(
            command.split(), cwd=released, capture_output=True, text=True, check=False
        )
        assert "Signature and comment signature verified" in ran.stdout
        assert json.loads((released / "manifest.json").read_text())["release_id"] in ran.stdout

    def test_is_a_bag_and_a_list_of_checksums(self, released):
        lists = ["tagmanifest-sha256.txt", "manifest-sha256.txt"]
        subprocess.run(["sha256sum", "--quiet", "-c", *lists], cwd=released, check=True)
        subprocess.run(
            [sys.executable, "-m", "bagit", "--validate", "--quiet", "."], cwd=released, check=True
        )


@pytest.mark.slow
def test_json_is_the_only_thing_on_stdout(images, tmp_path):
    ran = subprocess.run(
        [sys.executable, "-m", "cli", "morph", images, "--kappa", "16", "--json",
         "--out", tmp_path / "release"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert json.loads(ran.stdout)["images"] == 24
    assert "class names to be published" in ran.stderr


def test_no_secret_is_printed(invoke, images, home):
    said = invoke("morph", images, *KAPPA)
    key = next(home.rglob("*.key")).read_bytes()
    for spelling in (key.hex(), base64.b64encode(key).decode()):
        assert spelling not in said.out + said.err
