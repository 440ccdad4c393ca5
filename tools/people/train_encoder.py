"""Encoder.  Mode `w`: trunk and first head regress w; the generator only tells how much each factor
matters to a picture.  Mode `image`: starts from that, all heads, and the picture must come back
through the frozen generator.

usage: train_encoder.py DATA RUNS SECONDS w|image
"""
import os
import sys
import time

import numpy as np
import torch

from common import ATTRS8, Pictures, Run, factors_of_w, fork_workers, image_loss, psnr, save_sheet, w_of_factors
from encoder import ROWS, Encoder
from generator import Generator

BATCH = {"w": 16, "image": 12}
LR = {"w": 2.5e-3, "image": 7e-4}
FREEZE_AT = 200  # steps after which the full-resolution layers stay as they are
W_WEIGHT, IMAGE_WEIGHT, DELTA_WEIGHT = 1.0, 3.0, 0.2


def load_generator(runs):
    generator = Generator()
    generator.load_state_dict(torch.load(os.path.join(runs, "generator.pt"))["ema"])
    return generator.requires_grad_(False).eval()


@torch.no_grad()
def importance(pictures, runs):
    """[50] weights of the factors: how far each moves the (64 px) picture, attributes at least 2"""
    path = os.path.join(runs, "importance.pt")
    if os.path.exists(path):
        return torch.load(path)
    generator, factors = load_generator(runs), pictures.factors[::997][:12]
    before = generator(w_of_factors(factors), 64)
    moved = []
    for k in range(factors.shape[1]):
        other = factors.clone()
        other[:, k] -= 0.7 * torch.sign(factors[:, k])
        moved.append((generator(w_of_factors(other), 64) - before).square().mean())
    moved = torch.stack(moved)
    weights = 0.25 + 0.75 * (moved / moved.mean()).clamp(max=4)
    weights[:len(ATTRS8)].clamp_(min=2)
    torch.save(weights, path)
    return weights


def w_error(w, pictures, index, weights):
    """Squared error of the factors w stands for, by importance, plus what lies outside their span"""
    true = pictures.factors[index]
    found = factors_of_w(w)
    outside = (w - w_of_factors(found)).square().mean()
    return (weights * (found - true).square()).mean() + 0.3 * outside


def main():
    data, runs, seconds, mode = sys.argv[1], sys.argv[2], float(sys.argv[3]), sys.argv[4]
    torch.manual_seed(0)
    pictures = Pictures(data)
    model = Encoder()
    if mode == "image":
        model.load_state_dict(torch.load(os.path.join(runs, "encoder_w.pt"))["model"])
        model.freeze_entry()
    optimizer = torch.optim.Adam(model.parameters(), LR[mode], betas=(0.9, 0.99))
    run = Run(os.path.join(runs, f"encoder_{mode}.pt"), {"model": model}, optimizer, seconds, 3)
    weights = importance(pictures, runs)
    print("importance", [round(v, 2) for v in weights.tolist()], flush=True)
    stage, batch, shown, start = (0 if mode == "w" else ROWS - 1), BATCH[mode], 0, time.time()
    generator = load_generator(runs) if mode == "image" else None
    rank = fork_workers(run, model)
    print(sum(p.numel() for p in model.parameters()), "parameters", flush=True)
    while run.next():
        if run.step % 60 == 0:
            pictures.refresh()
            if generator:  # it may still be in training
                generator = load_generator(runs)
        if run.step >= FREEZE_AT:
            model.freeze_entry()
        index = np.random.randint(0, len(pictures), batch)
        x = pictures.images(index)
        codes = model(x, stage)
        error = w_error(codes[:, 0], pictures, index, weights)
        loss = W_WEIGHT * error
        if generator:
            again = generator(codes)
            deltas = (codes[:, 1:] - codes[:, :1]).square().mean()
            loss = loss + IMAGE_WEIGHT * image_loss(again, x) + DELTA_WEIGHT * deltas
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 5.0)
        optimizer.step()
        shown += batch
        if rank == 0 and run.step % 20 == 0:
            extra = f"psnr {psnr(again.detach(), x).mean():.2f} deltas {deltas.item():.4f} " if generator else ""
            print(f"step {run.step} used {run.used:.0f} loss {loss.item():.4f} "
                  f"w {error.item():.4f} attributes "
                  + " ".join(f"{e:.2f}" for e in (factors_of_w(codes[:, 0]) - pictures.factors[index]).square().mean(0)[:8])
                  + f" {extra}"
                  f"{shown / (time.time() - start):.1f}/s", flush=True)
        if generator and rank == 0 and run.step % 250 == 0:
            save_sheet(os.path.join(runs, "encoder.png"), torch.cat([x[:8], again.detach()[:8]]), 8)


if __name__ == "__main__":
    main()
