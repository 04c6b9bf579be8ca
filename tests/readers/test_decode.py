"""The stated table of pixel modes (docs/reading.md), one test a line."""

import struct

import numpy as np
import pytest
from PIL import Image

from dpkit.errors import UnreadableImageError
from dpkit.readers.decode import decode_pixels
from dpkit.readers.formats import MAX_PIXELS, open_image, read_header

from .zoo import chunk, encode, exif, photograph, png, tiff

PHOTO = photograph()
GREY = PHOTO[..., 0]
DEEP = (GREY.astype(np.uint16) << 8) | PHOTO[..., 1]


def decoded(content, matte=255, **options):
    return decode_pixels(content, matte=matte, **options)


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "BMP"])
def test_lossless_rgb_is_kept(kind):
    np.testing.assert_array_equal(decoded(encode(PHOTO, kind)), PHOTO)


def test_lossless_webp_is_kept():
    np.testing.assert_array_equal(decoded(encode(PHOTO, "WEBP", lossless=True)), PHOTO)


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "BMP", "GIF"])
def test_lossless_grey_is_kept_as_one_channel(kind):
    content = encode(GREY, kind)
    np.testing.assert_array_equal(decoded(content), GREY)
    assert read_header(content).channels == 1


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "BMP"])
def test_one_bit_becomes_0_and_255(kind):
    image = Image.fromarray(GREY).convert("1")
    np.testing.assert_array_equal(decoded(encode(image, kind)), np.asarray(image) * np.uint8(255))


@pytest.mark.parametrize(("bits", "factor"), [(1, 255), (2, 85), (4, 17)])
def test_few_bits_are_spread_over_0_to_255(bits, factor):
    values = GREY >> (8 - bits)
    np.testing.assert_array_equal(decoded(png(0, bits, values)), values * factor)


def test_palette_becomes_its_colours():
    image = Image.fromarray(PHOTO).quantize(16)
    content = encode(image, "PNG")
    np.testing.assert_array_equal(decoded(content), np.asarray(image.convert("RGB")))
    assert read_header(content).channels == 3


def test_grey_palette_is_grey():
    palette = np.repeat(np.arange(0, 256, 17, dtype=np.uint8)[:, None], 3, axis=1)
    content = png(3, 4, GREY >> 4, before=[(b"PLTE", palette.tobytes())])
    assert read_header(content).channels == 1
    np.testing.assert_array_equal(decoded(content), (GREY >> 4) * 17)


def over(colours, alpha, matte):
    """The plain twin of laying an image over the matte, in exact fractions."""
    a = alpha.astype(int)[..., None] if colours.ndim == 3 else alpha.astype(int)
    return (a * colours.astype(int) + (255 - a) * matte + 127) // 255


@pytest.mark.parametrize("matte", [0, 77, 255])
def test_alpha_is_laid_over_the_matte(matte):
    alpha = PHOTO[..., 2]
    rgba = np.dstack([PHOTO, alpha])
    np.testing.assert_array_equal(decoded(encode(rgba, "PNG"), matte), over(PHOTO, alpha, matte))
    grey = Image.merge("LA", [Image.fromarray(GREY), Image.fromarray(alpha)])
    np.testing.assert_array_equal(decoded(encode(grey, "PNG"), matte), over(GREY, alpha, matte))


@pytest.mark.parametrize("kind", ["WEBP", "TIFF"])
def test_alpha_of_other_formats_is_laid_over_the_matte(kind):
    alpha = np.where(PHOTO[..., 2] > 128, 255, 0).astype(np.uint8)
    options = {"lossless": True, "exact": True} if kind == "WEBP" else {}
    content = encode(np.dstack([PHOTO, alpha]), kind, **options)
    np.testing.assert_array_equal(decoded(content, 9), over(PHOTO, alpha, 9))


@pytest.mark.parametrize(("bits", "factor"), [(1, 255), (2, 85), (4, 17), (8, 1)])
def test_the_transparent_grey_of_a_png_is_found_at_each_depth(bits, factor):
    values = GREY >> (8 - bits)
    content = png(0, bits, values, before=[(b"tRNS", struct.pack(">H", 1))])
    expected = np.where(values == 1, 99, values * factor)
    np.testing.assert_array_equal(decoded(content, 99), expected)


def test_the_transparent_colour_of_a_png_is_found():
    key = PHOTO[3, 4]
    content = png(2, 8, PHOTO, before=[(b"tRNS", struct.pack(">HHH", *map(int, key)))])
    hidden = (key == PHOTO).all(axis=-1, keepdims=True)
    np.testing.assert_array_equal(decoded(content, 0), np.where(hidden, 0, PHOTO))


def test_the_transparent_palette_entry_is_the_matte():
    image = Image.fromarray(PHOTO).quantize(8)
    expected = np.array(image.convert("RGB"))
    expected[np.asarray(image) == 2] = 40
    for kind in ("PNG", "GIF"):
        found = decoded(encode(image, kind, transparency=2), 40)
        np.testing.assert_array_equal(found, expected)


def test_a_palette_with_alpha_values_is_laid_over_the_matte():
    palette = bytes([255, 0, 0, 0, 255, 0])
    content = png(3, 1, [[0, 1]], before=[(b"PLTE", palette), (b"tRNS", bytes([255, 51]))])
    np.testing.assert_array_equal(decoded(content, 0), [[[255, 0, 0], [0, 51, 0]]])


def test_cmyk_becomes_rgb_without_a_profile():
    image = Image.fromarray(PHOTO).convert("CMYK")
    for kind in ("TIFF", "JPEG"):
        content = encode(image, kind)
        expected = np.asarray(open_image(content)[0].convert("RGB"))
        np.testing.assert_array_equal(decoded(content), expected)
        assert np.abs(expected.astype(int) - PHOTO).mean() < 12


