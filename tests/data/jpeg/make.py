"""Writes the JPEG pictures of this folder, and expected.png: what Pillow decodes from them, one below the other.

Recorded with Pillow 13.0 (libjpeg-turbo 3.2); run again only to add kinds. The picture is the one of image_test.cc.
"""
import pathlib

import numpy as np
from PIL import Image

FOLDER = pathlib.Path(__file__).parent
KINDS = {
    "444": dict(subsampling=0),
    "422": dict(subsampling=1),
    "420": dict(subsampling=2),
    "rgb": dict(keep_rgb=True),
    "grey": dict(mode="L"),
    "cmyk": dict(mode="CMYK"),
    "progressive": dict(subsampling=2, progressive=True),
    "restart": dict(subsampling=2, restart_marker_blocks=2),
}


def triangle(value, period):
    rest = value % (2 * period)
    return np.where(rest < period, rest, 2 * period - rest) * 255 // period


def picture(width, height):
    y, x = np.mgrid[0:height, 0:width].astype(np.int64)
    planes = [triangle(3 * x + 2 * y, 97), triangle(2 * x - 5 * y + 100000, 13), triangle(x * x + y * y + 3 * x, 113)]
    return Image.fromarray(np.stack(planes, axis=-1).astype(np.uint8))


decoded = []
for name, options in KINDS.items():
    options = dict(options)
    path = FOLDER / f"{name}.jpg"
    mode = options.pop("mode", "RGB")
    image = picture(45, 35)
    image = Image.merge("CMYK", (*image.split(), picture(45, 38).split()[0].crop((0, 3, 45, 38)))) \
        if mode == "CMYK" else image.convert(mode)
    image.save(path, quality=60, **options)
    decoded.append(np.asarray(Image.open(path).convert("RGB")))
Image.fromarray(np.concatenate(decoded)).save(FOLDER / "expected.png")
