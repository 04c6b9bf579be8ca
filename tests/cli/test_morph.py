"""`dpkit morph` as a data officer runs it: one command, and everything that can go wrong."""

import csv
import os
import stat
import subprocess
import sys

import h5py
import numpy as np
import pytest
from PIL import Image

from dpkit import Release
from dpkit.pipeline.state import Output

KAPPA = ("--kappa", 16)


@pytest.fixture
def released(invoke, images, tmp_path):
    invoke("morph", images, *KAPPA)
    return tmp_path / "release"


class TestARelease:
    def test_holds_every_image_once(self, released):
        with h5py.File(released / "data/train-00000-of-00001.h5") as shard:
            assert shard["images"].shape == (24, 3, 16, 16)
            assert shard["images"].dtype == np.float32
            assert sorted(np.bincount(shard["labels"])) == [8, 8, 8]
            assert len(set(shard["ids"][:].tolist())) == 24

    def test_verifies_without_a_key(self, invoke, released, home, tmp_path):
        (home / "data").rename(tmp_path / "elsewhere")
        said = invoke("verify", released)
        assert "intact; signer not authenticated" in said.out

    def test_names_nothing_of_the_provider(self, released, images, contents):
        everything = b"".join(contents(released).values())
        for path in images.rglob("*.png"):
            assert path.stem.encode() not in everything
        assert str(images).encode() not in everything

    def test_is_not_in_the_order_of_the_files(self, invoke, released):
        with (released / "data/index.csv").open() as file:
            rows = list(csv.DictReader(file))
        found = invoke("lookup", released, "--id", rows[0]["id"], "--json").json["matches"]
        targets = [int(row["target"]) for row in rows]
        assert targets != sorted(targets)
        assert found[0]["row"] == 0

    def test_says_on_top_that_nothing_was_attacked(self, invoke, images):
        said = invoke("morph", images, *KAPPA)
        assert "No attack was run on this release" in said.out
        # q = 3·16·16 / 16 = 48 values in 16 blocks an image: 3 images give 48 equations
        assert "3 known images of 24 open all of them" in said.out

    def test_ends_with_the_keystore_and_that_it_is_not_backed_up(self, invoke, images, home):
        last = invoke("morph", images, *KAPPA).out.strip().splitlines()[-1]
        assert str(home) in last
        assert "not backed up" in last

    def test_prints_one_json_object_where_asked(self, invoke, images):
        facts = invoke("morph", images, *KAPPA, "--json").json
        assert facts["images"] == 24
        assert facts["quarantined"] == 0

    def test_leaves_the_inputs_as_they_were(self, invoke, images, contents):
        before = contents(images)
        invoke("morph", images, *KAPPA)
        assert contents(images) == before

    def test_keeps_private_files_private(self, invoke, images, home):
        invoke("morph", images, *KAPPA)
        for path in home.rglob("*"):
            mode = stat.S_IMODE(path.stat().st_mode)
            if "dpkit" in path.parts[path.parts.index("home") :][:3]:
                assert not mode & 0o077, f"{path} has mode {mode:o}"


