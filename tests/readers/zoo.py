"""Small image files of every kind, by Pillow, or chunk by chunk where it cannot write them."""

import io
import struct
import zlib
from pathlib import Path

import numpy as np
from PIL import Image

CHANNELS_OF_COLOUR_TYPE = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}


def photograph(height=24, width=32, seed=0):
    """A smooth colour picture with some noise, u8 [h,w,3]."""
    y, x = np.mgrid[:height, :width]
    waves = [127 + 120 * np.sin(x / (3 + c) + y / (5 - c)) for c in range(3)]
    noise = np.random.default_rng(seed).integers(-6, 7, (height, width, 3))
    return np.clip(np.stack(waves, axis=-1) + noise, 0, 255).astype(np.uint8)


def encode(image, kind, **options):
    """The bytes of an array or Pillow image in one format."""
    if isinstance(image, np.ndarray):
        image = Image.fromarray(image)
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def save(path, image, kind=None, **options):
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    kinds = {".jpg": "JPEG", ".png": "PNG", ".tif": "TIFF", ".bmp": "BMP"}
    path.write_bytes(encode(image, kind or kinds[path.suffix], **options))
    return path


def chunk(name, body):
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def png(colour_type, bits, values, *, before=(), after=()):
    """A PNG of any colour type and depth from its samples [h,w] or [h,w,channels]."""
    height, width = np.shape(values)[:2]
    values = np.asarray(values).reshape(height, width, CHANNELS_OF_COLOUR_TYPE[colour_type])
    lines = b"".join(b"\0" + packed(row.ravel(), bits) for row in values)
    header = struct.pack(">IIBBBBB", width, height, bits, colour_type, 0, 0, 0)
    parts = [
        chunk(b"IHDR", header),
        *(chunk(name, body) for name, body in before),
        chunk(b"IDAT", zlib.compress(lines)),
        *(chunk(name, body) for name, body in after),
        chunk(b"IEND", b""),
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def packed(samples, bits):
    if bits == 16:
        return samples.astype(">u2").tobytes()
    shifts = np.arange(bits - 1, -1, -1)
    return np.packbits((samples[:, None] >> shifts) & 1).tobytes()


def exif(orientation, order="<"):
    """An EXIF block that states an orientation and nothing else."""
    mark = b"II*\0" if order == "<" else b"MM\0*"
    entry = struct.pack(f"{order}HHIHH", 0x0112, 3, 1, orientation, 0)
    directory = struct.pack(f"{order}IH", 8, 1) + entry + bytes(4)
    return b"Exif\0\0" + mark + directory


def tiff(samples, *, tags=()):
    """A little-endian, uncompressed, one-strip grey TIFF; `tags` replace or add SHORT entries."""
    height, width = samples.shape
    entries = {
        256: width,
        257: height,
        258: 8 * samples.itemsize,
        259: 1,
        262: 1,
        273: 0,
        277: 1,
        278: height,
        279: samples.nbytes,
        **dict(tags),
    }
    start = 8 + 2 + 12 * len(entries) + 4
    entries[273] = start
    body = b"".join(struct.pack("<HHIHH", t, 3, 1, v, 0) for t, v in sorted(entries.items()))
    directory = struct.pack("<H", len(entries)) + body + bytes(4)
    return b"II*\0" + struct.pack("<I", 8) + directory + samples.astype("<u2").tobytes()
