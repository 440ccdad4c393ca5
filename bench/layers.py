"""mien layer by layer beside oneDNN's convolution of the same shape: what compare.py --layers measures.

mien's step does all that the layer does (style, demodulation, filter, noise, bias, activation, norm); oneDNN's
convolution does nothing else. Layers of one shape are one row, their times added up. Steps that are no convolution have
no rival here. Wall times: of every process the medians of some runs, of several processes in turn (A, B, A, B, ...) the
medians again.
"""
import os
import re
import statistics
import subprocess

STEP = re.compile(r"(\w+) +\S+ +(\[\S+) (\[\S+) (\S*) +wall +([\d.]+) ms")
RUNS = 3  # of a process


def numbers(shape):
    return [int(n) for n in shape.strip("[]").split(",")]


def run(command, threads):
    environment = dict(os.environ, OMP_NUM_THREADS=str(threads))
    return subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout.splitlines()


def title(inputs, outputs, side, result, kernel):
    """One by one or not: of a head's last 3x3 taps oneDNN is asked for those that meet more than padding."""
    size = "%d px" % side if side == result else "%d -> %d px" % (side, result)
    return "%s, %d -> %d, %s" % ("1x1" if kernel == 1 else "3x3", inputs, outputs, size)


def steps_of_mien(options, model, network, threads):
    """{row: [number of steps, ms]} in the order of the network."""
    command = [os.path.join(options.build, "bench", "program_bench"), model, network, "--threads", str(threads),
               "--steps", str(RUNS)]
    rows = {}
    for match in filter(None, map(STEP.match, run(command, threads))):
        op, result, x, weight, wall = match.groups()
        name = op
        if op in ("mod_conv", "conv2d"):
            outputs, inputs, kernel = numbers(weight)[:3]
            name = title(inputs, outputs, numbers(x)[3], numbers(result)[3], kernel)
        row = rows.setdefault(name, [0, 0.0])
        row[0], row[1] = row[0] + 1, row[1] + float(wall)
    return rows


def steps_of_onednn(options, pipeline, threads):
    command = [os.path.join(options.build, "bench", "onednn_convs"), pipeline, "--steps", str(RUNS)]
    rows = {}
    for line in run(command, threads):
        *shape, wall = line.split()
        row = rows.setdefault(title(*map(int, shape)), [0, 0.0])
        row[0], row[1] = row[0] + 1, row[1] + float(wall)
    return rows


def measure(options, pipeline, network, model, threads, rounds):
    """[{pipeline, layer, count, mien_ms, onednn_ms or None}], convolutions in the network's order, then the rest."""
    ours, theirs = [], []
    for _ in range(rounds):
        ours.append(steps_of_mien(options, model, network, threads))
        theirs.append(steps_of_onednn(options, pipeline, threads))
    unlike = {name for name, row in theirs[0].items() if ours[0].get(name, [0])[0] != row[0]}
    if unlike:
        raise RuntimeError("%s: mien and oneDNN differ in their layers: %s" % (pipeline, ", ".join(sorted(unlike))))
    rows = []
    for name, (count, _) in sorted(ours[0].items(), key=lambda item: item[0] not in theirs[0]):
        rows.append({"pipeline": pipeline, "threads": threads, "layer": name, "count": count,
                     "mien_ms": statistics.median(r[name][1] for r in ours),
                     "onednn_ms": statistics.median(r[name][1] for r in theirs) if name in theirs[0] else None})
    return rows


def markdown(result):
    rows = result["layers"]
    lines = ["%s; %s; load before %.1f." % (result["date"], result["machine"], result["load_before"])]
    for pipeline in dict.fromkeys(row["pipeline"] for row in rows):
        here = [row for row in rows if row["pipeline"] == pipeline]
        lines += ["", "### %s by layer, %d threads" % (pipeline, here[0]["threads"]), "",
                  "| layer | of them | mien ms | oneDNN's convolution ms | times as long as mien's |",
                  "|---|---|---|---|---|"]
        convolutions = [row for row in here if row["onednn_ms"] is not None]
        total = {"layer": "all convolutions", "count": sum(row["count"] for row in convolutions)}
        total.update({key: sum(row[key] for row in convolutions) for key in ("mien_ms", "onednn_ms")})
        for row in convolutions + [total] + [row for row in here if row["onednn_ms"] is None]:
            theirs = row["onednn_ms"]
            lines.append("| %s | %d | %.2f | %s | %s |" % (
                row["layer"], row["count"], row["mien_ms"], "" if theirs is None else "%.2f" % theirs,
                "" if theirs is None else "%.2f" % (theirs / row["mien_ms"])))
    return "\n".join(lines)