def test_16_bit_grey_keeps_its_16_bits():
    np.testing.assert_array_equal(decoded(png(0, 16, DEEP)), DEEP)
    np.testing.assert_array_equal(decoded(encode(DEEP, "TIFF")), DEEP)
    big_endian = Image.frombytes("I;16B", (32, 24), DEEP.astype(">u2").tobytes())
    found = decoded(encode(big_endian, "TIFF"))
    np.testing.assert_array_equal(found, DEEP)
    assert found.dtype == np.uint16
    assert read_header(encode(DEEP, "TIFF")).depth == 16


def test_the_transparent_value_of_16_bit_grey_is_the_matte():
    content = png(0, 16, DEEP, before=[(b"tRNS", struct.pack(">H", int(DEEP[2, 3])))])
    np.testing.assert_array_equal(decoded(content, 128), np.where(DEEP[2, 3] == DEEP, 32896, DEEP))


@pytest.mark.parametrize(("colour_type", "channels"), [(2, 3), (4, 1), (6, 3)])
def test_16_bit_colour_is_never_reduced_in_silence(colour_type, channels):
    samples = np.dstack([DEEP] * {2: 3, 4: 2, 6: 4}[colour_type])
    samples[..., -1] = 65535 if colour_type != 2 else samples[..., -1]
    content = png(colour_type, 16, samples)
    header = read_header(content)
    assert (header.depth, header.channels, header.is_reduced) == (16, channels, True)
    with pytest.raises(UnreadableImageError, match="--depth 8"):
        decoded(content)
    found = decoded(content, reduce_deep=True)
    np.testing.assert_array_equal(found, (samples[..., :3] if channels == 3 else DEEP) >> 8)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "not a JPEG"),
        (b"%PDF-1.7", "not a JPEG"),
        (b"\x89PNG\r\n\x1a\n", "broken header"),
        (encode(Image.new("I", (3, 3)), "TIFF"), "mode I"),
        (encode(Image.new("F", (3, 3)), "TIFF"), "mode F"),
        (encode(Image.new("LAB", (3, 3)), "TIFF"), "mode LAB"),
        (tiff(DEEP, tags={262: 0}), "white as zero"),
        (tiff(DEEP, tags={258: 12}), "broken header|12"),
        (tiff(DEEP, tags={339: 2}), "mode I|unsigned"),
        (tiff(DEEP, tags={258: 8, 339: 2}), "unsigned"),
        (png(2, 16, np.dstack([DEEP] * 3), before=[(b"tRNS", bytes(6))]), "transparent colour"),
        (png(0, 8, np.zeros((0, 5), int)), "broken header"),
        (png(0, 8, np.zeros((5, 0), int)), "broken header"),
        (encode(PHOTO, "PNG")[:300], "cannot be decoded|broken"),
        (encode(PHOTO, "JPEG")[:400], "cannot be decoded|broken"),
        (encode(PHOTO, "TIFF")[:400], "cannot be decoded|broken"),
        (encode(PHOTO, "BMP")[:400], "cannot be decoded|broken"),
        (encode(PHOTO, "WEBP")[:100], "cannot be decoded|broken"),
        (encode(PHOTO, "GIF")[:100], "cannot be decoded|broken"),
    ],
)
def test_what_cannot_be_read_rightly_is_refused_with_the_reason(content, reason):
    with pytest.raises(UnreadableImageError, match=reason):
        decoded(content)


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP", "TIFF"])
def test_more_than_one_frame_is_refused(kind):
    frames = [Image.fromarray(photograph(seed=s)) for s in range(2)]
    content = encode(frames[0], kind, save_all=True, append_images=frames[1:])
    with pytest.raises(UnreadableImageError, match="more than one frame"):
        decoded(content)


@pytest.mark.parametrize("side", [10_000, 60_000])
def test_a_decompression_bomb_is_refused_by_its_header(side):
    header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    content = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", b"")
    with pytest.raises(UnreadableImageError, match=str(MAX_PIXELS)):
        read_header(content)


def test_a_side_above_the_limit_of_a_geometry_is_refused():
    with pytest.raises(UnreadableImageError, match="65535 a side"):
        read_header(png(0, 1, np.zeros((1, 65536), int)))


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", [1, 3, 6, 7])
def test_orientation_is_applied_in_each_format(kind, orientation):
    options = {"lossless": True} if kind == "WEBP" else {}
    plain = decoded(encode(PHOTO, kind, **options))
    image = Image.fromarray(PHOTO)
    image.getexif()[0x0112] = orientation
    content = encode(image, kind, exif=image.getexif(), **options)
    found = decoded(content)
    turned = {
        1: plain,
        3: plain[::-1, ::-1],
        6: np.rot90(plain, -1),
        7: np.rot90(plain, -1)[:, ::-1],
    }
    expected = turned[orientation] if orientation != 7 else np.rot90(plain.swapaxes(0, 1), 2)
    np.testing.assert_array_equal(found, expected)
    header = read_header(content)
    assert (header.height, header.width) == found.shape[:2]


def test_orientation_behind_the_pixels_of_a_png_is_applied():
    block = exif(6).removeprefix(b"Exif\0\0")
    content = png(2, 8, PHOTO, after=[(b"eXIf", block)])
    np.testing.assert_array_equal(decoded(content), np.rot90(PHOTO, -1))
    assert (read_header(content).height, read_header(content).width) == (32, 24)


def test_the_name_of_a_format_does_not_matter_and_a_profile_is_ignored():
    plain = encode(PHOTO, "PNG")
    profiled = encode(PHOTO, "PNG", icc_profile=b"no profile at all")
    np.testing.assert_array_equal(decoded(profiled), decoded(plain))
