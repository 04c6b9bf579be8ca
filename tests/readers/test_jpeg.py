"""simplejpeg is used only where its bytes are Pillow's."""

import io

import numpy as np
import pytest
import simplejpeg
from PIL import Image

from dpkit.errors import UnreadableImageError
from dpkit.readers.decode import decode_pixels
from dpkit.readers.formats import open_image, read_header
from dpkit.readers.jpeg import decode_plain, read_plain

from .zoo import encode, photograph


def by_pillow(content):
    return np.asarray(Image.open(io.BytesIO(content)))


@pytest.mark.parametrize("size", [(1, 1), (7, 9), (16, 16), (33, 65), (120, 101)])
@pytest.mark.parametrize("sampling", ["444", "422", "420", "440", "411"])
def test_every_sampling_decodes_to_pillows_bytes(sampling, size):
    content = simplejpeg.encode_jpeg(photograph(*size), quality=87, colorsubsampling=sampling)
    plain = read_plain(content)
    np.testing.assert_array_equal(decode_plain(content, plain), by_pillow(content))


@pytest.mark.parametrize("options", [{"progressive": True}, {"optimize": True}, {"quality": 3}])
@pytest.mark.parametrize("grey", [True, False])
def test_every_coding_decodes_to_pillows_bytes(options, grey):
    pixels = photograph(45, 50)
    content = encode(pixels[..., 0] if grey else pixels, "JPEG", **options)
    plain = read_plain(content)
    assert plain == (45, 50, grey)
    np.testing.assert_array_equal(decode_plain(content, plain), by_pillow(content))


def test_restart_markers_decode_to_pillows_bytes():
    content = encode(photograph(64, 64), "JPEG", restart_marker_rows=1)
    np.testing.assert_array_equal(decode_pixels(content, matte=0), by_pillow(content))


@pytest.mark.parametrize("mode", ["CMYK", "RGB"])
def test_other_colour_spaces_go_to_pillow(mode):
    image = Image.fromarray(photograph()).convert(mode)
    content = encode(image, "JPEG", **({"keep_rgb": True} if mode == "RGB" else {}))
    assert read_plain(content) is None
    expected = np.asarray(Image.open(io.BytesIO(content)).convert("RGB"))
    np.testing.assert_array_equal(decode_pixels(content, matte=0), expected)


def test_damage_that_pillow_forgives_is_read_as_pillow_reads_it():
    content = bytearray(encode(photograph(64, 64), "JPEG"))
    content[len(content) // 2] ^= 0x55
    expected = by_pillow(bytes(content))
    np.testing.assert_array_equal(decode_pixels(bytes(content), matte=0), expected)


def test_the_first_picture_of_a_multi_picture_file_is_the_photograph():
    pictures = [Image.fromarray(photograph(seed=s)) for s in range(2)]
    content = encode(pictures[0], "MPO", save_all=True, append_images=pictures[1:])
    np.testing.assert_array_equal(decode_pixels(content, matte=0), by_pillow(content))


def test_the_short_way_to_a_header_agrees_with_the_long_one():
    for image in (photograph(), photograph()[..., 0]):
        content = encode(image, "JPEG")
        assert read_header(content).channels == open_image(content)[1].channels
        assert read_header(content).height == open_image(content)[1].height


def test_a_jpeg_above_the_pixel_limit_is_refused_by_its_header():
    content = bytearray(encode(photograph(), "JPEG"))
    frame = content.index(b"\xff\xc0")
    content[frame + 5 : frame + 9] = b"\xff\xff\xff\xff"
    with pytest.raises(UnreadableImageError, match="above the limit"):
        decode_pixels(bytes(content), matte=0)
