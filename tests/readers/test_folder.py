import hashlib
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image

from dpkit.errors import UnreadableImageError, UsageError
from dpkit.readers import READERS, reader
from dpkit.readers.choice import ReadOptions, choose_rule
from dpkit.readers.folder import FolderSource
from dpkit.readers.scan import ScanOptions, scan

from .zoo import photograph, save


def opened(root, **options):
    found = scan(root, ScanOptions())
    rule, _ = choose_rule(
        found, ReadOptions(**options), default_size=(16, 16), admits=lambda _: True
    )
    return FolderSource(root, rule), found


def pixels(source, found):
    planned = zip(found.paths, found.sha256, strict=True)
    return [source.decode(path, digest.tobytes()) for path, digest in planned]


def test_every_planned_image_comes_in_the_geometry(folder):
    root = folder("a/1.png", "b/2.png")
    save(root / "b/3.png", photograph(9, 5)[..., 0])
    source, found = opened(root, channels="rgb")
    assert source.geometry.height == 16
    for image in pixels(source, found):
        assert (image.shape, image.dtype) == ((16, 16, 3), np.uint8)
        assert image.flags.c_contiguous


def test_images_of_one_size_come_as_they_are(folder):
    source, found = opened(folder("a.png", "b.png"))
    np.testing.assert_array_equal(pixels(source, found)[1], photograph(6, 8, seed=1))


@pytest.mark.parametrize(
    "options",
    [
        {"size": "5"}, {"size": "5", "fit": "crop"}, {"channels": "grey"}, {"channels": "rgb"},
        {"depth": "16"}, {"matte": 7},
    ],
    ids=str,
)  # fmt: skip
def test_a_file_is_the_same_image_by_itself_whatever_the_rule_is(folder, options):
    root = folder("a.png")
    Image.fromarray(photograph(6, 8)).convert("RGBA").save(root / "a.png")
    source, found = opened(root, **options)
    image = source.native(found.paths[0], found.sha256[0].tobytes())
    assert np.array_equal(image, photograph(6, 8))


def test_a_file_by_itself_is_upright_and_over_white(folder):
    root = folder("a.png")
    picture = Image.fromarray(photograph(6, 8)).convert("RGBA")
    picture.putpixel((0, 0), (0, 0, 0, 0))
    turned = Image.Exif()
    turned[0x0112] = 3  # half a turn
    picture.save(root / "a.png", exif=turned)
    source, found = opened(root, matte=0)
    image = source.native(found.paths[0], found.sha256[0].tobytes())
    expected = photograph(6, 8)
    expected[0, 0] = 255
    assert np.array_equal(image, expected[::-1, ::-1])


def test_a_file_that_changed_since_the_plan_is_refused(folder):
    root = folder("a.png", "b.png")
    source, found = opened(root)
    save(root / "a.png", photograph(6, 8, seed=9))
    with pytest.raises(UnreadableImageError, match="changed since the plan"):
        pixels(source, found)


def test_a_file_that_is_gone_is_refused(folder):
    root = folder("a.png")
    source, found = opened(root)
    (root / "a.png").unlink()
    with pytest.raises(UnreadableImageError, match="No such file"):
        pixels(source, found)


def test_a_file_cut_behind_its_header_is_found_by_decoding(folder):
    root = folder("a.png")
    whole = (root / "a.png").read_bytes()
    (root / "a.png").write_bytes(whole[:60])
    source, found = opened(root)
    assert found.bad == ()
    with pytest.raises(UnreadableImageError, match="cannot be decoded"):
        source.decode("a.png", hashlib.sha256(whole[:60]).digest())


def test_a_colour_image_among_grey_ones_is_quarantined_and_a_grey_one_in_fact_kept(folder):
    root = folder()
    for n in range(198):
        save(root / f"{n:03}.png", photograph(4, 4, seed=n)[..., 0])
    save(root / "x.png", photograph(4, 4))
    save(root / "y.png", np.dstack([photograph(4, 4)[..., 0]] * 3))
    source, found = opened(root)
    digests = dict(zip(found.paths, found.sha256, strict=True))
    assert source.decode("y.png", digests["y.png"].tobytes()).shape == (4, 4, 1)
    with pytest.raises(UnreadableImageError, match="colour image among grey ones"):
        source.decode("x.png", digests["x.png"].tobytes())


def test_threads_decode_what_one_thread_decodes(folder):
    root = folder(*(f"{n}.png" for n in range(40)))
    source, found = opened(root, size="5")
    digests = [digest.tobytes() for digest in found.sha256]
    with ThreadPoolExecutor(4) as pool:
        many = list(pool.map(source.decode, found.paths, digests))
    for one, other in zip(pixels(source, found), many, strict=True):
        np.testing.assert_array_equal(one, other)


def test_metadata_do_not_reach_the_pixels(folder):
    root = folder()
    image = Image.fromarray(photograph())
    image.getexif()[0x010F] = "Canary"
    save(root / "a.jpg", image, exif=image.getexif())
    save(root / "b.jpg", Image.fromarray(photograph()))
    one, other = pixels(*opened(root))
    np.testing.assert_array_equal(one, other)


def test_the_source_describes_its_rules_for_the_manifest(folder):
    described = opened(folder("a.png"))[0].describe()
    assert described["fit"] == "none"
    assert "geometry" not in described


def test_a_missing_folder_is_refused(folder, tmp_path):
    source, _ = opened(folder("a.png"))
    with pytest.raises(UsageError, match="does not exist"):
        FolderSource(tmp_path / "gone", source._rule)


def test_the_table_of_readers_leads_to_the_classes():
    assert {name: reader(name) for name in READERS} == {"folder": FolderSource}
