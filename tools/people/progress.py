"""Figures and a sheet of unseen people, from a run's newest snapshot.

usage: progress.py DATA_OF_UNSEEN_PEOPLE FACES WORK SHEET.png [PICTURES]
Rows of the sheet: render, the generator's picture of its code and, once there is an encoder, the reconstruction.
"""
import json
import os
import sys

import numpy as np
import torch

from common import DEVICE, Pictures, autocast, gradient_energy, psnr, save_sheet, shrink
from encoder import INPUT, Encoder
from generator import SIZE, Generator
from recogniser import Recogniser
from snapshot import Snapshot
from train_generator import GeneratorStage

SAME_PERSON = 0.6  # distance of the recogniser's embeddings below which its authors take two pictures for one person


def average_of(snapshot, model, *stages):
    """The model of the latest of these stages that has begun, and its count; None where none has"""
    for name in stages:
        state, count = snapshot.newest(name)
        if state:
            model.load_state_dict(state["average"])
            return model.to(DEVICE).eval(), name, count
    return None, "", 0


def figures(images, x, recogniser):
    distance = (recogniser(images)[0] - recogniser(x)[0]).norm(dim=1)
    return {"psnr": psnr(images, x).mean().item(), "psnr_worst_tenth": psnr(images, x).quantile(0.1).item(),
            "gradient_energy": (gradient_energy(images) / gradient_energy(x)).mean().item(),
            "identity_distance": distance.mean().item(), "same_person": (distance < SAME_PERSON).float().mean().item()}


@torch.no_grad()
def main():
    data, faces, work, sheet = sys.argv[1:5]
    pictures, snapshot = Pictures(data), Snapshot(os.path.join(work, "snapshot"))
    index = np.arange(min(len(pictures), int(sys.argv[5]) if len(sys.argv) > 5 else 200))
    generator, stage, count = average_of(snapshot, Generator(), "finish", "generator")
    encoder, _, seen = average_of(snapshot, Encoder(), "encoder")
    size = GeneratorStage.size(count) if stage == "generator" else SIZE
    recogniser, rows = Recogniser(faces, DEVICE), {"x": [], "generator": [], "reconstruction": []}
    for part in np.array_split(index, max(1, len(index) // 20)):
        x, w = pictures.images(part), pictures.w(part).to(DEVICE)
        with autocast():
            rows["generator"].append(generator(w, size).float())
            if encoder:
                rows["reconstruction"].append(generator(encoder(shrink(x, INPUT)).float(), size).float())
        rows["x"].append(shrink(x, size))
    rows = {name: torch.cat(images) for name, images in rows.items() if images}
    x = rows["x"]
    result = {"stage": stage, "pictures": count, "encoder_pictures": seen, "size": size, "unseen": len(index)}
    for name, images in rows.items():
        if name != "x":
            result[name] = {k: round(v, 3) for k, v in figures(images, x, recogniser).items()}
    print(json.dumps(result))
    save_sheet(sheet, torch.cat([images[:10] for images in rows.values()]).cpu(), min(10, len(index)))


if __name__ == "__main__":
    main()
