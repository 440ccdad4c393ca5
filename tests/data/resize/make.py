"""Writes the pictures of this folder: Pillow's Image.resize(BILINEAR) of a made-up picture.

Recorded with Pillow 9.4.0; run again only to add sizes. The source picture is the one of image_test.cc.
"""
import pathlib

import numpy as np
from PIL import Image

SIZES = [(37, 23, 16, 16), (16, 16, 40, 56), (300, 200, 64, 64), (200, 200, 200, 31), (129, 65, 128, 65), (5, 3, 1, 1)]


def triangle(value, period):
    rest = value % (2 * period)
    return np.where(rest < period, rest, 2 * period - rest) * 255 // period


def picture(width, height):
    y, x = np.mgrid[0:height, 0:width].astype(np.int64)
    planes = [triangle(3 * x + 2 * y, 97), triangle(2 * x - 5 * y + 100000, 13), triangle(x * x + y * y + 3 * x, 113)]
    return Image.fromarray(np.stack(planes, axis=-1).astype(np.uint8))


for width, height, to_width, to_height in SIZES:
    resized = picture(width, height).resize((to_width, to_height), Image.BILINEAR)
    name = f"{width}x{height}_{to_width}x{to_height}.png"
    resized.save(pathlib.Path(__file__).parent / name)
