"""What a folder and its table say, and what of it reaches the developer: through the command."""

import csv
import json
import shutil

import h5py
import numpy as np
import pytest
from PIL import Image

from tests.conftest import crop

EXACT = ("--kappa", 16, "--core", "orthogonal")


@pytest.fixture
def photographs(tmp_path):
    """Write n photographs of 16x16 under given paths below `scans`."""

    def write(*paths):
        for i, path in enumerate(paths):
            target = tmp_path / "scans" / path
            target.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(crop(("astronaut", "chelsea", "coffee")[i % 3], i)).save(target)
        return tmp_path / "scans"

    return write


@pytest.fixture
def numbered(photographs):
    """Write 24 photographs a00.png … a23.png into one flat folder."""
    return photographs(*(f"a{i:02}.png" for i in range(24)))


@pytest.fixture
def table(tmp_path):
    """Write the lines of a table, here with any encoding."""

    def write(*lines, encoding="utf-8"):
        path = tmp_path / "table.csv"
        path.write_bytes("\r\n".join([*lines, ""]).encode(encoding))
        return path

    return write


@pytest.fixture
def index(tmp_path):
    """Return a release's rows as the developer's index lists them."""

    def read(folder="release"):
        with (tmp_path / folder / "data/index.csv").open() as file:
            return list(csv.DictReader(file))

    return read


@pytest.fixture
def by_file(invoke, index):
    """Return the index's row of each original file, by the provider's own look-up."""

    def read(*files, folder="release"):
        rows = {row["id"]: row for row in index(folder)}
        found = {}
        for file in files:
            match = invoke("lookup", folder, "--file", file, "--json").json["matches"][0]
            found[file] = rows[match["id"]]
        return found

    return read


@pytest.fixture
def manifest(tmp_path):
    def read(folder="release"):
        return json.loads((tmp_path / folder / "manifest.json").read_text())

    return read


class TestATableOfLabels:
    def test_of_another_system_is_understood(self, invoke, photographs, table, by_file, manifest):
        """Semicolons, a byte-order mark, backslashes, another machine's folders."""
        root = photographs(*(f"ward/b{i}.png" for i in range(10)))
        labels = table(
            "Image Index;finding",
            *(f"C:\\export\\ward\\b{i}.png;{'ill' if i < 5 else 'well'}" for i in range(10)),
            encoding="utf-8-sig",
        )
        said = invoke("morph", root, *EXACT, "--labels", labels, "--label-column", "finding")
        assert "class names to be published: ill, well" in said.err
        rows = by_file("ward/b4.png", "ward/b5.png")
        assert [row["target"] for row in rows.values()] == ["0", "1"]
        assert [c["name"] for c in manifest()["classes"]] == ["ill", "well"]

    def test_counts_what_does_not_match(self, invoke, numbered, table):
        rows = [f"a{i:02}.png,{'ill' if i % 2 else 'well'}" for i in range(20)]
        labels = table("file,finding", *rows, "a00.png,well", "gone.png,ill")
        said = invoke("morph", numbered, *EXACT, "--labels", labels, "--label-column", "finding",
                      "--json")  # fmt: skip
        assert said.json["images"] == 20
        assert "1 rows of table.csv have no file: gone.png" in said.err
        assert "4 files have no row in table.csv and are not released: a20.png" in said.err
        assert "1 files have equal rows in table.csv more than once: a00.png" in said.err

    def test_with_rows_that_contradict_quarantines_the_file(self, invoke, numbered, table, home):
        rows = [f"a{i:02}.png,{'ill' if i % 2 else 'well'}" for i in range(24)]
        labels = table("file,finding", *rows, "a00.png,ill")
        invoke("morph", numbered, *EXACT, "--labels", labels, "--label-column", "finding",
               "--max-bad", 0.1, code=3)  # fmt: skip
        listed = next(home.rglob("quarantine.csv")).read_text()
        assert 'a00.png,"lines 2, 26 of the table say different things of it"' in listed

    def test_inside_the_source_is_no_image(self, invoke, numbered, table):
        labels = table("file,finding", *(f"a{i:02}.png,{'ab'[i % 2]}" for i in range(24)))
        inside = shutil.move(labels, numbered / "labels")
        said = invoke("morph", numbered, *EXACT, "--labels", inside, "--label-column", "finding",
                      "--json")  # fmt: skip
        assert (said.json["images"], said.json["quarantined"]) == (24, 0)


