"""mien beside PyTorch, ONNX Runtime, OpenVINO and the sum of oneDNN's convolutions: what bench/run.sh starts.

    compare.py BUILD FOLDER PYTHON [--graphs synthesis256,...] [--threads 1,2] [--rounds N] [--steady N] [--layers]
               [-o md|csv|json]

BUILD is a build folder with -DMIEN_BENCH=ON, FOLDER keeps the generated weights and exported graphs, PYTHON sees
onnxruntime and openvino; /usr/bin/python3 sees PyTorch. Every contestant is a process of its own, with its memory and
its threads, and is timed only after its outputs have passed the gate of tests/support/parity.h on the recorded ones.
Rounds go A, B, C, A, B, C, ...; medians count. The peak of resident memory is that of the runs, loading apart.
"""
import argparse
import csv
import datetime
import json
import os
import re
import statistics
import subprocess
import sys
import time

import numpy as np

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..")
sys.path.insert(0, os.path.join(ROOT, "tests", "oracle"))
import layers  # noqa: E402
import tensor_io  # noqa: E402
from report import markdown  # noqa: E402
from rival_serve import PIPELINES, weights_of  # noqa: E402

HERE = os.path.join(ROOT, "bench")
RIVALS = [("PyTorch", "public"), ("PyTorch", "rewritten"), ("ONNX Runtime", "public"), ("ONNX Runtime", "rewritten"),
          ("OpenVINO", "public"), ("OpenVINO", "rewritten")]
ROUNDS = {"synthesis256": 5, "synthesis1024": 5, "encoder": 5, "flow": 25, "edit": 3}
FEWER_ROUNDS = {"synthesis256": 3, "synthesis1024": 2, "encoder": 2, "flow": 25, "edit": 0}  # with fewer threads
STEADY = {"synthesis256": 200, "synthesis1024": 30, "encoder": 30, "flow": 200, "edit": 0}
SUMMED = ("synthesis256", "synthesis1024", "encoder")  # whose convolutions oneDNN computes alone
KINDS = ["g256", "g1024", "e4e", "flow512"]
# Options of program_bench, one contestant each.
MIEN = {pipeline: ["--memory layers", "--memory bands"] for pipeline in ("synthesis1024", "encoder", "edit")}
DECIBELS = 90  # what Winograd's algorithm has to keep (DESIGN.md, "Proof")


# ---- weights, inputs, exported graphs: made once

def model_of(options, pipeline):
    return os.path.join(options.folder, "small.model" if pipeline == "synthesis256" else "model")


def prepare_weights(options):
    os.makedirs(options.folder, exist_ok=True)
    path = lambda name: os.path.join(options.folder, name)  # noqa: E731
    missing = [k for k in KINDS if not os.path.exists(path(k + ".safetensors"))]
    if missing:
        subprocess.run([os.path.join(options.build, "tests", "hash_weights"), *missing, options.folder], check=True,
                       stdout=sys.stderr)
    mien = os.path.join(options.build, "tools", "mien")
    for model, parts in (("small.model", ["g256"]), ("model", ["e4e", "g1024", "flow512"])):
        if not os.path.exists(path(model)):
            subprocess.run([mien, "convert", *[path(p + ".safetensors") for p in parts], "-o", path(model)], check=True,
                           stdout=sys.stderr)


