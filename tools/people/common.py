"""Data shards, the latent spaces, image losses and resumable checkpoints shared by the trainers."""
import glob
import json
import math
import os
import struct
import time

import numpy as np
import torch
from torch.nn import functional as F

ATTRS8 = ["gender", "glasses", "yaw", "pitch", "bald", "beard", "age", "smile"]
ATTRS9 = ["gender", "glasses", "bald", "beard", "smile", "age", "pitch", "roll", "yaw"]
LATENT, FACTORS = 128, 71  # of tools/portraits/portrait.h; every shard is checked against them
ROLL = FACTORS - 1
GLASSES_THRESHOLD = 0.25
YOUNGEST, OLDEST = 4, 80
torch.set_num_threads(int(os.environ.get("PEOPLE_THREADS", "1")))


def read_safetensors(path):
    """name -> memory-mapped array"""
    with open(path, "rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        header = json.loads(file.read(length))
    types = {"F32": np.float32, "I32": np.int32, "U8": np.uint8}
    out = {}
    for name, entry in header.items():
        if name == "__metadata__":
            continue
        begin, _ = entry["data_offsets"]
        out[name] = np.memmap(path, types[entry["dtype"]], "r", 8 + length + begin, tuple(entry["shape"]))
    return out


class Pictures:
    """All shards of a folder; `refresh` takes in those that were rendered meanwhile."""

    def __init__(self, folder):
        self.folder, self.known = folder, 0
        self.refresh()

    def refresh(self):
        paths = sorted(glob.glob(os.path.join(self.folder, "*.safetensors")))
        if len(paths) == self.known:
            return
        self.known = len(paths)
        shards = [read_safetensors(p) for p in paths]
        for path, shard in zip(paths, shards):
            if shard["u"].shape[1:] != (LATENT,) or shard["factors"].shape[1:] != (FACTORS,):
                raise SystemExit(f"{path}: {shard['u'].shape[1]} coordinates and {shard['factors'].shape[1]} factors, "
                                 f"these scripts know {LATENT} and {FACTORS}: render the data anew")
        small = {k: np.concatenate([s[k] for s in shards]) for k in ("u", "factors", "attributes", "person")}
        self.u, self.factors, self.attributes = (torch.from_numpy(small[k]) for k in ("u", "factors", "attributes"))
        self.person = torch.from_numpy(small["person"]).long()
        self.pixels = [s["pictures"] for s in shards]
        self.face_masks = [s["masks"] for s in shards]
        self.starts = np.cumsum([0] + [len(p) for p in self.pixels])

    def __len__(self):
        return len(self.u)

    def images(self, index):
        """[B,3,128,128] in [-1,1]"""
        return torch.from_numpy(self._gather(self.pixels, index)).permute(0, 3, 1, 2).float() / 127.5 - 1

    def _gather(self, arrays, index):
        index = np.asarray(index)
        shard = np.searchsorted(self.starts, index, side="right") - 1
        return np.stack([arrays[s][i - self.starts[s]] for s, i in zip(shard, index)])

    def masks(self, index):
        """[B,1,128,128] in [0,1]: how much of a pixel is face"""
        return torch.from_numpy(self._gather(self.face_masks, index))[:, None].float() / 255

    def w(self, index):
        return w_of_factors(self.factors[index])

    def targets9(self, index):
        """Classifier targets in raw units, order ATTRS9"""
        a = self.attributes[index]
        columns = {name: a[:, i] for i, name in enumerate(ATTRS8)}
        columns["roll"] = roll_degrees(self.factors[index][:, ROLL])
        return torch.stack([columns[n] for n in ATTRS9], 1)


def roll_degrees(roll_factor):
    return roll_factor * 0.08 * 180 / math.pi


def orthogonal(rows, columns, seed):
    """A seeded matrix with orthonormal columns"""
    random = np.random.RandomState(seed).randn(rows, rows)
    q, r = np.linalg.qr(random)
    q = q * np.sign(np.diag(r))
    return torch.from_numpy(q[:, :columns].astype(np.float32))


# z = R u: the rotation entangles the factors in z.
ROTATION = orthogonal(LATENT, LATENT, 2309)
# w = M f: factors are mixed over all 128 coordinates of w, which has about unit variance in each.
MIXING = orthogonal(LATENT, FACTORS, 12033) * math.sqrt(LATENT / FACTORS)


def w_of_factors(factors):
    return factors @ MIXING.t()


def factors_of_w(w):
    return w @ MIXING * (FACTORS / LATENT)


def cdf(x):
    return 0.5 * torch.erfc(-x * math.sqrt(0.5))


def factors_of_u(u):
    """shown_factors of tools/portraits/portrait.cpp; u normalised to rms 1"""
    f = u[:, :FACTORS].clamp(-2.2, 2.2)
    ramp = lambda p, a, b: ((p - a) / (b - a)).clamp(0, 1)
    p = cdf(u[:, :8])
    smile = ramp(p[:, 7], 0.1, 0.9)
    smile = smile * smile * (3 - 2 * smile)
    shown = [
        (u[:, 0] > 0).float() * 2 - 1,
        (u[:, 1] > GLASSES_THRESHOLD).float() * 2 - 1,
        1.7 * (2 * p[:, 2] - 1),
        1.7 * (2 * p[:, 3] - 1),
        2.4 * ramp(p[:, 4], 0.5, 0.9) - 0.8,
        2.4 * ramp(p[:, 5], 0.45, 0.85) - 0.8,
        1.7 * (2 * p[:, 6] - 1),
        1.4 * (2 * smile - 1),
    ]
    return torch.cat([torch.stack(shown, 1), f[:, 8:]], 1)


def attributes_of_factors(f):
    """Raw attributes (ATTRS8) from shown factors"""
    return torch.stack([(f[:, 0] + 1) / 2, (f[:, 1] + 1) / 2, f[:, 2] / 1.7 * 35, f[:, 3] / 1.7 * 18,
                        (f[:, 4] + 0.8) / 2.4, (f[:, 5] + 0.8) / 2.4, (f[:, 6] / 1.7 + 1) / 2 * (OLDEST - YOUNGEST) + YOUNGEST,
                        (f[:, 7] / 1.4 + 1) / 2], 1)


def image_loss(a, b):
    """L1 at two scales and L1 of the gradients"""
    d = a - b
    half = F.avg_pool2d(d, 2)
    dx, dy = d[..., 1:] - d[..., :-1], d[..., 1:, :] - d[..., :-1, :]
    return d.abs().mean() + half.abs().mean() + dx.abs().mean() + dy.abs().mean()


def psnr(a, b):
    """Per picture, of images in [-1,1]"""
    error = (a.clamp(-1, 1) - b).square().mean((1, 2, 3)).clamp_min(1e-8)
    return 10 * torch.log10(4 / error)


class Run:
    """Checkpoints every two minutes and learning rates by wall clock: trainings here end at a given
    minute, so the schedule follows the fraction of the time used (over all restarts)."""

    def __init__(self, path, modules, optimizer, seconds, seed):
        self.path, self.modules, self.optimizer = path, modules, optimizer
        self.seconds, self.rank, self.parent = seconds, 0, None
        self.base = [g["lr"] for g in optimizer.param_groups]
        self.step, self.used, self.saved, self.last = 0, 0.0, time.time(), time.time()
        torch.manual_seed(seed)
        np.random.seed(seed)
        if os.path.exists(path):
            state = torch.load(path)
            for name, module in modules.items():
                module.load_state_dict(state[name])
            optimizer.load_state_dict(state["optimizer"])
            self.step, self.used = state["step"], state["used"]
            torch.manual_seed(seed + self.step)
            np.random.seed(seed + self.step)
            print("resumed at step", self.step, flush=True)

    @property
    def progress(self):
        return min(self.used / self.seconds, 1.0)

    def next(self):
        """Advance; False when the time is used up (the state is saved then)."""
        now = time.time()
        self.used += min(now - self.last, 30)
        self.last = now
        self.step += 1
        warm = min(self.step / 100, 1)
        # flat, then a cosine to 2 %
        fall = max(0.0, (self.progress - 0.4) / 0.6)
        factor = warm * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * fall)))
        for group, base in zip(self.optimizer.param_groups, self.base):
            group["lr"] = base * factor
        if self.rank == 0 and (now - self.saved > 120 or self.progress >= 1):
            self.save()
        orphan = self.rank > 0 and os.getppid() != self.parent
        return self.progress < 1 and not orphan

    def save(self):
        state = {name: module.state_dict() for name, module in self.modules.items()}
        state.update(optimizer=self.optimizer.state_dict(), step=self.step, used=self.used)
        torch.save(state, self.path + ".part")
        os.replace(self.path + ".part", self.path)
        self.saved = time.time()