class TestTargets:
    def test_several_labels_in_a_cell(self, invoke, numbered, table, by_file, manifest):
        cells = ["Mass|Edema", "Edema", "", "Mass"] * 6
        labels = table("file,finding", *(f"a{i:02}.png,{c}" for i, c in enumerate(cells)))
        invoke("morph", numbered, *EXACT, "--labels", labels, "--label-column", "finding",
               "--label-sep", "|")  # fmt: skip
        rows = by_file("a00.png", "a01.png", "a02.png", "a03.png")
        assert [row["target"] for row in rows.values()] == ["1|1", "1|0", "255|255", "0|1"]
        assert manifest()["label_columns"] == ["Edema", "Mass"]
        with h5py.File("release/data/train-00000-of-00001.h5") as shard:
            assert (shard["labels"].dtype, shard["labels"].shape) == (np.uint8, (24, 2))

    @pytest.mark.slow
    def test_a_column_for_each_label(self, invoke, numbered, table, by_file):
        rows = ["1,0", "0,-1", "u,1", ",1.0"] * 6
        labels = table("file,Edema,Mass", *(f"a{i:02}.png,{c}" for i, c in enumerate(rows)))
        invoke("morph", numbered, *EXACT, "--labels", labels, "--label-column", "Edema",
               "--label-column", "Mass")  # fmt: skip
        found = by_file("a00.png", "a01.png", "a02.png", "a03.png")
        assert [row["target"] for row in found.values()] == ["1|0", "0|255", "255|1", "255|1"]

    def test_measures(self, invoke, numbered, table, by_file, manifest):
        labels = table("file;age;bmi", *(f"a{i:02}.png;{i + 0.5};-{i}e-1" for i in range(24)))
        columns = ("--label-column", "age", "--label-column", "bmi")
        invoke("morph", numbered, *EXACT, "--labels", labels, *columns, "--task", "regression")
        assert by_file("a07.png")["a07.png"]["target"] == "7.5|-0.7"
        assert manifest()["label_columns"] == ["age", "bmi"]
        with h5py.File("release/data/train-00000-of-00001.h5") as shard:
            assert (shard["labels"].dtype, shard["labels"].shape) == (np.float32, (24, 2))

    def test_fractions_are_no_classes_unasked(self, invoke, numbered, table):
        labels = table("file,age", *(f"a{i:02}.png,{i}.5" for i in range(24)))
        said = invoke("morph", numbered, "--labels", labels, "--label-column", "age", code=2)
        assert "--task regression" in said.err

    def test_integers_keep_their_own_numbers(self, invoke, numbered, table, by_file, manifest):
        numbers = ["10", "2", "0", "1"] * 6
        labels = table("file,digit", *(f"a{i:02}.png,{n}" for i, n in enumerate(numbers)))
        invoke("morph", numbered, *EXACT, "--labels", labels, "--label-column", "digit")
        rows = by_file("a00.png", "a01.png", "a02.png", "a03.png")
        assert [row["target"] for row in rows.values()] == numbers[:4]
        assert [(c["index"], c["name"]) for c in manifest()["classes"]] == [
            (0, "0"), (1, "1"), (2, "2"), (10, "10"),
        ]  # fmt: skip

    def test_folders_named_by_numbers_keep_them_too(self, invoke, photographs, by_file):
        root = photographs(*(f"{n}/im{n}{i}.png" for n in range(11) for i in range(5)))
        invoke("morph", root, *EXACT)
        rows = by_file("10/im103.png", "2/im23.png", "1/im10.png")
        assert [row["target"] for row in rows.values()] == ["10", "2", "1"]

    def test_a_flat_folder_has_none(self, invoke, numbered, index, manifest):
        invoke("morph", numbered, *EXACT)
        assert manifest()["task"] == "none"
        assert {row["target"] for row in index()} == {"-1"}


