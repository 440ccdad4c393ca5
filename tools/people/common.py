"""Data shards, the latent spaces, image losses and averages shared by the trainers."""
import glob
import json
import math
import os
import struct

import numpy as np
import torch
from torch.nn import functional as F

ATTRS8 = ["gender", "glasses", "yaw", "pitch", "bald", "beard", "age", "smile"]
ATTRS9 = ["gender", "glasses", "bald", "beard", "smile", "age", "pitch", "roll", "yaw"]
LATENT, FACTORS = 128, 71  # of tools/portraits/portrait.h; every shard is checked against them
ROLL = FACTORS - 1
GLASSES_THRESHOLD = 0.25
YOUNGEST, OLDEST = 4, 80
DEVICE = "cuda" if torch.cuda.is_available() else "cpu"


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
        """[B,3,S,S] in [-1,1], channels last in memory"""
        return torch.from_numpy(self._gather(self.pixels, index)).to(DEVICE).permute(0, 3, 1, 2).float() / 127.5 - 1

    def _gather(self, arrays, index):
        index = np.asarray(index)
        shard = np.searchsorted(self.starts, index, side="right") - 1
        return np.stack([arrays[s][i - self.starts[s]] for s, i in zip(shard, index)])

    def masks(self, index):
        """[B,1,S,S] in [0,1]: how much of a pixel is face"""
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
    return factors @ MIXING.to(factors.device).t()


def factors_of_w(w):
    return w @ MIXING.to(w.device) * (FACTORS / LATENT)


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
                        (f[:, 4] + 0.8) / 2.4, (f[:, 5] + 0.8) / 2.4,
                        (f[:, 6] / 1.7 + 1) / 2 * (OLDEST - YOUNGEST) + YOUNGEST,
                        (f[:, 7] / 1.4 + 1) / 2], 1)


def image_loss(a, b):
    """L1 at four scales, which finds colours and places soon, and L1 of the gradients, which keeps edges"""
    d = a - b
    loss = differences(d) + d.abs().mean()
    for _ in range(3):
        d = F.avg_pool2d(d, 2)
        loss = loss + d.abs().mean()
    return loss


def differences(d):
    return (d[..., 1:] - d[..., :-1]).abs().mean() + (d[..., 1:, :] - d[..., :-1, :]).abs().mean()


def shrink(images, size):
    return images if images.shape[-1] == size else F.avg_pool2d(images, images.shape[-1] // size)


def psnr(a, b):
    """Per picture, of images in [-1,1]"""
    error = (a.clamp(-1, 1) - b).square().mean((1, 2, 3)).clamp_min(1e-8)
    return 10 * torch.log10(4 / error)


def gradient_energy(images):
    """Per picture"""
    dx, dy = images[..., 1:] - images[..., :-1], images[..., 1:, :] - images[..., :-1, :]
    return dx.square().mean((1, 2, 3)) + dy.square().mean((1, 2, 3))


def has_bfloat16_units():
    """Whether products of bfloat16 are the faster ones: on GPUs and on CPUs with tiles. CPUs that have them in vectors
    alone take 1.6 times as long for a convolution as in float32 (PyTorch 2.15)."""
    if DEVICE == "cuda":
        return True
    with open("/proc/cpuinfo") as file:
        return "amx_bf16" in file.read()


BFLOAT16 = has_bfloat16_units()


def autocast():
    return torch.autocast(DEVICE, torch.bfloat16, enabled=BFLOAT16)


def falling(count, total):
    """Factor of a learning rate: rises over the first 1000 pictures, then flat, from 60 % on a cosine to 2 %"""
    fall = max(0.0, (count / total - 0.6) / 0.4)
    return min((count + 20) / 1000, 1) * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * min(fall, 1))))


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