def fork_workers(run, *modules):
    """PEOPLE_WORKERS processes train the same shared parameters without locks, each with its own
    optimiser state and random numbers; returns the rank.  Rank 0 saves."""
    for module in modules:
        module.share_memory()
    parent = os.getpid()
    for rank in range(1, int(os.environ.get("PEOPLE_WORKERS", "1"))):
        if os.fork() == 0:
            run.rank, run.parent = rank, parent
            torch.manual_seed(1000 * rank + run.step)
            np.random.seed(1000 * rank + run.step)
            return rank
    return 0


@torch.no_grad()
def follow(average, model, decay):
    """Exponential moving average of parameters and copies of buffers"""
    for a, p in zip(average.parameters(), model.parameters()):
        a.lerp_(p, 1 - decay)
    for a, b in zip(average.buffers(), model.buffers()):
        a.copy_(b)


def save_sheet(path, images, columns):
    from PIL import Image
    images = ((images.clamp(-1, 1) + 1) * 127.5).byte()
    count, _, height, width = images.shape
    rows = (count + columns - 1) // columns
    sheet = np.zeros((rows * height, columns * width, 3), np.uint8)
    for i in range(count):
        y, x = i // columns * height, i % columns * width
        sheet[y:y + height, x:x + width] = images[i].permute(1, 2, 0).numpy()
    Image.fromarray(sheet).save(path)