class TestTheWayBack:
    @pytest.mark.parametrize("core", ["orthogonal", "gaussian", "uniform"])
    def test_restores_the_very_pixels_under_their_names(self, invoke, images, tmp_path, core):
        invoke("morph", images, *KAPPA, "--core", core)
        invoke("restore", "release")
        for path in images.rglob("*.png"):
            back = tmp_path / "restored" / path.relative_to(images)
            assert np.array_equal(np.asarray(Image.open(back)), np.asarray(Image.open(path)))

    def test_restores_some_by_their_ids(self, invoke, released, tmp_path):
        match = invoke("lookup", released, "--file", "coffee/picture_cof0003.png", "--json").json[
            "matches"
        ][0]
        (tmp_path / "ids").write_text(match["id"] + "\n")
        invoke("restore", released, "--ids", tmp_path / "ids")
        restored = [p.name for p in (tmp_path / "restored").rglob("*.png")]
        assert restored == ["picture_cof0003.png"]

    def test_finds_a_group_by_either_name(self, invoke, released):
        match = invoke("lookup", released, "--file", "coffee/picture_cof0003.png", "--json").json[
            "matches"
        ][0]
        for name in (match["group"], match["group_name"]):
            found = invoke("lookup", released, "--group", name, "--json").json["matches"]
            assert match in found

    @pytest.mark.slow
    def test_refuses_a_foreign_keystore(self, invoke, released, images, tmp_path):
        invoke("morph", images, *KAPPA, "--out", "other", "--keystore", tmp_path / "o.dpks")
        said = invoke("restore", released, "--keystore", tmp_path / "o.dpks", code=12)
        assert "holds no plan" in said.err

    def test_refuses_an_id_of_another_release(self, invoke, released, tmp_path):
        (tmp_path / "ids").write_text("A" * 26)
        assert "first" in invoke("restore", released, "--ids", tmp_path / "ids", code=2).err

    def test_overwrites_nothing(self, invoke, released, tmp_path):
        (tmp_path / "restored").mkdir()
        assert "exists" in invoke("restore", released, code=2).err


class TestBadUse:
    """One line that says what, where, the limit and the remedy; nothing published."""

    @pytest.fixture
    def refused(self, invoke, tmp_path):
        def run(*words, code=2):
            said = invoke("morph", *words, code=code)
            assert said.err.count("dpkit: error:") == 1
            assert said.err.strip().splitlines()[-1].startswith("dpkit: error:")
            assert "Traceback" not in said.err
            assert not (tmp_path / "release").exists()
            assert not (tmp_path / "release.partial").exists()
            return said.err

        return run

    def test_a_kappa_that_does_not_divide(self, refused, images):
        assert "16" in refused(images, "--kappa", 17)

    def test_a_missing_folder(self, refused, tmp_path):
        assert "nowhere" in refused(tmp_path / "nowhere")

    def test_an_empty_folder(self, refused, tmp_path):
        (tmp_path / "empty").mkdir()
        assert "no image" in refused(tmp_path / "empty")

    def test_an_existing_output(self, invoke, images, tmp_path):
        (tmp_path / "mine").mkdir()
        (tmp_path / "mine" / "thesis.txt").write_text("x")
        said = invoke("morph", images, "--out", tmp_path / "mine", code=2)
        assert "exists" in said.err
        assert (tmp_path / "mine" / "thesis.txt").read_text() == "x"

    def test_a_partial_folder_that_is_the_users_own(self, invoke, images, tmp_path):
        (tmp_path / "release.partial").mkdir()
        (tmp_path / "release.partial" / "thesis.txt").write_text("x")
        assert "no unfinished release" in invoke("morph", images, *KAPPA, code=2).err
        assert (tmp_path / "release.partial" / "thesis.txt").read_text() == "x"

    @pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
    def test_an_unwritable_output(self, invoke, images, tmp_path):
        (tmp_path / "closed").mkdir(mode=0o500)
        invoke("morph", images, "--out", tmp_path / "closed" / "release", code=1)

    def test_an_output_below_a_file(self, invoke, images, tmp_path):
        (tmp_path / "file").write_text("x")
        said = invoke("morph", images, "--out", tmp_path / "file" / "release", code=1)
        assert "cannot write" in said.err

    def test_an_unknown_option(self, refused, images):
        assert "--help" in refused(images, "--kapa", 16)

    def test_a_class_that_looks_like_a_patient(self, refused, images):
        (images / "coffee").rename(images / "patient 1953-04-25")
        err = refused(images, *KAPPA)
        assert "a date" in err
        assert "--hide-classes" in err

    def test_a_wrong_passphrase(self, invoke, images, tmp_path):
        for name, text in (("right", "correct horse"), ("wrong", "battery staple")):
            (tmp_path / name).write_text(text)
            (tmp_path / name).chmod(0o600)
        store = ("--keystore", tmp_path / "k.dpks")
        invoke("morph", images, *KAPPA, *store, "--passphrase-file", tmp_path / "right")
        said = invoke(
            "morph", images, *KAPPA, *store, "--out", "second",
            "--passphrase-file", tmp_path / "wrong", code=12,
        )  # fmt: skip
        assert "does not open" in said.err
        assert not (tmp_path / "second").exists()

    def test_a_blank_image_that_stays_blank(self, invoke, images, tmp_path):
        """The same command with the limit that the message names goes on and publishes."""
        Image.new("RGB", (16, 16)).save(images / "coffee" / "black.png")
        said = invoke("morph", images, *KAPPA, code=1)
        assert "--allow-unchanged 1" in said.err
        assert not (tmp_path / "release").exists()
        said = invoke("morph", images, *KAPPA, "--allow-unchanged", 1)
        assert "going on" in said.err

    @pytest.fixture
    def table(self, images, tmp_path):
        """Write a table whose note is a file's stem, and whose label column is called like one."""
        lines = ["file,picture_cof0001,note"]
        lines += [
            f"{path.relative_to(images).as_posix()},{path.parent.name},{path.stem}"
            for path in images.rglob("*.png")
        ]
        (tmp_path / "labels.csv").write_text("\n".join(lines) + "\n")
        return (
            "--labels", tmp_path / "labels.csv", "--file-column", "file",
            "--label-column", "picture_cof0001",
        )  # fmt: skip

    def test_a_kept_column_that_holds_file_names(self, refused, images, table):
        """It is refused when the release is planned, not after hours of work."""
        err = refused(images, *KAPPA, *table, "--keep-column", "note")
        assert "the kept column 'note' holds a file's stem" in err

    def test_a_file_name_that_reaches_the_release_by_another_way(self, refused, images, table):
        """The self-check finds what nobody thought of, and throws the release away."""
        err = refused(images, *KAPPA, *table, code=1)
        assert "a stem in manifest.json" in err
        assert "nothing was published" in err


