"""Generator by paired regression: w of a picture's factors -> the picture; small pictures first, 128 px last.

usage: train_generator.py DATA RUNS SECONDS
The mapping z -> w is trained apart (train_mapping.py), since w of every picture is known.
"""
import copy
import os
import sys
import time

import numpy as np
import torch
from torch.nn import functional as F

from common import Pictures, Run, follow, fork_workers, image_loss, psnr, save_sheet
from generator import Generator

BATCH, LR = 12, 1.2e-2
# side of the picture from this fraction of the time on: geometry is learnt while it is cheap
SIDES = ((0.0, 16), (0.06, 32), (0.3, 64), (0.39, 128))


def batches(pictures, folder):
    """Endless epochs over what has been rendered so far"""
    while True:
        pictures.refresh()
        order = np.random.permutation(len(pictures))
        for i in range(0, len(order) - BATCH + 1, BATCH):
            yield order[i:i + BATCH]


def main():
    data, runs, seconds = sys.argv[1], sys.argv[2], float(sys.argv[3])
    torch.manual_seed(0)
    pictures = Pictures(data)
    model = Generator()
    # near-constant styles make the first function of w a smooth one: regression then starts at once
    for name, parameter in model.named_parameters():
        if name.endswith("modulation.weight"):
            parameter.data *= 0.2
    average = copy.deepcopy(model)
    synthesis = [p for n, p in model.named_parameters() if not n.startswith("style.") and p.requires_grad]
    optimizer = torch.optim.Adam(synthesis, LR, betas=(0.9, 0.99))
    run = Run(os.path.join(runs, "generator.pt"), {"model": model, "ema": average}, optimizer, seconds, 1)
    rank = fork_workers(run, model)
    print(sum(p.numel() for p in model.parameters()), "parameters,", len(pictures), "pictures", flush=True)
    source, shown, start = batches(pictures, data), 0, time.time()
    while run.next():
        index = next(source)
        target, w = pictures.images(index), pictures.w(index)
        size = max(side for begin, side in SIDES if run.progress >= begin)
        if size < 128:
            target = F.avg_pool2d(target, 128 // size)
        loss = image_loss(model(w, size), target)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        if rank:
            continue
        follow(average, model, min(0.998, run.step / (run.step + 10)))
        shown += BATCH
        if run.step % 200 == 0:
            with torch.no_grad():
                now = average(w, size)
            print(f"step {run.step} used {run.used:.0f} size {size} loss {loss.item():.4f} "
                  f"psnr {psnr(now, target).mean():.2f} {shown / (time.time() - start):.1f}/s", flush=True)
        if run.step % 1000 == 0:
            save_sheet(os.path.join(runs, "generator.png"), torch.cat([now[:8], target[:8]]), 8)


if __name__ == "__main__":
    main()
