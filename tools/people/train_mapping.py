"""Mapping network by regression: z = R u of a random u -> w = M f(u).

usage: train_mapping.py RUNS SECONDS
"""
import os
import sys

import torch

from common import LATENT, ROTATION, Run, factors_of_u, follow, w_of_factors
from generator import Generator, MAPPING_LR

BATCH, LR = 512, 2e-3


def main():
    runs, seconds = sys.argv[1], float(sys.argv[2])
    torch.manual_seed(0)
    model, average = Generator().style, Generator().style
    average.load_state_dict(model.state_dict())
    # the stored weights are 1 / MAPPING_LR times larger than the effective ones
    optimizer = torch.optim.Adam(model.parameters(), LR / MAPPING_LR, betas=(0.9, 0.99))
    run = Run(os.path.join(runs, "mapping.pt"), {"model": model, "ema": average}, optimizer, seconds, 2)
    while run.next():
        u = torch.randn(BATCH, LATENT)
        u = u * torch.rsqrt(u.square().mean(1, keepdim=True) + 1e-8)
        w = w_of_factors(factors_of_u(u))
        loss = (model(u @ ROTATION.t()) - w).square().mean()
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        follow(average, model, min(0.999, run.step / (run.step + 10)))
        if run.step % 500 == 0:
            with torch.no_grad():
                error = (average(u @ ROTATION.t()) - w).square().mean()
            print(f"step {run.step} used {run.used:.0f} mse {loss.item():.4f} ema {error.item():.4f}", flush=True)


if __name__ == "__main__":
    main()
