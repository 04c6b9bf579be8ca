"""`dpkit audit`, and the audit before a release is published."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dpkit.leakage import faces
from tests.conftest import PHOTOGRAPHS, crop
from tests.leakage.face_pictures import needs_faces


@pytest.fixture
def images(tmp_path):
    """Write 20 crops of each of three photographs as class folders of 16x16 PNGs."""
    root = tmp_path / "images"
    for name in PHOTOGRAPHS:
        (root / name).mkdir(parents=True)
        for i in range(20):
            Image.fromarray(crop(name, i)).save(root / name / f"picture_{name[:3]}{i:04}.png")
    return root


@pytest.fixture
def released(invoke, images, tmp_path):
    """Release them with small blocks, without an audit."""
    invoke("morph", images, "--kappa", 64)
    return tmp_path / "release"


def report(folder):
    return json.loads((folder / "report.json").read_text())


class TestAPublishedRelease:
    def test_is_attacked_and_called_broken_where_it_is(self, invoke, released):
        ran = invoke("audit", released, "--quick", "--json")
        assert ran.json["verdict"] == "broken"
        assert ran.json["worst_ssim"] > 0.9

    def test_is_not_changed(self, invoke, released, contents):
        before = contents(released)
        invoke("audit", released, "--quick")
        assert contents(released) == before
        invoke("verify", released)

    @pytest.mark.slow
    def test_gets_a_private_report_that_nobody_else_may_read(self, invoke, released, home):
        page = invoke("audit", released, "--quick", "--json").json["private_report"]
        assert page.startswith(str(home / "state"))
        folder = home.parent.__class__(page).parent
        assert {p.name: p.stat().st_mode & 0o777 for p in folder.iterdir()} == {
            "report.html": 0o600, "report.json": 0o600,
        }  # fmt: skip
        assert "picture_ast" in (folder / "report.html").read_text()

    @pytest.mark.slow
    def test_takes_originals_that_were_moved(self, invoke, released, images):
        elsewhere = images.rename(images.with_name("elsewhere"))
        ran = invoke("audit", released, code=2)
        assert "dpkit audit RELEASE SOURCE" in ran.err
        invoke("audit", released, elsewhere, "--quick")

    @pytest.mark.slow
    def test_takes_some_attacks_by_name(self, invoke, released):
        ran = invoke("audit", released, "--attacks", "repeated-blocks", "--json")
        assert ran.json["attacks"] >= 1
        assert ran.json["had_power"] <= 1

    @pytest.mark.slow
    def test_takes_pictures_that_the_adversary_may_hold(self, invoke, released, tmp_path):
        other = tmp_path / "other"
        other.mkdir()
        for i in range(6):
            noise = np.random.default_rng(i).integers(0, 255, (20, 30, 3), dtype=np.uint8)
            Image.fromarray(noise).save(other / f"{i}.png")
        invoke("audit", released, "--quick", "--public", other)

    def test_whose_keystore_is_gone_is_not_attacked(self, invoke, released, home):
        (home / "data").rename(home / "away")
        assert invoke("audit", released, code=10).err

    @pytest.mark.parametrize(
        ("words", "said"),
        [
            (("--attacks", "magic"), "no attack"),
            (("--pairs", "0,x"), "no list of numbers"),
            (("--budget", "soon"), "no time"),
            (("--budget", "0s"), "no time"),
            (("--require", "ssim < 1"), "no figure of an audit"),
            (("--augconv",), "no Aug-Conv was made"),
            (("--augconv", "--first-conv", "x"), "give one of them"),
            (("--public", "nowhere"), "nowhere"),
        ],
    )
    def test_is_not_attacked_with_words_that_cannot_work(self, invoke, released, words, said):
        assert said in invoke("audit", released, *words, code=2).err


class TestTwoMixedReleasesOfTheSameImages:
    WORDS = ("--Lb", 4, "--Wb", 4, "--Ns", 4, "--Nt", 1)

    @pytest.fixture
    def mixed(self, invoke, images, tmp_path):
        """Mix the images twice."""
        for name in ("first", "second"):
            invoke("mix", images, *self.WORDS, "--out", name, "--allow-remix")
        return tmp_path / "first", tmp_path / "second"

    def versions(self, invoke, *words):
        page = invoke("audit", *words, "--quick", "--json").json["private_report"]
        attacks = report(Path(page).parent)["audit"]["attacks"]
        return next(one for one in attacks if one["name"] == "versions")

    @pytest.mark.slow
    def test_give_more_together_than_one(self, invoke, mixed, images, tmp_path):
        first, second = mixed
        invoke("mix", images, *self.WORDS, "--out", "third", "--allow-remix")
        alone = self.versions(invoke, second)
        assert alone["state"] == "not tried"
        assert "no other version" in alone["reason"]
        earlier = ("--earlier", first, "--earlier", tmp_path / "third")
        together = self.versions(invoke, second, *earlier)
        assert together["held"] == "2 earlier releases of the same images"
        assert together["figures"]["versions"] == 3
        assert together["images"]["ncc"]["mean"]["value"] > self.eye(invoke, second) + 0.02

    def eye(self, invoke, release):
        page = invoke("audit", release, "--quick", "--json").json["private_report"]
        attacks = report(Path(page).parent)["audit"]["attacks"]
        seen = next(one for one in attacks if one["name"] == "view")
        return seen["images"]["ncc"]["mean"]["value"]

    @pytest.mark.slow
    def test_are_named_where_only_one_is_at_hand(self, invoke, mixed):
        _, second = mixed
        assert "which is not at hand" in invoke("audit", second, "--quick").err

    @pytest.mark.slow
    def test_must_be_of_the_same_kind_and_not_the_same(self, invoke, mixed, released):
        _, second = mixed
        words = ("audit", second, "--quick", "--earlier")
        assert "is the release itself" in invoke(*words, second, code=2).err
        assert "same kind, size and type" in invoke(*words, released, code=2).err
        assert "side by side" in invoke("audit", released, "--earlier", second, code=2).err

    @pytest.mark.slow
    def test_of_other_images_are_no_versions(self, invoke, mixed, images, tmp_path):
        _, second = mixed
        for path in sorted(images.rglob("*.png")):
            turned = tmp_path / "turned" / path.relative_to(images)
            turned.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(np.asarray(Image.open(path))[::-1]).save(turned)
        invoke("mix", tmp_path / "turned", *self.WORDS, "--out", "others")
        said = invoke("audit", second, "--quick", "--earlier", tmp_path / "others", code=2).err
        assert "holds none of the 60 attacked images" in said


class TestFaces:
    @needs_faces
    def test_are_looked_for_where_they_are_asked_for(self, invoke, released):
        ran = invoke("audit", released, "--quick", "--faces", "--json")
        found = json.loads(Path(ran.json["private_report"]).with_suffix(".json").read_text())
        assert found["audit"]["faces"]["sentence"] == ran.json["faces"]
        assert "No faces were found in" in ran.json["faces"]

    def test_are_not_looked_for_in_a_quick_audit_or_where_they_are_not_wanted(
        self, invoke, released
    ):
        ran = invoke("audit", released, "--quick", "--json")
        found = json.loads(Path(ran.json["private_report"]).with_suffix(".json").read_text())
        assert found["audit"]["faces"] is None

    def test_without_the_extra_the_remedy_is_said_before_anything_is_read(
        self, invoke, released, monkeypatch
    ):
        monkeypatch.setattr(faces, "find_spec", lambda _name: None)
        ran = invoke("audit", released, "--faces", code=2)
        assert "pip install 'dpkit[faces]'" in ran.err
        assert "reading" not in ran.err

    def test_need_an_audit(self, invoke, images):
        ran = invoke("morph", images, "--audit", "none", "--faces", code=2)
        assert "--faces needs an audit" in ran.err


class TestAConditionOnAPublishedRelease:
    @pytest.mark.slow
    def test_that_is_met_is_code_0(self, invoke, released):
        invoke("audit", released, "--quick", "--require", "worst_ssim <= 1")

    def test_that_is_not_met_is_code_4(self, invoke, released):
        ran = invoke("audit", released, "--quick", "--require", "verdict != broken", code=4)
        assert "verdict is broken" in ran.err

    @pytest.mark.slow
    def test_never_passes_where_attacks_were_left_out(self, invoke, released):
        words = ("--attacks", "view", "--require", "worst_ssim <= 1")
        assert "whole suite" in invoke("audit", released, *words, code=2).err


class TestBeforePublication:
    @pytest.mark.slow
    def test_the_quick_part_is_run_by_itself(self, invoke, images, tmp_path, monkeypatch):
        monkeypatch.delenv("DPKIT_AUDIT")
        ran = invoke("morph", images, "--kappa", 64)
        found = report(tmp_path / "release")["audit"]
        assert found["mode"] == "quick"
        assert found["images"] == 30
        assert "attacks had power here" in ran.out
        assert "attacks had power here" in (tmp_path / "release" / "README.md").read_text()

    def test_none_leaves_the_release_unattacked_and_says_so(self, invoke, images, tmp_path):
        ran = invoke("morph", images, "--kappa", 64, "--audit", "none")
        assert report(tmp_path / "release")["audit"] is None
        assert "No attack was run on this release" in ran.out

    def test_a_condition_that_is_not_met_publishes_nothing(self, invoke, images, tmp_path, home):
        words = ("morph", images, "--kappa", 64, "--audit", "quick")
        ran = invoke(*words, "--require", "verdict == unknown", code=4)
        assert "nothing was published" in ran.err
        assert not (tmp_path / "release").exists()
        assert list((home / "state").rglob("releases/*/report.html"))
        invoke(*words, "--require", "verdict != unknown")  # goes on from the finished shards

    def test_a_condition_without_an_audit_is_wrong_usage(self, invoke, images):
        ran = invoke("morph", images, "--audit", "none", "--require", "verdict != broken", code=2)
        assert "--require needs an audit" in ran.err

    @pytest.mark.slow
    def test_the_release_is_the_same_bytes_again(self, invoke, images, tmp_path):
        """Timings stand in private reports only; a cached control leaves no trace."""
        words = ("morph", images, "--kappa", 64, "--audit", "quick")
        invoke(*words, "--require", "verdict == unknown", code=4)
        partial = tmp_path / "release.partial"
        invoke(*words)
        first = report(tmp_path / "release")["audit"]
        assert first["seconds"] == 0
        assert all(attack["seconds"] == 0 for attack in first["attacks"])
        assert not partial.exists()

    def test_no_name_and_no_original_enters_the_released_report(self, invoke, images, tmp_path):
        invoke("morph", images, "--kappa", 64, "--audit", "quick")
        for name in ("report.html", "report.json"):
            assert "picture_" not in (tmp_path / "release" / name).read_text()

    def test_figures_of_fewer_than_20_images_stay_private(self, invoke, tmp_path, images):
        for path in images.rglob("*.png"):
            if int(path.stem[-4:]) >= 8:
                path.unlink()
        invoke("morph", images, "--kappa", 64, "--audit", "quick")
        found = report(tmp_path / "release")["audit"]
        assert found["best"] is None
        assert not any(attack["images"] for attack in found["attacks"])

    def test_one_group_alone_is_published_unattacked(self, invoke, images, tmp_path):
        table = tmp_path / "labels.csv"
        rows = [f"{p.relative_to(images)},a,one" for p in sorted(images.rglob("*.png"))]
        table.write_text("\n".join(["file,label,patient", *rows]))
        words = ("--labels", table, "--file-column", "file", "--label-column", "label")
        ran = invoke("morph", images, *words, "--group", "patient", "--audit", "quick")
        assert "no attack was run" in ran.err
