#!/usr/bin/env python3
"""How far the landmarks that are found lie from where they are: drawn people in rooms, whose landmarks are known.

python3 bench/landmark_errors.py build/release/tools/mien build/portraits/render_portraits [--people 200]

Yaw and pitch are even over what the renderer draws, all else comes from the person; faces of some 200 pixels. Errors
are in parts of the true distance between the eyes in the picture: of the centre of each eye and of the mouth's corners,
as the alignment takes them, and of all 68 points. A face counts as missed where none is found, or another place is.
"""
import argparse
import json
import math
import os
import random
import subprocess
import tempfile

SIDE, FRAME, SEED = 640, 400, 77
BANDS = ((0, 10), (10, 20), (20, 30), (30, 36))  # of |yaw|, degrees
EYES = (range(36, 42), range(42, 48))
MOUTH = (48, 54)


def centre(points, which):
    return [sum(points[i][axis] for i in which) / len(which) for axis in (0, 1)]


def errors(found, true):
    """(eyes, mouth, all) in parts of the distance between the eyes"""
    unit = math.dist(*(centre(true, eye) for eye in EYES))
    eyes = [math.dist(centre(found, eye), centre(true, eye)) for eye in EYES]
    mouth = [math.dist(found[i], true[i]) for i in MOUTH]
    every = [math.dist(a, b) for a, b in zip(found, true)]
    return [sum(e) / len(e) / unit for e in (eyes, mouth, every)]


def draw(renderer, folder, count):
    """(path, yaw, landmarks) of each picture"""
    rng, pictures = random.Random(SEED), []
    for i in range(count):
        path = os.path.join(folder, f"{i}.png")
        yaw, pitch = rng.uniform(-35, 35), rng.uniform(-18, 18)
        subprocess.run([renderer, "scene", path, str(SIDE), str(SIDE), str(SEED + i), str(SEED * 10000 + i),
                        f"x={SIDE // 2}", f"y={SIDE // 2}", f"side={FRAME}", f"yaw={yaw:.2f}", f"pitch={pitch:.2f}"],
                       check=True, stdout=subprocess.DEVNULL)
        with open(path[:-4] + ".json") as file:
            pictures.append((path, yaw, json.load(file)["faces"][0]["landmarks"]))
    return pictures


def find(program, pictures):
    """Landmarks of the largest face of each picture; None: there is none"""
    done = subprocess.run([program, "faces", *[p[0] for p in pictures], "--json"], check=True, capture_output=True)
    largest = lambda faces: max(faces, key=lambda f: f["box"]["width"] * f["box"]["height"])["landmarks"]
    return [largest(f["faces"]) if f["faces"] else None for f in json.loads(done.stdout)["files"]]


def quantile(values, share):
    values = sorted(values)
    return values[min(len(values) - 1, int(share * len(values)))]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("renderer")
    parser.add_argument("--people", type=int, default=200)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        pictures = draw(arguments.renderer, folder, arguments.people)
        rows = [(abs(yaw), errors(found, true) if found else None)
                for (_, yaw, true), found in zip(pictures, find(arguments.program, pictures))]
    print("| yaw (either side) | faces | missed | eyes: median, 90 % | mouth: median, 90 % | all 68: median, 90 % |")
    print("|---|---|---|---|---|---|")
    for low, high in (*BANDS, (BANDS[0][0], BANDS[-1][1])):
        band = [e for yaw, e in rows if low <= yaw < high]
        hit = [e for e in band if e and e[2] < 1]
        cells = [f"{quantile([e[k] for e in hit], .5):.3f}, {quantile([e[k] for e in hit], .9):.3f}" for k in range(3)]
        print(f"| {low} to {min(high, 35)}° | {len(band)} | {len(band) - len(hit)} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
