"""The flow on the encoder's codes of rendered pictures, with the losses of PluGeN4Faces: flow
likelihood, identity contrast within a person's pictures, attribute likelihood with falling sigma.

usage: train_flow.py DATA RUNS SECONDS ENCODER.pt [PICTURES]
"""
import math
import os
import sys

import numpy as np
import torch

from common import ATTRS8, Pictures, Run
from encoder import Encoder
from flow import Flow

SHOTS, PERSONS, LR = 8, 6, 1e-3
K = len(ATTRS8)
# The paper counts epochs (1500, attributes from 30 on, the identity term grows with the epoch);
# here the fraction of the time takes their place.
SIGMA_FIRST, SIGMA_LAST, ATTRIBUTES_FROM = 0.7, 0.2, 0.02
IDENTITY_LAST = 60.0
CODE_NOISE = 0.05  # codes occupy about FACTORS of 128 dimensions; without noise the likelihood is unbounded


@torch.no_grad()
def encode(pictures, path, encoder_path, count):
    """[N,12,128] codes, cached on disk"""
    if os.path.exists(path):
        return torch.load(path)
    model = Encoder()
    model.load_state_dict(torch.load(encoder_path)["model"])
    model.eval()
    stage = 11 if "image" in encoder_path else 0
    codes = torch.cat([model(pictures.images(np.arange(i, min(i + 50, count))), stage) for i in range(0, count, 50)])
    torch.save(codes, path)
    return codes


def minmax(attributes):
    return torch.stack([attributes.min(0).values, attributes.max(0).values])[:, None, None]


def losses(z, logdet, attributes, progress):
    batch, rows, features = z.shape
    constant = 0.5 * features * math.log(2 * math.pi)
    likelihood = -0.5 * z[..., K:].square().sum(-1).reshape(-1) - constant + logdet
    flow = -likelihood.mean() / (400 * features / 512)
    identity = z[..., K:].reshape(-1, SHOTS, rows, features - K)
    spread = (identity - identity.mean(1, keepdim=True)).square().mean()
    sigma = SIGMA_FIRST * (SIGMA_LAST / SIGMA_FIRST) ** progress
    error = (z[..., :K] - attributes[:, None]).square()
    attribute = (error / (2 * sigma**2) + math.log(sigma * math.sqrt(2 * math.pi))).mean() / 4
    return flow, (0.2 + IDENTITY_LAST * progress) * spread, attribute * (progress > ATTRIBUTES_FROM), spread, error.mean((0, 1))


def main():
    data, runs, seconds, encoder = sys.argv[1], sys.argv[2], float(sys.argv[3]), sys.argv[4]
    torch.manual_seed(0)
    pictures = Pictures(data)
    count = min(int(sys.argv[5]) if len(sys.argv) > 5 else len(pictures), len(pictures)) // SHOTS * SHOTS
    name = os.path.basename(encoder)[:-3]
    codes = encode(pictures, os.path.join(runs, f"codes_{name}.pt"), encoder, count)
    attributes, persons = pictures.attributes[:len(codes)], len(codes) // SHOTS
    low, high = minmax(pictures.attributes).view(2, K)
    attributes = 2 * (attributes - low) / (high - low) - 1
    model = Flow()
    optimizer = torch.optim.Adam(model.parameters(), LR, weight_decay=5e-5)
    run = Run(os.path.join(runs, f"flow_{name}.pt"), {"model": model}, optimizer, seconds, 5)
    while run.next():
        index = (np.random.choice(persons, PERSONS, False)[:, None] * SHOTS + np.arange(SHOTS)).ravel()
        ws = codes[index] + CODE_NOISE * torch.randn(len(index), *codes.shape[1:])
        z, logdet = model(ws)
        flow, identity, attribute, spread, error = losses(z, logdet, attributes[index], run.progress)
        optimizer.zero_grad(set_to_none=True)
        (flow + identity + attribute).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        if run.step % 100 == 0:
            print(f"step {run.step} used {run.used:.0f} flow {flow.item():.3f} spread {spread.item():.4f} attribute "
                  + " ".join(f"{n} {e:.3f}" for n, e in zip(ATTRS8, error.sqrt().tolist())), flush=True)


if __name__ == "__main__":
    main()
