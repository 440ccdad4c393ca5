"""The log of a training as a picture: PSNR, or the error of w, over the pictures seen.

usage: curve.py LOG.jsonl CURVE.png
"""
import json
import sys

from PIL import Image, ImageDraw

WIDTH, HEIGHT, MARGIN = 720, 220, 40
SHOWN = {"generator": "psnr", "finish": "psnr", "mapping": "loss", "encoder": "w", "classifier": "loss"}


def panel(draw, top, stage, lines):
    name = SHOWN[stage]
    x, y = [line["pictures"] for line in lines], [line[name] for line in lines]
    low, high, last = min(y), max(max(y), min(y) + 1e-6), max(x)
    place = lambda a, b: (MARGIN + a / last * (WIDTH - 2 * MARGIN),
                          top + HEIGHT - MARGIN - (b - low) / (high - low) * (HEIGHT - 2 * MARGIN))
    draw.rectangle([MARGIN, top + MARGIN, WIDTH - MARGIN, top + HEIGHT - MARGIN], outline="silver")
    for before, after in zip(lines, lines[1:]):
        if before.get("size") != after.get("size"):
            at = place(after["pictures"], low)[0]
            draw.line([at, top + MARGIN, at, top + HEIGHT - MARGIN], fill="silver")
            draw.text((at + 3, top + MARGIN + 2), f"{after['size']} px", fill="gray")
    draw.line([place(*p) for p in zip(x, y)], fill="navy", width=2)
    draw.text((MARGIN, top + 16), f"{stage}: {name} {low:.4g} .. {high:.4g}, the last {y[-1]:.4g}, "
                                  f"{last} pictures", fill="black")


def main():
    with open(sys.argv[1]) as file:
        lines = [json.loads(line) for line in file]
    stages = [s for s in SHOWN if any(line["stage"] == s for line in lines)]
    image = Image.new("RGB", (WIDTH, HEIGHT * len(stages)), "white")
    for i, stage in enumerate(stages):
        panel(ImageDraw.Draw(image), i * HEIGHT, stage, [line for line in lines if line["stage"] == stage])
    image.save(sys.argv[2])


if __name__ == "__main__":
    main()
