"""A step of inversion at full size, of W+ and noise maps: mien beside PyTorch, in turn.

python3 bench/inversion_steps.py build/release/tools/mien build/release/tests/hash_weights [--size 1024] [--rounds 2]
                                 [--threads 2]

The contestants take the same steps from the same state: mien by `invert --replay`, by the direct algorithms; PyTorch
differentiates the public graph and the same rewritten for frameworks (public_graphs.py, rewritten_graphs.py), loss and
rates as rosinality's projector has them. Their losses have to agree to 1e-4. Beside them mien as it inverts a photo, by
Winograd's algorithm. Times are per step: wall, and processor time of all threads, which other work on the machine
disturbs less; memory is the largest of mien's processes.
"""
import argparse
import math
import os
import resource
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "tests", "oracle"))

import numpy as np  # noqa: E402
import torch  # noqa: E402
import torch.nn.functional as F  # noqa: E402

import public_graphs  # noqa: E402
import rewritten_graphs  # noqa: E402
import tensor_io  # noqa: E402

STEPS = 3  # of mien: the time of so many less that of one, which starts the program and reads the weights
TOTAL, WEIGHT = 40, 100.0
RULES = {"total_steps_for_t": str(TOTAL), "noise_regularize": str(WEIGHT), "mse": "1.0", "wplus": "True",
         "latent_noise": "0"}


class LearntNoise(rewritten_graphs.Layer):
    """A layer whose noise map changes."""

    def __init__(self, state, name, index=None):
        self.source = None if index is None else (rewritten_graphs.GAIN * state[name + ".noise.weight"],
                                                  state["noises.noise_%d" % index])
        super().__init__(state, name, index)

    noise = property(lambda self: self.source[0] * self.source[1], lambda self, value: None)


def autocorrelation(maps):
    loss = 0
    for noise in maps:
        while True:
            loss = loss + sum((noise * torch.roll(noise, 1, axis)).mean().pow(2) for axis in (3, 2))
            if noise.shape[2] <= 8:
                break
            noise = F.avg_pool2d(noise, 2)
    return loss


class Rival:
    def __init__(self, synthesis, state, start):
        self.latent = torch.from_numpy(start["init/latent"]).clone().requires_grad_()
        self.maps = [torch.from_numpy(start["init/noise/%d" % i]).clone().requires_grad_()
                     for i in range(self.latent.shape[1] - 1)]
        state = dict(state, **{"noises.noise_%d" % i: noise for i, noise in enumerate(self.maps)})
        self.run, self.target = synthesis(state), torch.from_numpy(start["target"])
        self.adam, self.steps = torch.optim.Adam([self.latent] + self.maps), 0

    def step(self):
        t = self.steps / TOTAL
        ramp = 0.5 - 0.5 * math.cos(math.pi * min(1, (1 - t) / 0.25))
        self.adam.param_groups[0]["lr"] = 0.1 * ramp * min(1, t / 0.05)
        self.steps += 1
        loss = F.mse_loss(self.run(self.latent), self.target) + WEIGHT * autocorrelation(self.maps)
        self.adam.zero_grad()
        loss.backward()
        self.adam.step()
        with torch.no_grad():
            for noise in self.maps:
                noise.add_(-noise.mean()).div_(noise.std())
        return loss.item()


def timed(run, who):
    def processor():
        used = resource.getrusage(who)
        return used.ru_utime + used.ru_stime
    wall, before = time.perf_counter(), processor()
    result = run()
    return result, time.perf_counter() - wall, processor() - before