class TestWhatTravels:
    @pytest.fixture
    def private(self, numbered, table):
        header = "file,finding,scanner,surname,patient"
        rows = (f"a{i:02}.png,{'ab'[i % 2]},Model{i % 3},Lovelace{i},P{i // 4}" for i in range(24))
        return (numbered, "--labels", table(header, *rows), "--label-column", "finding",
                "--keep-column", "scanner", "--group", "patient")  # fmt: skip

    def test_is_the_kept_column_and_nothing_else(
        self, invoke, private, by_file, contents, tmp_path
    ):
        invoke("morph", *private, *EXACT)
        assert by_file("a04.png")["a04.png"]["scanner"] == "Model1"
        everything = b"".join(contents(tmp_path / "release").values())
        for word in (b"Lovelace", b"surname", b"patient\0", b"table.csv", b"scans"):
            assert word not in everything, word

    def test_a_group_goes_under_a_pseudonym(self, invoke, private, by_file):
        invoke("morph", *private, *EXACT)
        rows = by_file("a04.png", "a05.png", "a08.png")
        groups = [row["group"] for row in rows.values()]
        assert groups[0] == groups[1] != groups[2]
        matches = invoke("lookup", "release", "--group", "P1", "--json").json["matches"]
        assert sorted(m["file"] for m in matches) == [f"a{i:02}.png" for i in range(4, 8)]

    def test_a_formula_in_a_kept_column_is_disarmed(self, invoke, numbered, table, index):
        cells = ['"=HYPERLINK(""http://x"",""y"")"', "@SUM(A1)", "-3", "'quoted"] * 6
        labels = table("file,note", *(f"a{i:02}.png,{c}" for i, c in enumerate(cells)))
        invoke("morph", numbered, *EXACT, "--labels", labels, "--keep-column", "note")
        notes = {row["note"] for row in index()}
        assert notes == {'\'=HYPERLINK("http://x","y")', "'@SUM(A1)", "-3", "''quoted"}

    def test_a_kept_column_that_the_index_has_is_refused_at_once(
        self, invoke, numbered, table, tmp_path
    ):
        labels = table("file,target", *(f"a{i:02}.png,{i % 2}" for i in range(24)))
        said = invoke("morph", numbered, "--labels", labels, "--keep-column", "target", code=2)
        assert "'target' is a column of the index already" in said.err
        assert not (tmp_path / "release.partial").exists()