def prepare_graphs(options):
    path = lambda name: os.path.join(options.folder, name)  # noqa: E731
    byte_image = golden("e4e")["in/image_u8"].astype(np.float32)
    image = ((byte_image / np.float32(255) - np.float32(0.5)) / np.float32(0.5)).transpose(2, 0, 1)[None]
    for pipeline in options.graphs:
        first = PIPELINES[pipeline][0]
        x = {"image": image} if first == "encoder" else {
            "w_plus": tensor_io.read(path(weights_of(pipeline, first) + ".in.safetensors"))[0]["w_plus"]}
        tensor_io.write(path(pipeline + ".in.safetensors"), x)
        for form in ("public", "rewritten"):
            graphs = ["%s-%s-%s.onnx" % (weights_of(pipeline, n), n, form) for n in PIPELINES[pipeline]]
            if not all(os.path.exists(path(graph)) for graph in graphs):
                subprocess.run(["/usr/bin/python3", os.path.join(HERE, "rival_torch.py"), "export", pipeline, form,
                                options.folder], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


# ---- proof

def golden(kind):
    return tensor_io.read(os.path.join(ROOT, "tests/data/golden/sh_%s.io.safetensors" % kind))[0]


def recorded(pipeline, network, outputs):
    """[(ours, recorded, recorded float64)] of one network; the whole edit has none, its parts have."""
    g = golden(weights_of(pipeline, network))
    if network == "synthesis":
        samples = outputs["synthesis/image"].reshape(-1)[g["image/idx"]]
        return [(samples, g["image/val"], g["f64/image/val"])]
    if network == "encoder":
        return [(outputs["encoder/w_plus"], g["codes_plus_latent_avg"], g["f64/codes_plus_latent_avg"])]
    if network == "flow":
        return [(outputs["flow/latent"], g["z"], g["f64/z"]),
                (outputs["flow/logabsdet"], g["logabsdet"], g["f64/logabsdet"])]
    return [(outputs["flow_inverse/w_plus"], g["x_edit_attr0_m2_attr5_p2"], g["f64/x_edit"])]


def decibels(ours, truth):
    error = np.sqrt(np.mean((ours.reshape(-1) - truth.reshape(-1)).astype(np.float64) ** 2))
    return float(20 * np.log10(np.sqrt(np.mean(truth.astype(np.float64) ** 2)) / max(error, 1e-300)))


def prove(pipeline, outputs, reference):
    """The worst ratio of error to gate, the least decibels of rms over error; edit: against the first contestant."""
    if pipeline == "edit":
        image = outputs["synthesis/image"]
        return None, None if reference is None else decibels(image, reference)
    ratios, levels = [], []
    for network in PIPELINES[pipeline]:
        for ours, theirs, truth in recorded(pipeline, network, outputs):
            ours, theirs = ours.reshape(-1).astype(np.float64), theirs.reshape(-1).astype(np.float64)
            truth = truth.reshape(-1)
            ratios.append(np.abs(ours - truth).max() / (4 * np.abs(theirs - truth).max()))
            levels.append(decibels(ours, truth))
    return float(max(ratios)), float(min(levels))


# ---- contestants

class Contestant:
    def __init__(self, options, pipeline, name, form, threads):
        self.row = {"pipeline": pipeline, "name": name, "form": form, "threads": threads}
        self.label = " ".join(filter(None, (name, form)))
        base = os.path.join(options.folder, re.sub(r"\W+", "_", "out %s %s" % (self.label, pipeline)))
        self.out, self.times = base + ".safetensors", []
        environment = {k: v for k, v in os.environ.items() if not k.startswith("OPENBLAS_")}
        environment.update(OMP_NUM_THREADS=str(threads), OPENBLAS_NUM_THREADS=str(threads))
        self.errors = open(base + ".err", "w+")
        self.process = subprocess.Popen(self.command(options), env=environment, stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=self.errors, text=True)

    def wait_until_ready(self):
        """Why it is left out; None: it is ready."""
        ready = self.process.stdout.readline().split()
        if not ready:
            self.errors.seek(0)
            return (self.errors.read().strip() or "no answer").splitlines()[-1]
        if self.row["name"] == "mien":
            self.row["multiply_adds"], self.row["products"] = int(ready[1]), int(ready[2])
        elif self.is_sum():
            self.row["version"], self.row["multiply_adds"] = ready[2], int(ready[3])
        else:
            self.row["version"] = ready[-1]
        self.row["peak_with_loading_mb"] = self.peak()
        with open("/proc/%d/clear_refs" % self.process.pid, "w") as file:
            file.write("5")  # the peak from here on
        return None

    def is_sum(self):
        """Of convolutions, which computes nothing that could be proven."""
        return self.row["name"] == "oneDNN convolutions"

    def command(self, options):
        pipeline, name, form, threads = (str(self.row[k]) for k in ("pipeline", "name", "form", "threads"))
        if name == "mien":
            return [os.path.join(options.build, "bench", "program_bench"), model_of(options, pipeline),
                    ",".join(PIPELINES[pipeline]),
                    "--edit", "--in", os.path.join(options.folder, pipeline + ".in.safetensors"), "--out", self.out,
                    "--threads", threads, *form.split()]
        if self.is_sum():
            return [os.path.join(options.build, "bench", "onednn_convs"), pipeline]
        if name == "PyTorch":
            head = ["/usr/bin/python3", os.path.join(HERE, "rival_torch.py"), "serve"]
        else:
            engine = name.replace(" ", "").lower()
            head = [options.python, os.path.join(HERE, "rival_onnx.py"), engine]
        return [*head, pipeline, form, threads, options.folder, self.out]

    def peak(self):
        with open("/proc/%d/status" % self.process.pid) as file:
            return int(re.search(r"VmHWM:\s*(\d+)", file.read())[1]) * 1024 / 1e6

    def run(self):
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return tuple(float(x) for x in self.process.stdout.readline().split())

    def finish(self):
        wall, cpu = ([t[k] for t in self.times] for k in (0, 1))
        self.row.update(wall_ms=statistics.median(wall), wall_min_ms=min(wall), wall_max_ms=max(wall),
                        cpu_ms=statistics.median(cpu), rounds=len(self.times), peak_mb=self.peak())
        self.row["peak_with_loading_mb"] = max(self.row["peak_with_loading_mb"], self.row["peak_mb"])
        return self.row

    def stop(self):
        self.process.stdin.close()
        self.process.wait()
        for path in (self.out, self.errors.name):
            if os.path.exists(path):
                os.remove(path)


def line_up(options, pipeline, threads):
    """The contestants that start and are proven."""
    names = [("mien", form) for form in MIEN.get(pipeline, [""])]
    names += [(name, form) for name, form in RIVALS if pipeline != "edit" or form == "rewritten"]  # memory
    if pipeline in SUMMED:
        names.append(("oneDNN convolutions", ""))
    contestants, reference = [], None
    for contestant in [Contestant(options, pipeline, name, form, threads) for name, form in names]:
        error = contestant.wait_until_ready()
        if error:
            print("%s, %s: left out, %s" % (pipeline, contestant.label, error), file=sys.stderr)
            continue
        contestants.append(contestant)
        if contestant.is_sum():
            continue
        outputs = tensor_io.read(contestant.out)[0]
        ratio, level = prove(pipeline, outputs, reference)
        if pipeline == "edit" and reference is None:
            reference = outputs["synthesis/image"]
        contestant.row.update(error_to_gate=ratio, decibels=level)
        shown = ["-" if value is None else form % value for form, value in (("%.2f", ratio), ("%.0f", level))]
        print("%-14s %d threads  %-24s error/gate %-6s %s dB" % (pipeline, threads, contestant.label, *shown),
              file=sys.stderr, flush=True)
        within = ratio is not None and ratio <= 1
        if not within and not (level is None or level >= DECIBELS):
            sys.exit(contestant.label + " computes something else")
    return contestants


def quantiles(times):
    ordered = sorted(times)
    at = lambda share: ordered[max(0, -int(-share * len(ordered) // 1) - 1)]  # noqa: E731
    return {"runs": len(ordered), "p50_ms": at(0.5), "p99_ms": at(0.99), "max_ms": ordered[-1]}


def compete(options, pipeline, threads, rows, steadiness):
    rounds = (ROUNDS if threads == max(options.threads) else FEWER_ROUNDS)[pipeline]
    if rounds == 0:
        return
    rounds = options.rounds or rounds
    contestants = line_up(options, pipeline, threads)
    for round_ in range(-1, rounds):  # the first round warms up
        for contestant in contestants:
            time.sleep(0.05)  # for the spinning threads of the one before
            if pipeline == "flow":
                contestant.run()  # back into the caches: a run is that short
            times = contestant.run()
            if round_ >= 0:
                contestant.times.append(times)
    rows.extend(contestant.finish() for contestant in contestants)
    runs = STEADY[pipeline] if options.steady is None else options.steady
    if runs and threads == max(options.threads) and contestants[0].row["name"] == "mien":
        times = quantiles([contestants[0].run()[0] for _ in range(runs)])
        steadiness.append({"pipeline": pipeline, "threads": threads, **times})
    for contestant in contestants:
        contestant.stop()


def machine():
    with open("/proc/cpuinfo") as file:
        text = file.read()
    flags = re.search(r"flags\s*:(.*)", text)[1].split()
    vectors = "AVX-512" if "avx512f" in flags else "AVX2" if "avx2" in flags else "neither AVX2 nor AVX-512"
    return "%d processors, %s, %s" % (os.cpu_count(), re.search(r"model name\s*: (.*)", text)[1], vectors)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("build")
    parser.add_argument("folder")
    parser.add_argument("python")
    words = lambda text: text.split(",")  # noqa: E731
    parser.add_argument("--graphs", type=words, default=list(PIPELINES))
    parser.add_argument("--threads", type=lambda text: [int(t) for t in text.split(",")],
                        default=list(range(1, os.cpu_count() + 1))[:2])
    parser.add_argument("--rounds", type=int, help="of every pipeline; default: %s" % ROUNDS)
    parser.add_argument("--steady", type=int, help="runs for p99/p50; default: %s" % STEADY)
    parser.add_argument("--layers", action="store_true", help="instead: layer by layer beside oneDNN (layers.py)")
    parser.add_argument("-o", dest="format", choices=["md", "csv", "json"], default="md")
    options = parser.parse_args()
    prepare_weights(options)
    result = {"date": datetime.date.today().isoformat(), "machine": machine(), "load_before": os.getloadavg()[0]}
    if options.layers:
        result["layers"] = [row for pipeline in options.graphs if pipeline in SUMMED for row in layers.measure(
            options, pipeline, PIPELINES[pipeline][0], model_of(options, pipeline), max(options.threads),
            options.rounds or ROUNDS[pipeline])]
        show(options.format, result, result["layers"], layers.markdown)
        return
    prepare_graphs(options)
    result["rows"], result["steadiness"] = [], []
    for pipeline in options.graphs:
        for threads in options.threads:
            compete(options, pipeline, threads, result["rows"], result["steadiness"])
    show(options.format, result, result["rows"], markdown)


def show(form, result, rows, to_markdown):
    if form == "json":
        json.dump(result, sys.stdout, indent=1)
    elif form == "md":
        print(to_markdown(result))
    else:
        fields = sorted({key for row in rows for key in row}, key=lambda k: (k not in rows[0], k))
        writer = csv.DictWriter(sys.stdout, fields)
        writer.writeheader()
        writer.writerows(rows)


if __name__ == "__main__":
    main()
