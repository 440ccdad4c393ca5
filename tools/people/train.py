"""Trains the built-in model from nothing: renders pictures, then stage after stage, each until its count of pictures.

usage: train.py RENDERER FACES WORK               train; a restart continues from the newest snapshot
       train.py --export-snapshot WORK            the newest snapshot and the log -> snapshot/, to be committed
RENDERER is the program render_portraits, FACES the folder `model` of the npm package @vladmandic/face-api (whose
recogniser is part of the losses), WORK a folder for pictures, snapshots and the log.  A WORK without a snapshot
begins from the one in snapshot/, if there is one.  One process a core trains (PEOPLE_WORKERS says another number), or
one with the GPU where there is one; they share each batch and average their gradients.
"""
import datetime
import json
import math
import os
import shutil
import signal
import subprocess
import sys
import time

import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
os.environ.setdefault("CXX", os.path.join(HERE, "cxx.sh"))  # torch reads it when it is imported
import torch
import torch.distributed as dist
import torch.multiprocessing as multiprocessing

from common import Pictures
from snapshot import Snapshot
from train_classifier import ClassifierStage
from train_encoder import EncoderStage
from train_finish import FinishStage
from train_generator import GeneratorStage
from train_mapping import MappingStage

STAGES = (GeneratorStage, FinishStage, MappingStage, EncoderStage, ClassifierStage)
SEED, SHARDS, PEOPLE, SHOTS, SIDE = 1, 60, 500, 2, 128  # 60 000 pictures of 30 000 people; seed 1 is for training
SHARDS_TO_BEGIN = 4
SNAPSHOT_SECONDS, LOG_SECONDS, REFRESH_SECONDS = 300, 30, 60


def render(renderer, folder, workers):
    """Start what draws the shards that are missing; training goes on with those that are there."""
    ends = np.linspace(0, SHARDS, workers + 1).astype(int)
    kind = [str(n) for n in (PEOPLE, SHOTS, SEED, SIDE)]
    processes = [subprocess.Popen([renderer, "data", folder, str(a), str(b), *kind], stdout=subprocess.DEVNULL)
                 for a, b in zip(ends, ends[1:])]
    while len(shards(folder)) < SHARDS_TO_BEGIN and any(p.poll() is None for p in processes):
        time.sleep(1)
    if len(shards(folder)) < SHARDS_TO_BEGIN:
        raise SystemExit(f"{renderer} drew nothing")
    return processes


def shards(folder):
    return [n for n in os.listdir(folder) if n.endswith(".safetensors")] if os.path.isdir(folder) else []


class Workers:
    """The processes that share a batch"""

    def __init__(self, rank, count, work):
        self.rank, self.count, self.parent = rank, count, os.getppid()
        if count > 1:
            dist.init_process_group("gloo", init_method=f"file://{work}/rendezvous", rank=rank, world_size=count,
                                    timeout=datetime.timedelta(days=1))  # others may compile or write meanwhile

    def wait(self):
        if self.count > 1:
            dist.barrier()

    def average_gradients(self, parameters):
        if self.count == 1:
            return
        grads = [p.grad for p in parameters if p.grad is not None]
        flat = torch.cat([g.reshape(-1) for g in grads])
        dist.all_reduce(flat)
        flat /= self.count
        begin = 0
        for g in grads:
            g.copy_(flat[begin:begin + g.numel()].view_as(g))
            begin += g.numel()


def run_stage(stage, pictures, snapshot, workers, log):
    """Until the stage's count; the pictures of a step follow from the count and the worker alone."""
    count, batch = snapshot.restore(stage), stage.BATCH // workers.count
    logged = saved = refreshed = time.time()
    shown, sums, steps = 0, {}, 0
    while count < stage.PICTURES:
        if os.getppid() != workers.parent:
            raise SystemExit("the process that started this one is gone")
        if time.time() - refreshed > REFRESH_SECONDS:
            refreshed = time.time()
            pictures.refresh()
        random = np.random.default_rng([SEED, count, workers.rank])
        torch.manual_seed(count * 64 + workers.rank)
        metrics = stage.step(random.integers(0, len(pictures), batch), count, workers)
        count += batch * workers.count
        shown, steps = shown + batch * workers.count, steps + 1
        if workers.rank:
            continue
        for name, value in metrics.items():
            sums[name] = sums.get(name, 0) + value.detach().float()
            if not math.isfinite(sums[name]):
                raise SystemExit(f"{stage.NAME}, {count} pictures: {name} is {sums[name].item()}; "
                                 "the newest snapshot is of before")
        if time.time() - logged > LOG_SECONDS or count >= stage.PICTURES:
            line = {"stage": stage.NAME, "pictures": count, "rendered": len(pictures), **stage.describe(count),
                    **{n: round(v.item() / steps, 4) for n, v in sums.items()},
                    "per_second": round(shown / (time.time() - logged), 1), "time": round(time.time())}
            log.write(json.dumps(line) + "\n")
            log.flush()
            logged, shown, sums, steps = time.time(), 0, {}, 0
        if time.time() - saved > SNAPSHOT_SECONDS:
            snapshot.save(stage, count)
            stage.sheet(os.path.join(snapshot.folder, "..", f"{stage.NAME}.png"))
            saved = time.time()
    if workers.rank == 0:
        snapshot.finish(stage, count)


def worker(rank, count, faces, work):
    torch.set_num_threads(1 if count > 1 else os.cpu_count())
    workers = Workers(rank, count, work)
    pictures, snapshot = Pictures(os.path.join(work, "train")), Snapshot(os.path.join(work, "snapshot"))
    with open(os.path.join(work, "log.jsonl"), "a") as log:
        for kind in STAGES:
            if kind.NAME not in snapshot.finished():
                run_stage(kind(pictures, snapshot, faces), pictures, snapshot, workers, log)
                workers.wait()


def train(renderer, faces, work):
    os.makedirs(work, exist_ok=True)
    kept = os.path.join(HERE, "snapshot")
    if not os.path.exists(os.path.join(work, "snapshot")) and os.path.exists(kept):
        shutil.copy(os.path.join(HERE, "log.jsonl"), work)
        Snapshot(kept).copy_to(os.path.join(work, "snapshot"))
    if os.path.exists(os.path.join(work, "rendezvous")):
        os.remove(os.path.join(work, "rendezvous"))
    count = 1 if torch.cuda.is_available() else int(os.environ.get("PEOPLE_WORKERS", os.cpu_count()))
    renderers = render(renderer, os.path.join(work, "train"), count)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # the workers and renderers end with this process
    try:
        multiprocessing.spawn(worker, (count, faces, work), count)
    finally:
        for process in renderers:
            process.terminate()


def export_snapshot(work):
    """Replaces the committed snapshot by the newest one of a run that may go on meanwhile."""
    kept = os.path.join(HERE, "snapshot")
    Snapshot(os.path.join(work, "snapshot")).copy_to(kept)
    shutil.copy(os.path.join(work, "log.jsonl"), HERE)
    for name in sorted(os.listdir(kept)):
        print(name, os.path.getsize(os.path.join(kept, name)))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--export-snapshot"] and len(sys.argv) == 3:
        export_snapshot(sys.argv[2])
    elif len(sys.argv) == 4:
        train(*map(os.path.abspath, sys.argv[1:]))
    else:
        raise SystemExit(__doc__)