class TestQuarantine:
    def test_one_bad_image_does_not_end_the_run(self, invoke, images, home):
        (images / "coffee" / "broken_scan.png").write_bytes(b"\x89PNG\r\n\x1a\n broken")
        said = invoke("morph", images, *KAPPA, "--max-bad", 0.1, "--json", code=3)
        assert said.json["quarantined"] == 1
        listed = next(home.rglob("quarantine.csv")).read_text()
        assert "coffee/broken_scan.png" in listed

    def test_an_image_that_only_fails_to_decode_leaves_its_shard(self, invoke, images, tmp_path):
        whole = (images / "coffee" / "picture_cof0000.png").read_bytes()
        (images / "coffee" / "cut_short.png").write_bytes(whole[: len(whole) // 2])
        invoke("morph", images, *KAPPA, "--max-bad", 0.1, code=3)
        invoke("verify", tmp_path / "release")
        with h5py.File(tmp_path / "release/data/train-00000-of-00001.h5") as shard:
            assert len(shard["images"]) == 24

    def test_the_rows_that_stay_are_the_same_without_it(self, invoke, images, tmp_path):
        """What a bad neighbour leaves behind restores exactly."""
        (images / "coffee" / "aaa.png").write_bytes(b"no image at all, but by its name")
        invoke("morph", images, *KAPPA, "--core", "orthogonal", "--max-bad", 0.1, code=3)
        invoke("restore", "release")
        assert len(list((tmp_path / "restored").rglob("*.png"))) == 24

    def test_too_many_bad_images_publish_nothing(self, invoke, images, tmp_path):
        (images / "coffee" / "broken.png").write_bytes(b"broken")
        said = invoke("morph", images, *KAPPA, code=1)
        assert "--max-bad" in said.err
        assert not (tmp_path / "release").exists()


class TestAKeyUsedAgain:
    @pytest.fixture
    def key(self, invoke, images):
        return invoke("morph", images, *KAPPA, "--json").json["key_id"]

    @pytest.mark.slow
    def test_gives_the_same_ids_and_values(self, invoke, images, key, tmp_path):
        invoke("morph", images, "--key", key, "--out", "second")

        def rows(folder):
            with h5py.File(tmp_path / folder / "data/train-00000-of-00001.h5") as shard:
                ids, values = shard["ids"][:].tolist(), shard["images"][:]
            return dict(zip(ids, values, strict=True))

        first, second = rows("release"), rows("second")
        assert first.keys() == second.keys()
        for name, value in first.items():
            np.testing.assert_allclose(value, second[name], rtol=1e-5, atol=1e-5)

    def test_refuses_an_option_that_differs(self, invoke, images, key):
        said = invoke("morph", images, "--key", key, "--kappa", 4, "--out", "x", code=2)
        assert "differs from the key's 16" in said.err

    @pytest.mark.slow
    def test_accepts_an_option_that_agrees(self, invoke, images, key):
        invoke("morph", images, "--key", key, *KAPPA, "--size", 16, "--out", "x")

    def test_refuses_an_unknown_class_until_it_is_added(self, invoke, images, key):
        (images / "coffee").rename(images / "tea")
        said = invoke("morph", images, "--key", key, "--out", "x", code=2)
        assert "--add-class" in said.err
        said = invoke("morph", images, "--key", key, "--add-class", "tea", "--out", "x")
        assert "tea" in invoke("inspect", "x").out

    def test_never_gives_a_class_number_twice(self, invoke, images, key):
        (images / "coffee").rename(images / "tea")
        invoke("morph", images, "--key", key, "--add-class", "tea", "--out", "x")
        (images / "tea").rename(images / "milk")
        invoke("morph", images, "--key", key, "--add-class", "milk", "--out", "y", "--hide-classes",
               code=2)  # fmt: skip
        invoke("morph", images, "--key", key, "--add-class", "milk", "--out", "y")
        names = {c.name: c.index for c in Release.open("y").manifest.classes}
        assert (names["tea"], names["milk"]) == (3, 4)


class TestAnInterruptedRun:
    def command(self, images, *more):
        return [sys.executable, "-m", "cli", "morph", str(images), "--kappa", "16",
                "--shard-mb", "1", *more]  # fmt: skip

    def test_goes_on_and_ends_with_the_same_bytes(self, invoke, images, tmp_path, contents):
        """A run in parts and a run in one go, from one sealed key and plan."""
        words = (images, *KAPPA, "--split", "50/25/25", "--json")
        shards = invoke("prepare", "morph", *words).json["shards"]
        assert shards == 3
        state = tmp_path / "home" / "state"
        subprocess.run(["cp", "-a", state, tmp_path / "state then"], check=True)
        subprocess.run(
            ["cp", "-a", tmp_path / "release.partial", tmp_path / "partial then"], check=True
        )
        invoke("morph", *words)
        one_go = contents(tmp_path / "release")

        subprocess.run(["rm", "-rf", tmp_path / "release", state], check=True)
        (tmp_path / "state then").rename(state)
        (tmp_path / "partial then").rename(tmp_path / "release.partial")
        invoke("morph", *words, "--part", "1/2")
        said = invoke("publish", "release", code=2)
        assert "is not written" in said.err
        invoke("morph", *words, "--part", "0/2")
        invoke("publish", "release")
        assert contents(tmp_path / "release") == one_go

    def test_is_not_mixed_with_another_command(self, invoke, images):
        invoke("prepare", "morph", images, *KAPPA)
        said = invoke("morph", images, "--kappa", 4, code=2)
        assert "another command" in said.err

    def test_a_part_needs_a_prepared_release(self, invoke, images):
        invoke("keys", "list", code=10)
        invoke("morph", images, *KAPPA, "--part", "0/2", code=10)

    @pytest.mark.parametrize("part", ["2/2", "0/0", "x", "1"])
    def test_an_impossible_part_is_refused(self, invoke, images, part):
        invoke("prepare", "morph", images, *KAPPA)
        assert "I/N" in invoke("morph", images, *KAPPA, "--part", part, code=2).err

    def test_is_refused_while_another_writes_it(self, invoke, images, tmp_path):
        invoke("prepare", "morph", images, *KAPPA)
        with Output(tmp_path / "release").lock():
            assert "another run" in invoke("morph", images, *KAPPA, code=11).err

    def test_a_shard_that_was_damaged_meanwhile_is_written_again(self, invoke, images, tmp_path):
        invoke("prepare", "morph", images, *KAPPA)
        invoke("morph", images, *KAPPA, "--part", "0/1")
        shard = tmp_path / "release.partial/data/train-00000-of-00001.h5"
        whole = shard.read_bytes()
        shard.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
        invoke("morph", images, *KAPPA)
        assert (tmp_path / "release/data/train-00000-of-00001.h5").read_bytes() == whole


def test_python_dash_m_cli_is_the_same_command():
    ran = subprocess.run(
        [sys.executable, "-m", "cli", "--version"], capture_output=True, text=True, check=True
    )
    assert ran.stdout.startswith("dpkit, version")


def test_help_loads_nothing_heavy():
    program = (
        "import sys\nfrom cli.main import main\n"
        "try:\n    main(['--help'])\nexcept SystemExit:\n    pass\n"
        "import dpkit\n"
        "heavy = {'torch', 'numba', 'skimage', 'h5py', 'matplotlib'} & set(sys.modules)\n"
        "sys.exit(f'loaded {heavy}' if heavy else 0)\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, capture_output=True)


class TestPresets:
    """One word sets several options; the manifest has what results, and a release comes back."""

    def made(self, invoke, images, *words):
        invoke("morph", images, *words)
        return dict(Release.open("release").manifest.sanitizer.parameters)

    def test_a_hardened_release_verifies_restores_and_says_what_it_is(
        self, invoke, images, tmp_path
    ):
        said = invoke("morph", images, *KAPPA, "--preset", "hardened")
        assert "no Aug-Conv can be made" in " ".join(said.err.split())
        # q = 48, and a core for each block: as many images as a block has values
        assert "48 known images open all of them; this release has 24" in said.out
        invoke("verify", "release")
        invoke("restore", "release")
        for path in images.rglob("*.png"):
            back = tmp_path / "restored" / path.relative_to(images)
            assert np.array_equal(np.asarray(Image.open(back)), np.asarray(Image.open(path)))
        text = (tmp_path / "release/README.md").read_text()
        assert "all over the image" in text
        assert '"dither": true' in (tmp_path / "release/manifest.json").read_text()
        assert "preset" not in (tmp_path / "release/manifest.json").read_text()

    def test_hardened_and_paper_are_the_options_that_they_stand_for(self, invoke, images):
        hardened = self.made(invoke, images, *KAPPA, "--preset", "hardened")
        assert hardened["interleave"] is hardened["dither"] is True
        assert (hardened["cores"], hardened["core"]) == ("distinct", "bounded")

    def test_an_option_that_is_given_too_wins(self, invoke, images):
        words = ("--preset", "hardened", "--no-dither", "--core", "orthogonal")
        held = self.made(invoke, images, *KAPPA, *words)
        assert (held["dither"], held["core"], held["interleave"]) == (False, "orthogonal", True)

    @pytest.mark.parametrize(
        ("words", "said"),
        [
            (("--preset", "hardened", "--blocks", "patch"), "square patches would hold no"),
            (("--preset", "paper", "--condition", 5), "condition 5 is for bounded cores"),
            (("--preset", "soft"), "'soft' is not one of 'paper', 'hardened'"),
        ],
    )
    def test_what_does_not_go_together_is_refused(self, invoke, images, tmp_path, words, said):
        assert said in " ".join(invoke("morph", images, *KAPPA, *words, code=2).err.split())
        assert not (tmp_path / "release").exists()

    def test_another_key_is_not_hardened_by_the_word(self, invoke, images):
        key = invoke("morph", images, *KAPPA, "--json").json["key_id"]
        words = ("--key", key, "--preset", "hardened", "--out", "second")
        assert "differs from the key's" in invoke("morph", images, *words, code=2).err

    def test_a_job_array_writes_a_hardened_release_too(self, invoke, images):
        words = (images, *KAPPA, "--preset", "hardened")
        invoke("prepare", "morph", *words)
        invoke("morph", *words, "--part", "0/1")
        invoke("publish", "release")
        invoke("verify", "release")
