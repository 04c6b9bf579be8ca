"""`dpkit mix` as a data officer runs it: mixed, traced, verified; what cannot be mixed, refused."""

import csv
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest
from PIL import Image

from tests.conftest import PHOTOGRAPHS, crop

BLOCKS = ("--Lb", 4, "--Wb", 4)
FEW = (*BLOCKS, "--Ns", 3)


@pytest.fixture
def released(invoke, images, tmp_path):
    invoke("mix", images, *FEW)
    return tmp_path / "release"


def rows_of(folder):
    """Return pixels [n,c,h,w], labels and ids of a release's training part."""
    with h5py.File(next((folder / "data").glob("train-*.h5"))) as shard:
        return shard["images"][:], shard["labels"][:], shard["ids"][:]


def originals_of(invoke, images, ids):
    """Return the original [h,w,c] of each id, and its class."""
    found = [invoke("lookup", "release", "--id", i.decode(), "--json").json for i in ids]
    names = [f["matches"][0]["file"] for f in found]
    return [np.asarray(Image.open(images / name)) for name in names], [
        n.split("/")[0] for n in names
    ]


def blocks_of(image):
    """Cut [16,16,3] into 16 blocks of 4x4, by place."""
    return [image[y : y + 4, x : x + 4] for y in range(0, 16, 4) for x in range(0, 16, 4)]


class TestARelease:
    @pytest.mark.slow
    def test_holds_pixels_as_they_are(self, released):
        values, labels, _ = rows_of(released)
        assert values.dtype == np.uint8
        assert values.shape == (24, 3, 16, 16)
        assert sorted(np.bincount(labels)) == [8, 8, 8]

    def test_each_block_is_one_of_an_original_of_its_label_at_its_place(
        self, invoke, released, images
    ):
        values, _, ids = rows_of(released)
        originals, classes = originals_of(invoke, images, ids)
        own = 0
        for row, image in enumerate(values):
            pool = [o for o, c in zip(originals, classes, strict=True) if c == classes[row]]
            pieces = [blocks_of(o) for o in pool]
            for place, block in enumerate(blocks_of(np.moveaxis(image, 0, -1))):
                assert any(np.array_equal(block, piece[place]) for piece in pieces)
                own += np.array_equal(block, blocks_of(originals[row])[place])
        # 384 fair coins: beyond 5 deviations of 9.8 with probability 6e-7
        assert abs(own - 192) < 49

    def test_verifies_and_is_inspected_without_a_key(self, invoke, released, home, tmp_path):
        (home / "data").rename(tmp_path / "elsewhere")
        assert "intact" in invoke("verify", released).out
        assert "mix" in invoke("inspect", released).out

    def test_says_on_top_how_much_of_an_image_stays(self, invoke, images):
        said = invoke("mix", images, *FEW)
        assert "No attack was run on this release" in said.out
        assert "of a mixed image is its original, in place" in said.out

    @pytest.mark.slow
    def test_the_report_measures_what_stays(self, released):
        report = json.loads((released / "report.json").read_text())
        assert 40 < report["measured"]["unchanged"]["mean"] < 65  # per cent
        assert report["round_trip"] is None
        assert "Eqs. 8, 9" in {bound["equation"] for bound in report["bounds"]}

    @pytest.mark.slow
    def test_two_runs_differ(self, invoke, images, released, tmp_path):
        invoke("mix", images, *FEW, "--allow-remix", "--out", tmp_path / "second")
        one, two = (
            dict(zip(r[2].tolist(), r[0], strict=True))
            for r in (rows_of(released), rows_of(tmp_path / "second"))
        )
        assert not one.keys() & two.keys()

    def test_leaves_the_inputs_as_they_were(self, invoke, images, contents):
        before = contents(images)
        invoke("mix", images, *FEW)
        assert contents(images) == before

    @pytest.mark.slow
    def test_is_the_same_on_any_number_of_workers_and_in_parts(
        self, invoke, images, tmp_path, contents
    ):
        invoke("prepare", "mix", images, *FEW)
        for folder in ("home", "release.partial"):
            (tmp_path / folder).rename(tmp_path / f"{folder}.kept")
        found = []
        for workers in (1, 3):
            for folder in ("home", "release.partial"):
                shutil.copytree(tmp_path / f"{folder}.kept", tmp_path / folder)
            invoke("mix", images, *FEW, "--part", "0/1", "--workers", workers)
            invoke("publish", "release")
            found.append(contents(tmp_path / "release"))
            shutil.rmtree(tmp_path / "home")
            shutil.rmtree(tmp_path / "release")
        assert found[0] == found[1]

    @pytest.mark.slow
    def test_p_1_leaves_no_block_in_place(self, invoke, images):
        said = invoke("mix", images, *FEW, "--p-replace", 1, "--json")
        report = json.loads((Path("release/report.json")).read_text())
        assert report["measured"]["unchanged"]["mean"] < 10  # equal by chance, in flat places
        assert said.json["images"] == 24