class TestParts:
    @pytest.fixture
    def patients(self, photographs, table):
        root = photographs(*(f"a{i:03}.png" for i in range(60)))
        labels = table("file,patient", *(f"a{i:03}.png,P{i // 3}" for i in range(60)))
        return root, "--labels", labels, "--group", "patient", "--split", "60/20/20"

    @pytest.mark.slow
    def test_a_patient_falls_into_one_part(self, invoke, patients, index, manifest):
        invoke("morph", *patients, *EXACT)
        parts = {}
        for row in index():
            parts.setdefault(row["group"], set()).add(row["part"])
        assert len(parts) == 20
        assert all(len(of) == 1 for of in parts.values())
        # by chance one part may stay empty (2 in 100 runs): the key draws it
        assert {part["part"] for part in manifest()["parts"]} <= {"train", "validation", "test"}
        assert sum(part["groups"] for part in manifest()["parts"]) == 20

    def test_a_later_batch_agrees(self, invoke, patients, by_file, table, photographs):
        """The same patients' further images, alone in a folder, under the key used again."""
        key = invoke("morph", *patients, *EXACT, "--json").json["key_id"]
        first = by_file(*(f"a{3 * n:03}.png" for n in range(20)))
        root = photographs(*(f"later/b{i:03}.png" for i in range(40))) / "later"
        labels = table("file,patient", *(f"b{i:03}.png,P{i // 2}" for i in range(40)))
        invoke("morph", root, "--labels", labels, "--group", "patient", "--key", key, "-o", "two")
        second = by_file(*(f"b{2 * n:03}.png" for n in range(20)), folder="two")
        for one, other in zip(first.values(), second.values(), strict=True):
            assert (one["group"], one["part"]) == (other["group"], other["part"])
            assert one["id"] != other["id"]

    def test_a_key_keeps_its_split(self, invoke, patients):
        key = invoke("morph", *patients, *EXACT, "--json").json["key_id"]
        *same, _ = patients
        said = invoke("morph", *same, "80/10/10", "--key", key, "-o", "two", code=2)
        assert "--split" in said.err
        assert "60" in said.err

    def test_by_a_column(self, invoke, numbered, table, by_file):
        words = ["train", "Valid", "TEST", "training"] * 6
        labels = table("file,fold", *(f"a{i:02}.png,{w}" for i, w in enumerate(words)))
        invoke("morph", numbered, *EXACT, "--labels", labels, "--split", "fold")
        rows = by_file("a00.png", "a01.png", "a02.png", "a03.png")
        parts = [row["part"] for row in rows.values()]
        assert parts == ["train", "validation", "test", "train"]
        for row in rows.values():
            assert row["shard"].startswith(f"data/{row['part']}-")

    @pytest.mark.parametrize(
        ("split", "expected"),
        [
            ((), ({"train": 12, "test": 6}, ["cat", "dog"])),
            (("--split", "folders"), ({"train": 12, "test": 6}, ["cat", "dog"])),
            (("--split", "none"), ({"train": 18}, ["test", "train"])),
        ],
    )
    def test_by_folders(self, invoke, photographs, manifest, split, expected):
        train = (f"train/{c}/t{i}.png" for c in ("cat", "dog") for i in range(6))
        test = (f"test/{c}/u{i}.png" for c in ("cat", "dog") for i in range(3))
        said = invoke("morph", photographs(*train, *test), *EXACT, *split, "--json")
        assert (said.json["parts"], [c["name"] for c in manifest()["classes"]]) == expected

    def test_that_tear_a_group_are_refused_by_its_name(self, invoke, photographs, table, tmp_path):
        root = photographs(*(f"{p}/x{p}{i}.png" for p in ("train", "test") for i in range(6)))
        labels = table(
            "file,patient",
            *(f"{p}/x{p}{i}.png,{'Ada' if i == 2 else p + str(i)}" for p in ("train", "test")
              for i in range(6)),
        )  # fmt: skip
        said = invoke("morph", root, "--labels", labels, "--group", "patient", code=2)
        assert "the group 'Ada' stands in the parts test and train" in said.err
        assert not (tmp_path / "release.partial").exists()

    def test_that_hold_one_file_twice_are_refused(self, invoke, photographs):
        root = photographs(*(f"{p}/x{i}.png" for p in ("train", "test") for i in range(6)))
        shutil.copy(root / "train/x1.png", root / "test/again.png")
        said = invoke("morph", root, *EXACT, code=2)
        assert "test/again.png, train/x1.png" in said.err

    def test_equal_files_fall_into_one_part(self, invoke, numbered, by_file):
        for i in range(8):
            shutil.copy(numbered / f"a{i:02}.png", numbered / f"z{i:02}.png")
        said = invoke("morph", numbered, *EXACT, "--split", "40/30/30", "--json")
        assert said.json["duplicates"] == 8
        for i in range(8):
            one, other = by_file(f"a{i:02}.png", f"z{i:02}.png").values()
            assert (one["part"], one["group"]) == (other["part"], other["group"])
            assert one["id"] != other["id"]