def starting_point(size):
    random, rows = np.random.RandomState(0), 2 * size.bit_length() - 4
    start = {"target": np.tanh(random.randn(1, 3, size, size)).astype("f4"),
             "init/latent": random.randn(1, rows, 512).astype("f4")}
    for i in range(rows - 1):
        side = 4 << (i + 1) // 2
        start["init/noise/%d" % i] = random.randn(1, 1, side, side).astype("f4")
    return start


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("mien")
    parser.add_argument("hash_weights")
    parser.add_argument("--size", type=int, default=1024, choices=(256, 1024))
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    start = starting_point(options.size)
    with tempfile.TemporaryDirectory() as folder:
        path = lambda name: os.path.join(folder, name)
        kind = "g%d" % options.size
        subprocess.run([options.hash_weights, kind, folder], check=True)
        subprocess.run([options.mien, "-q", "convert", path(kind + ".safetensors"), "-o", path("a.model")], check=True)
        state = {k: torch.from_numpy(v.copy()) for k, v in tensor_io.read(path(kind + ".safetensors"))[0].items()}
        state = {k[len("g_ema."):] if k.startswith("g_ema.") else k: v for k, v in state.items()}

        def mien(count):
            tensor_io.write(path("steps"), start, dict(RULES, steps=str(count)))
            command = [options.mien, "-q", "--threads", str(options.threads), "-m", path("a.model"), "invert",
                       "--replay", path("steps"), "-o", path("out.safetensors")]
            run = timed(lambda: subprocess.run(command, check=True, stdout=subprocess.DEVNULL),
                        resource.RUSAGE_CHILDREN)
            return tensor_io.read(path("out.safetensors"))[0]["lr_noisereg_mse_loss"][:, 3], run[1], run[2]

        def photo(count):
            command = [options.mien, "-q", "--threads", str(options.threads), "-m", path("a.model"), "invert",
                       "--aligned", path("photo.png"), "--start", "mean", "--learn-noise", "--scales", "1",
                       "--no-likeness", "--steps", str(count), "-o", path("codes.safetensors")]
            return timed(lambda: subprocess.run(command, check=True, stdout=subprocess.DEVNULL),
                         resource.RUSAGE_CHILDREN)[1:]

        def rival(synthesis):
            inversion = Rival(synthesis, state, start)
            losses = [inversion.step()]
            more, wall, processor = timed(lambda: [inversion.step() for _ in range(STEPS - 1)], resource.RUSAGE_SELF)
            return np.array(losses + more), wall / (STEPS - 1), processor / (STEPS - 1)

        rewritten_graphs.Layer = LearntNoise
        rivals = {"PyTorch, the public graph": public_graphs.synthesis,
                  "PyTorch, rewritten, activations": rewritten_graphs.synthesis,
                  "PyTorch, rewritten, weights": lambda s: rewritten_graphs.synthesis(s, "weights")}
        subprocess.run([options.mien, "-q", "-m", path("a.model"), "synth", "--seeds", "0", "-o", path("photo.png")],
                       check=True, stdout=subprocess.DEVNULL)
        own = ["mien", "mien, Winograd"]
        ones, times = {name: [] for name in own}, {name: [] for name in [*own, *rivals]}
        for _ in range(options.rounds):
            one, several = mien(1), mien(STEPS)
            for name, short, long in zip(own, (one[1:], photo(1)), (several[1:], photo(STEPS))):
                ones[name].append(short)
                times[name].append(long)
            for name, synthesis in rivals.items():
                losses, wall, processor = rival(synthesis)
                off = np.abs(losses / several[0] - 1).max()
                assert off <= 1e-4, (name, losses, several[0])
                times[name].append((wall, processor))
    print(f"PyTorch {torch.__version__}, {options.size} pixels, {options.threads} threads, least of {options.rounds}")
    for name, measured in times.items():
        wall, processor = (min(part) for part in zip(*measured))
        if name in own:
            wall, processor = ((a - min(b)) / (STEPS - 1) for a, b in zip((wall, processor), zip(*ones[name])))
        print(f"{name:32} {wall:8.2f} s wall {processor:8.2f} s of processors")
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1e6 * 1.024
    print(f"mien: {peak:.2f} GB at the most")


if __name__ == "__main__":
    main()