@pytest.mark.slow
def test_the_code_on_the_card_runs_as_it_stands(released):
    code = re.findall(r"```python\n(.*?)```", (released / "README.md").read_text(), re.DOTALL)
    assert len(code) == 2
    for lines in code:
        words = [sys.executable, "-c", lines.replace("num_workers=2", "num_workers=0")]
        done = subprocess.run(words, cwd=released, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert "24" in done.stdout


class TestTrace:
    @pytest.mark.slow
    def test_lists_every_image_that_holds_a_piece(self, invoke, released, images):
        values, _, ids = rows_of(released)
        originals, _ = originals_of(invoke, images, ids)
        for row in (0, 7):
            found = invoke("trace", released, "--image", ids[row].decode(), "--json").json["pieces"]
            listed = {p["id"].encode(): set(p["blocks"]) for p in found}
            for holder, image in enumerate(values):
                pieces = blocks_of(np.moveaxis(image, 0, -1))
                sure = {
                    place
                    for place, block in enumerate(pieces)
                    if np.array_equal(block, blocks_of(originals[row])[place])
                    and sum(np.array_equal(block, blocks_of(o)[place]) for o in originals) == 1
                }
                assert sure <= listed.get(ids[holder], set())

    @pytest.mark.slow
    def test_knows_the_file_by_its_name(self, invoke, released, images):
        name = next(images.rglob("*.png")).relative_to(images).as_posix()
        assert f"hold a piece of {name}" in invoke("trace", released, "--image", name).out

    @pytest.mark.slow
    def test_of_a_stranger_is_refused(self, invoke, released):
        assert "holds no image" in invoke("trace", released, "--image", "no.png", code=2).err

    def test_of_a_morphed_release_is_refused(self, invoke, images):
        invoke("morph", images, "--kappa", 16)
        assert "morph" in invoke("trace", "release", "--image", "x", code=2).err


class TestRefused:
    def test_a_label_with_too_few_images_by_name(self, invoke, images):
        for path in sorted((images / "coffee").iterdir())[3:]:
            path.unlink()
        said = invoke("mix", images, *FEW, "--publish-classes", code=2).err
        assert "'coffee' in train (3 images)" in said
        assert "--drop-small-labels" in said

    def test_unless_it_is_dropped(self, invoke, images):
        for path in sorted((images / "coffee").iterdir())[3:]:
            path.unlink()
        facts = invoke(
            "mix", images, *FEW, "--publish-classes", "--drop-small-labels", "--json", code=3
        ).json
        assert (facts["images"], facts["quarantined"]) == (16, 3)
        with Path(facts["quarantine"]).open() as file:
            assert {row["file"].split("/")[0] for row in csv.DictReader(file)} == {"coffee"}

    def test_or_merged_with_another(self, invoke, images):
        for path in sorted((images / "coffee").iterdir())[3:]:
            path.unlink()
        facts = invoke(
            "mix", images, *FEW, "--publish-classes", "--merge-labels", "coffee,chelsea", "--json"
        ).json
        assert facts["images"] == 19

    @pytest.mark.usefixtures("released")
    def test_a_second_version_of_an_image(self, invoke, images):
        said = invoke("mix", images, *FEW, "--out", "second", code=2).err
        assert "24 images were mixed before" in said
        assert "--allow-remix" in said

    @pytest.mark.usefixtures("released")
    @pytest.mark.slow
    def test_unless_it_is_allowed_and_then_stated(self, invoke, images, tmp_path):
        invoke("mix", images, *FEW, "--out", "second", code=2)
        invoke("mix", images, *FEW, "--out", "second", "--allow-remix")
        assert "24 of the images were mixed before" in (tmp_path / "second/report.html").read_text()

    def test_restoring(self, invoke, released, tmp_path):
        assert "cannot be restored" in invoke("restore", released, code=2).err
        assert not (tmp_path / "restored").exists()

    def test_a_key_of_another_release(self, invoke, images):
        assert "--key" in invoke("mix", images, *FEW, "--key", "X", code=2).err

    def test_blocks_that_are_whole_images(self, invoke, images):
        assert (
            "--Lb 8 --Wb 8" in invoke("mix", images, "--Lb", 16, "--Wb", 16, "--Ns", 3, code=2).err
        )

    def test_several_labels_an_image_without_a_column_to_mix_by(self, invoke, tmp_path, images):
        table = tmp_path / "labels.csv"
        names = sorted(p.relative_to(images).as_posix() for p in images.rglob("*.png"))
        lines = [f"{name},{'a|b' if i % 2 else 'a'},{i % 3}" for i, name in enumerate(names)]
        table.write_text("\n".join(["file,finding,site", *lines]))
        words = ("mix", images, *FEW, "--labels", table, "--label-column", "finding")
        many = (*words, "--label-sep", "|")
        assert "a 24, b 12" in invoke(*many, code=2).err
        assert invoke(*many, "--mix-by", "site", "--json").json["images"] == 24


class TestWithoutOneLabel:
    def test_unlabelled_images_are_one_class_and_the_report_says_what_that_means(
        self, invoke, images, tmp_path
    ):
        flat = tmp_path / "flat"
        flat.mkdir()
        for path in images.rglob("*.png"):
            path.rename(flat / path.name)
        said = invoke("mix", flat, *FEW)
        assert "mixed as one class" in said.err
        assert "mixed as one class" in (tmp_path / "release/report.html").read_text()
        manifest = json.loads((tmp_path / "release/manifest.json").read_text())
        assert manifest["parts"][0]["least_pool"] == 24

    def test_numbers_are_mixed_within_bins_of_equal_size(self, invoke, images, tmp_path):
        table = tmp_path / "ages.csv"
        names = sorted(p.relative_to(images).as_posix() for p in images.rglob("*.png"))
        table.write_text("\n".join(["file,age", *(f"{n},{i}.5" for i, n in enumerate(names))]))
        words = ("mix", images, *FEW, "--labels", table, "--label-column", "age")
        numbers = (*words, "--task", "regression")
        assert "--mix-by" in invoke(*numbers, code=2).err
        assert "--mix-bins" in invoke(*numbers, "--mix-by", "age", code=2).err
        invoke(*numbers, "--mix-by", "age", "--mix-bins", 3)
        manifest = json.loads((tmp_path / "release/manifest.json").read_text())
        assert manifest["parts"][0]["least_pool"] == 8

    def test_a_damaged_image_leaves_and_is_nobodys_donor(self, invoke, images):
        file = next((images / "coffee").iterdir())
        file.write_bytes(file.read_bytes()[:300])
        facts = invoke("mix", images, *FEW, "--max-bad", 0.1, "--json", code=3).json
        assert (facts["images"], facts["quarantined"]) == (23, 1)
        invoke("verify", "release")


class TestParts:
    @pytest.mark.slow
    def test_donors_come_from_their_own_part(self, invoke, tmp_path):
        root = tmp_path / "parts"
        for part, first in (("train", 0), ("test", 20)):
            for name in PHOTOGRAPHS:
                (root / part / name).mkdir(parents=True)
                for i in range(8):
                    Image.fromarray(crop(name, first + i)).save(
                        root / part / name / f"{name}_{i:05}.png"
                    )
        invoke("mix", root, *FEW)
        for part in ("train", "test"):
            with h5py.File(next((tmp_path / "release/data").glob(f"{part}-*.h5"))) as shard:
                values = np.moveaxis(shard["images"][:], 1, -1)
            files = [np.asarray(Image.open(p)) for p in (root / part).rglob("*.png")]
            pieces = [blocks_of(f) for f in files]
            for image in values:
                for place, block in enumerate(blocks_of(image)):
                    assert any(np.array_equal(block, piece[place]) for piece in pieces)

    def test_parts_that_stay_plain_are_named_on_top(self, invoke, images):
        for file in list(images.rglob("*.png")):
            part = "test" if file.stem.endswith(("6", "7")) else "train"
            target = images / part / file.parent.name / file.name
            target.parent.mkdir(parents=True, exist_ok=True)
            file.rename(target)
        said = invoke("mix", images, *BLOCKS, "--mix-parts", "train", "--Ns", 1)
        assert "published as they are" in said.out
