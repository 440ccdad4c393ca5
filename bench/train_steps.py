"""A step of training at the official sizes: mien beside PyTorch, in turn.

python3 bench/train_steps.py build/release/tools/mien [--batch 512] [--rounds 2] [--threads 2]

The contestants take the same steps from the same state: mien by `train --replay`, PyTorch the public procedure (two
passes) and the same with one pass (tests/oracle/flow_training.py, proven on recorded steps). Their losses have to agree
to 1e-5. Times are per step: wall, and processor time of all threads, which other work on the machine disturbs less.
"""
import argparse
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

import flow_training  # noqa: E402
import tensor_io  # noqa: E402

STEPS = 3  # of mien: the time of so many less that of one, which starts the program and plans
ROWS, FEATURES, HIDDEN, LAYERS, BLOCKS, ATTRIBUTES = 18, 512, 512, 10, 2, 8
RULES = {"epoch_index": "40", "distribution": "conditional", "lr": "0.001", "weight_decay": "5e-05",
         "flow_divisor": "400", "attr_divisor": "4", "clip": "1.0", "sigma0": "0.7", "decay": "0.9995"}


def initial_state(random):
    state = {}

    def linear(name, out, inputs):
        bound = inputs ** -0.5
        state[name + ".weight"] = random.uniform(-bound, bound, (out, inputs)).astype("f4")
        state[name + ".bias"] = random.uniform(-bound, bound, out).astype("f4")

    for layer in range(LAYERS):
        name = f"_transform._transforms.{2 * layer}"
        columns = np.arange(FEATURES, dtype="i8")
        state[name + ".identity_features"] = columns[layer % 2::2]
        state[name + ".transform_features"] = columns[1 - layer % 2::2]
        linear(name + ".transform_net.initial_layer", HIDDEN, FEATURES // 2 + ROWS)
        for block in range(BLOCKS):
            path = f"{name}.transform_net.blocks.{block}"
            linear(path + ".context_layer", HIDDEN, ROWS)
            linear(path + ".linear_layers.0", HIDDEN, HIDDEN)
            linear(path + ".linear_layers.1", HIDDEN, HIDDEN)
        linear(name + ".transform_net.final_layer", FEATURES, HIDDEN)
        norm = f"_transform._transforms.{2 * layer + 1}."
        for part, value in (("unconstrained_weight", 0.5413), ("bias", 0), ("running_mean", 0), ("running_var", 0)):
            state[norm + part] = np.full(FEATURES, value, "f4")
    linear("_distribution._context_encoder", 2 * FEATURES, ROWS)
    return state


def usage(who):
    used = resource.getrusage(who)
    return used.ru_utime + used.ru_stime


def timed(run, who):
    wall, processor = time.perf_counter(), usage(who)
    result = run()
    return result, time.perf_counter() - wall, usage(who) - processor


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("mien")
    parser.add_argument("--batch", type=int, default=512)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    random = np.random.RandomState(0)
    state = initial_state(random)
    steps = [{"ws": random.randn(options.batch, ROWS, FEATURES).astype("f4"),
              "char_idx": np.arange(options.batch, dtype="i8") // 4,
              "attrs_norm": random.uniform(-1, 1, (options.batch, ATTRIBUTES)).astype("f4")} for _ in range(STEPS)]
    with tempfile.TemporaryDirectory() as folder:
        def mien(count):
            path, out = os.path.join(folder, f"steps{count}"), os.path.join(folder, "out.safetensors")
            if not os.path.exists(path):
                tensors = {"init/" + k: v for k, v in state.items()}
                tensors.update({f"step{s}/{k}": v for s in range(count) for k, v in steps[s].items()})
                tensor_io.write(path, tensors, RULES)
            command = [options.mien, "--threads", str(options.threads), "train", "--replay", path, "-o", out]
            run = timed(lambda: subprocess.run(command, check=True, stdout=subprocess.DEVNULL),
                        resource.RUSAGE_CHILDREN)
            return tensor_io.read(out)[0]["loss"], run[1], run[2]

        def rival(passes):
            training = flow_training.Training({k: torch.from_numpy(v) for k, v in state.items()}, RULES, torch.float32,
                                              passes)
            batches = [[torch.from_numpy(step[k]) for k in ("ws", "char_idx", "attrs_norm")] for step in steps]
            training.step(*batches[0])
            losses, wall, processor = timed(lambda: training.step(*batches[1])[0], resource.RUSAGE_SELF)
            return np.array(losses), wall, processor

        ones, times = [], {"mien": [], "PyTorch, two passes": [], "PyTorch, one pass": []}
        for _ in range(options.rounds):
            one, several = mien(1), mien(STEPS)
            ones.append(one[1:])
            times["mien"].append(several[1:])
            for name, passes in (("PyTorch, two passes", 2), ("PyTorch, one pass", 1)):
                losses, wall, processor = rival(passes)
                off = np.abs(losses - several[0][1]).max() / np.abs(losses).max()
                assert off <= 1e-5, (name, losses, several[0][1])
                times[name].append((wall, processor))
    print(f"PyTorch {torch.__version__}, batch {options.batch}, {options.threads} threads, least of {options.rounds}")
    for name, measured in times.items():
        wall, processor = (min(part) for part in zip(*measured))
        if name == "mien":
            wall, processor = ((a - min(b)) / (STEPS - 1) for a, b in zip((wall, processor), zip(*ones)))
        print(f"{name:24} {wall:8.2f} s wall {processor:8.2f} s of processors")


if __name__ == "__main__":
    main()