class TestPixels:
    @pytest.fixture
    def back(self, invoke, tmp_path):
        """Release a folder with an orthogonal core, restore it, and open one image of it."""

        def run(root, *words, code=0):
            invoke("morph", root, *EXACT, "--max-bad", 0.5, *words, code=code)
            invoke("verify", "release")
            invoke("restore", "release")
            return lambda name: np.asarray(Image.open(tmp_path / "restored" / name))

        return run

    @pytest.mark.parametrize("suffix", ["png", "tif"])
    def test_sixteen_bits_stay_and_come_back(self, back, tmp_path, manifest, suffix):
        draw = np.random.default_rng(5)
        folder = tmp_path / "deep"
        folder.mkdir()
        pixels = draw.integers(0, 65536, (20, 16, 16), dtype=np.uint16)
        pixels[0, 0, :2] = (0, 65535)
        for i, image in enumerate(pixels):
            Image.fromarray(image).save(folder / f"d{i:02}.{suffix}")
        restored = back(folder)
        assert manifest()["geometry"] == {"channels": 1, "height": 16, "width": 16, "depth": 16}
        for i, image in enumerate(pixels):
            assert np.array_equal(restored(f"d{i:02}.png"), image)

    def test_every_usual_kind_of_file_becomes_what_it_shows(self, back, numbered):
        picture = Image.fromarray(crop("chelsea", 3))
        picture.convert("P", palette=Image.Palette.ADAPTIVE).save(numbered / "palette.png")
        picture.convert("L").save(numbered / "grey.bmp")
        picture.convert("CMYK").save(numbered / "cmyk.tif")
        clear = picture.copy()
        clear.putalpha(Image.new("L", (16, 16), 0))
        clear.save(numbered / "clear.webp", lossless=True)
        turned = Image.Exif()
        turned[0x0112] = 6
        picture.save(numbered / "turned.png", exif=turned)
        restored = back(numbered, "--channels", "rgb", "--matte", 128)
        grey = np.asarray(picture.convert("L"))
        assert np.array_equal(restored("grey.png"), np.stack([grey] * 3, -1))
        assert np.array_equal(
            restored("palette.png"), np.asarray(Image.open(numbered / "palette.png").convert("RGB"))
        )
        assert np.array_equal(
            restored("cmyk.png"), np.asarray(picture.convert("CMYK").convert("RGB"))
        )
        assert (restored("clear.png") == 128).all()
        assert np.array_equal(restored("turned.png"), np.rot90(np.asarray(picture), -1))

    def test_sizes_that_differ_take_the_papers_with_a_notice(self, invoke, numbered, manifest):
        Image.new("RGB", (40, 24), "red").save(numbered / "wide.png")
        said = invoke("morph", numbered, "--kappa", 96)
        assert "the images differ in size (heights 16 to 24, widths 16 to 40)" in said.err
        assert "128x128 (pad)" in said.err
        geometry = manifest()["geometry"]
        assert (geometry["height"], geometry["width"]) == (128, 128)

    def test_a_size_need_not_be_square(self, back, numbered, manifest):
        restored = back(numbered, "--size", "24x40", "--fit", "stretch")
        assert restored("a00.png").shape == (24, 40, 3)
        assert manifest()["sanitizer"]["parameters"]["kappa"] == 16

    def test_grey_on_demand(self, back, numbered):
        picture = Image.open(numbered / "a01.png")
        restored = back(numbered, "--channels", "grey")
        assert np.array_equal(restored("a01.png"), np.asarray(picture.convert("L")))

    @pytest.mark.slow
    def test_a_file_of_another_colour_is_quarantined(self, invoke, tmp_path, home):
        (tmp_path / "grey").mkdir()
        for i in range(120):
            picture = Image.fromarray(crop("coffee", i))
            picture.convert("L").save(tmp_path / f"grey/g{i:03}.png")
        picture.save(tmp_path / "grey/g999.png")
        said = invoke("morph", tmp_path / "grey", "--kappa", 16, "--json", code=3)
        assert said.json["images"] == 120
        assert "g999.png,colour image among grey ones" in (
            next(home.rglob("quarantine.csv")).read_text()
        )

    def test_a_core_that_fits_no_memory_is_refused_before_anything(
        self, invoke, numbered, tmp_path
    ):
        said = invoke("morph", numbered, "--size", 8192, "--kappa", 1, code=2)
        assert "GiB" in said.err
        assert "kappa" in said.err
        assert not (tmp_path / "release.partial").exists()


@pytest.mark.usefixtures("images")
def test_the_source_is_images_by_default(invoke):
    assert invoke("morph", "--kappa", 16, "--json").json["images"] == 24


def test_files_passed_over_by_their_names_are_counted_aloud(invoke, images):
    for name in ("Thumbs.db", "notes.txt"):
        (images / "coffee" / name).write_bytes(b"no image by its name")
    said = invoke("morph", images, "--kappa", 16)
    assert "files passed over, no images by their names: 2" in said.err
