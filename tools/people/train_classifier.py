"""Attribute classifier: mode `renders` on rendered pictures, then mode `both` on the generator's too.

usage: train_classifier.py DATA RUNS SECONDS renders|both
The network learns normalised targets; export.py folds mean and spread into the last layer.
"""
import os
import sys
import time

import numpy as np
import torch

from classifier import Classifier
from common import (ATTRS8, ATTRS9, LATENT, ROLL, Pictures, Run, attributes_of_factors, factors_of_u, roll_degrees,
                    w_of_factors)
from train_encoder import load_generator

BATCH, SYNTHETIC, LR = 16, 16, {"renders": 2e-3, "both": 7e-4}
MEAN = torch.tensor([0.5, 0.5, 0.3, 0.3, 0.5, 40.0, 0, 0, 0])
SPREAD = torch.tensor([0.5, 0.5, 0.35, 0.35, 0.4, 20.0, 10.0, 3.0, 20.0])


def synthetic(generator, count):
    """Pictures of the generator with the targets of their factors"""
    u = torch.randn(count, LATENT)
    factors = factors_of_u(u * torch.rsqrt(u.square().mean(1, keepdim=True)))
    raw = dict(zip(ATTRS8, attributes_of_factors(factors).t()), roll=roll_degrees(factors[:, ROLL]))
    with torch.no_grad():
        return generator(w_of_factors(factors)), torch.stack([raw[n] for n in ATTRS9], 1)


def main():
    data, runs, seconds, mode = sys.argv[1], sys.argv[2], float(sys.argv[3]), sys.argv[4]
    torch.manual_seed(0)
    pictures = Pictures(data)
    model = Classifier()
    if mode == "both":
        model.load_state_dict(torch.load(os.path.join(runs, "classifier_renders.pt"))["model"])
    optimizer = torch.optim.Adam(model.parameters(), LR[mode])
    run = Run(os.path.join(runs, f"classifier_{mode}.pt"), {"model": model}, optimizer, seconds, 4)
    generator, shown, start = None, 0, time.time()
    while run.next():
        if run.step % 500 == 1:
            pictures.refresh()
            if mode == "both":
                generator = load_generator(runs)
        index = np.random.randint(0, len(pictures), BATCH)
        x, target = pictures.images(index), pictures.targets9(index)
        if generator:
            more, more_target = synthetic(generator, SYNTHETIC)
            x, target = torch.cat([x, more]), torch.cat([target, more_target])
        # light and sharpness must not matter
        x = x * (0.9 + 0.2 * torch.rand(len(x), 1, 1, 1)) + 0.1 * torch.randn(len(x), 1, 1, 1)
        if run.step % 3 == 0:
            x = torch.nn.functional.avg_pool2d(x, 3, 1, 1, count_include_pad=False)
        error = (model(x) - (target - MEAN) / SPREAD).square().mean(0)
        optimizer.zero_grad(set_to_none=True)
        error.mean().backward()
        optimizer.step()
        shown += len(x)
        if run.step % 100 == 0:
            each = " ".join(f"{n} {e:.3f}" for n, e in zip(ATTRS9, error.sqrt().tolist()))
            print(f"step {run.step} used {run.used:.0f} {each} {shown / (time.time() - start):.0f}/s", flush=True)


if __name__ == "__main__":
    main()
