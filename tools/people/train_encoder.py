"""Encoder.  Mode `w`: trunk and first head regress w (no generator needed).  Mode `image`: starts
from that, all heads, and the picture must come back through the frozen generator.

usage: train_encoder.py DATA RUNS SECONDS w|image
"""
import os
import sys
import time

import numpy as np
import torch

from common import Pictures, Run, image_loss, psnr, save_sheet
from encoder import ROWS, Encoder
from generator import Generator

BATCH = {"w": 32, "image": 16}
LR = {"w": 2e-3, "image": 7e-4}
W_WEIGHT, IMAGE_WEIGHT, DELTA_WEIGHT = 1.0, 3.0, 0.2


def load_generator(runs):
    generator = Generator()
    generator.load_state_dict(torch.load(os.path.join(runs, "generator.pt"))["ema"])
    return generator.requires_grad_(False).eval()


def main():
    data, runs, seconds, mode = sys.argv[1], sys.argv[2], float(sys.argv[3]), sys.argv[4]
    torch.manual_seed(0)
    pictures = Pictures(data)
    model = Encoder()
    if mode == "image":
        model.load_state_dict(torch.load(os.path.join(runs, "encoder_w.pt"))["model"])
    optimizer = torch.optim.Adam(model.parameters(), LR[mode], betas=(0.9, 0.99))
    run = Run(os.path.join(runs, f"encoder_{mode}.pt"), {"model": model}, optimizer, seconds, LR[mode], 3)
    stage, batch, shown, start = (0 if mode == "w" else ROWS - 1), BATCH[mode], 0, time.time()
    generator = load_generator(runs) if mode == "image" else None
    print(sum(p.numel() for p in model.parameters()), "parameters", flush=True)
    while run.next():
        if run.step % 500 == 0:
            pictures.refresh()
            if generator:  # it may still be in training
                generator = load_generator(runs)
        index = np.random.randint(0, len(pictures), batch)
        x, w = pictures.images(index), pictures.w(index)
        codes = model(x, stage)
        loss = W_WEIGHT * (codes[:, 0] - w).square().mean()
        if generator:
            again = generator(codes)
            deltas = (codes[:, 1:] - codes[:, :1]).square().mean()
            loss = loss + IMAGE_WEIGHT * image_loss(again, x) + DELTA_WEIGHT * deltas
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 5.0)
        optimizer.step()
        shown += batch
        if run.step % 100 == 0:
            extra = f"psnr {psnr(again.detach(), x).mean():.2f} deltas {deltas.item():.4f} " if generator else ""
            print(f"step {run.step} used {run.used:.0f} loss {loss.item():.4f} "
                  f"w {(codes[:, 0] - w).square().mean().item():.4f} {extra}"
                  f"{shown / (time.time() - start):.1f}/s", flush=True)
        if generator and run.step % 500 == 0:
            save_sheet(os.path.join(runs, "encoder.png"), torch.cat([x[:8], again.detach()[:8]]), 8)


if __name__ == "__main__":
    main()
