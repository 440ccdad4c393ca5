"""Synthesis of one 1024-pixel image: mien beside PyTorch and ONNX Runtime, interleaved, on the same weights.

    python3 bench/synth_rivals.py BUILD [--kind g1024] [--rounds 7] [--threads 2]

BUILD is a build folder with mien, hash_weights and program_bench (-DMIEN_BENCH=ON). The weights are the generated ones
of the golden files. Every contestant first has to reproduce the recorded image samples (2e-5 of their rms or closer
to the recorded float64 values than 4 times the public code), then the rounds go A, B, C, A, B, C, ...; the table shows
medians of wall time and of the CPU time of all threads. PyTorch is the replica of tests/oracle (the same operations
as the public code); ONNX Runtime runs its export. A rival that is not installed is left out and said so.
"""
import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time

import numpy as np

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..")
sys.path.insert(0, os.path.join(ROOT, "tests", "oracle"))
import tensor_io  # noqa: E402


class Mien:
    name = "mien"

    def __init__(self, build, folder, kind, threads):
        model, inputs = os.path.join(folder, "model"), os.path.join(folder, kind + ".in.safetensors")
        program = os.path.join(build, "tools", "mien")
        subprocess.run([program, "convert", os.path.join(folder, kind + ".safetensors"), "-o", model], check=True)
        out = os.path.join(folder, "image")
        subprocess.run([program, "-m", model, "run", "--graph", "synthesis", "--in", inputs, "--out", out],
                       check=True)
        self.image = tensor_io.read(out)[0]["image"]
        self.process = subprocess.Popen([os.path.join(build, "bench", "program_bench"), model, "synthesis",
                                         "--in", inputs, "--threads", str(threads)],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def run(self):
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return tuple(float(x) for x in self.process.stdout.readline().split())


def timed(function):
    wall, cpu = time.perf_counter(), time.process_time()
    function()
    return (time.perf_counter() - wall) * 1e3, (time.process_time() - cpu) * 1e3


class Torch:
    name = "PyTorch"

    def __init__(self, folder, kind, threads):
        import torch
        import nets
        self.torch = torch
        torch.set_num_threads(threads)
        weights = tensor_io.read(os.path.join(folder, kind + ".safetensors"))[0]
        self.state = {k: torch.from_numpy(v.copy()) for k, v in weights.items()}
        self.w_plus = torch.from_numpy(tensor_io.read(os.path.join(folder, kind + ".in.safetensors"))[0]["w_plus"].copy())
        self.synthesis = nets.synthesis_rosinality
        self.name = "PyTorch " + torch.__version__
        self.image = self.evaluate().numpy()

    def evaluate(self):
        with self.torch.no_grad():
            return self.synthesis(self.state, self.w_plus)

    def run(self):
        return timed(self.evaluate)


class Onnx:
    def __init__(self, rival, folder, threads):
        import onnxruntime
        torch = rival.torch

        class Module(torch.nn.Module):
            def forward(self, w_plus):
                return rival.synthesis(rival.state, w_plus)

        path = os.path.join(folder, "synthesis.onnx")
        torch.onnx.export(Module(), rival.w_plus, path, input_names=["w_plus"], opset_version=13)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        self.session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        self.feed = {"w_plus": rival.w_plus.numpy()}
        self.name = "ONNX Runtime " + onnxruntime.__version__
        self.image = self.session.run(None, self.feed)[0]

    def run(self):
        return timed(lambda: self.session.run(None, self.feed))


def proven(rival, golden):
    index, recorded, truth = (golden[n] for n in ("image/idx", "image/val", "f64/image/val"))
    ours = rival.image.reshape(-1)[index]
    error, gate = np.abs(ours - truth).max(), 4 * np.abs(recorded - truth).max()
    print("%-24s samples off by %.3g, gate %.3g" % (rival.name, error, gate), flush=True)
    if not error <= gate:
        sys.exit(rival.name + " computes something else")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("build")
    parser.add_argument("--kind", default="g1024", choices=["g256", "g1024"])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    options = parser.parse_args()
    golden = tensor_io.read(os.path.join(ROOT, "tests/data/golden/sh_%s.io.safetensors" % options.kind))[0]
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([os.path.join(options.build, "tests", "hash_weights"), options.kind, folder], check=True)
        rivals = [Mien(options.build, folder, options.kind, options.threads)]
        try:
            rivals.append(Torch(folder, options.kind, options.threads))
            rivals.append(Onnx(rivals[1], folder, options.threads))
        except ImportError as error:
            print("left out:", error)
        for rival in rivals:
            proven(rival, golden)
        times = {rival.name: [] for rival in rivals}
        for round_ in range(-1, options.rounds):  # the first round warms up
            for rival in rivals:
                measured = rival.run()
                if round_ >= 0:
                    times[rival.name].append(measured)
    print("\n| %s, %d threads, %d rounds | wall ms, median | min .. max | CPU ms, median |"
          % (options.kind, options.threads, options.rounds))
    print("|---|---|---|---|")
    for name, rows in times.items():
        wall, cpu = ([row[k] for row in rows] for k in (0, 1))
        print("| %s | %.0f | %.0f .. %.0f | %.0f |"
              % (name, statistics.median(wall), min(wall), max(wall), statistics.median(cpu)))


if __name__ == "__main__":
    main()
