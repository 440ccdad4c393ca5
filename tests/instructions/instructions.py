#!/usr/bin/env python3
"""Counts the instructions of fixed runs under valgrind's callgrind and compares with counts.csv: what the clock of a
shared machine cannot show. One column per compiler and SIMD target (valgrind has no AVX-512, so AVX2 is what it
chooses).

  instructions.py BUILD_FOLDER [--update]

Fails where a row needs more than the table says. The same program counts the same to the instruction; the margin is for
what a compiler's point release or another libm adds. A compiler without a column is reported, not judged. BUILD_FOLDER
is built with MIEN_BENCH=ON.
"""
import argparse
import collections
import concurrent.futures
import csv
import os
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
TABLE = os.path.join(ROOT, "tests", "instructions", "counts.csv")
PORTRAIT = os.path.join(ROOT, "tools", "people", "weights", "portrait.png")
SKIPPED = 77
MARGIN = 0.02

# Counted inside of these functions only.
PROGRAM = "mien::Program::Run(std::atomic<bool> const*)"
OP = "mien::*::Cpu(mien::*::Params const&, mien::CpuCall const&)"
# {run: (function, command)}. What people do with the built-in model, and the flow's products in the sizes of the public
# one.
RUNS = {
    "edit": (PROGRAM, "{build}/tools/mien --threads 1 edit {portrait} --aligned --crop --no-likeness -o {folder}/"
                      "edit.png --set smile=1".split()),
    "synth": (PROGRAM, "{build}/tools/mien --threads 1 synth --seeds 0 -o {folder}/synth.png".split()),
    **{case: (OP, ["{build}/bench/op_bench", "--repeat", "1", case])
       for case in ["linear mapping", "linear flow_initial", "linear flow_block", "affine_coupling flow_512",
                     "depthwise_conv detector_256_13", "depthwise_conv landmarks_64_s2_28", "pool2d recognizer_32_72"]},
}
# Of the edit also what each op takes, and each form of the convolutions: {row: function}.
PARTS = re.compile(r"mien::(\w+)::Cpu\(mien::\1::(?:Cpu)?Params const&, mien::CpuCall const&\)$|"
                   r"mien::gemm::(\w+)::Run\(mien::gemm::ConvShape const&, mien::gemm::ConvCall const&\)$")


def read_counts(lines):
    """Total, and {function: instructions in it and what it calls}, of a callgrind file."""
    names, inclusive, total, called = {}, collections.Counter(), 0, None
    for line in lines:
        if match := re.match(r"c?fn=\((\d+)\)(?: (.*))?$", line):
            if match[2]:
                names[match[1]] = match[2]
            called = names[match[1]]
        elif line.startswith("calls="):
            inclusive[called] += int(next(lines).split()[-1])
        elif line.startswith("totals:"):
            total = int(line.split()[1])
    return total, inclusive


def count(run, build, folder):
    """{row: instructions} of one run."""
    function, words = RUNS[run]
    command = [word.format(build=build, folder=folder, portrait=PORTRAIT) for word in words]
    out = os.path.join(folder, run.replace(" ", "_"))
    ran = subprocess.run(["valgrind", "--tool=callgrind", "--callgrind-out-file=" + out, "--toggle-collect=" + function]
                         + command, capture_output=True, text=True)
    if ran.returncode != 0:
        sys.exit(f"instructions: {' '.join(command)} failed:\n{ran.stdout}{ran.stderr}")
    with open(out) as f:
        total, inclusive = read_counts(f)
    if total == 0:
        sys.exit(f"instructions: {' '.join(command)} did not call {function}")
    rows = {run: total}
    if run == "edit":
        for name, instructions in sorted(inclusive.items()):
            if match := PARTS.match(name):
                rows[f"edit, {match[1] or match[2]}"] = instructions
    return rows


def measure(build):
    with tempfile.TemporaryDirectory() as folder, concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        rows = {}
        for found in pool.map(lambda run: count(run, build, folder), RUNS):
            rows.update(found)
        return rows


def column_name(build):
    """Compiler and SIMD target, as the program names them under valgrind."""
    words = subprocess.run(["valgrind", "-q", os.path.join(build, "tools", "mien"), "--version"], check=True,
                           capture_output=True, text=True).stdout
    return re.search(r"compiler: (.+)", words)[1] + " " + re.search(r"CPU kernels: (\S+)", words)[1]


def read_table():
    if not os.path.exists(TABLE):
        return {}
    with open(TABLE, newline="") as f:
        return {row.pop("run"): {key: int(v) for key, v in row.items() if v} for row in csv.DictReader(f)}


def write_table(table):
    columns = sorted({column for row in table.values() for column in row})
    with open(TABLE, "w", newline="") as f:
        writer = csv.DictWriter(f, ["run"] + columns, lineterminator="\n")
        writer.writeheader()
        for run, row in table.items():
            writer.writerow({"run": run, **row})


def judge(counts, allowed):
    """Prints a line per row; how many fail. A row that is new or gone fails as well."""
    failures = 0
    for run in sorted(counts.keys() | allowed.keys()):
        found, most = counts.get(run, 0), allowed.get(run, 0)
        ratio = found / most - 1 if found and most else None
        verdict = ("FAILED: not in both, the table and the run" if ratio is None else
                   "FAILED: more than the table allows" if ratio > MARGIN else
                   "less than the table has: --update writes it" if ratio < -MARGIN else "")
        failures += "FAILED" in verdict
        print(f"{run:26} {found:13,} {'' if ratio is None else f'{ratio:+.2%}':>9}  {verdict}")
    return failures


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build")
    parser.add_argument("--update", action="store_true", help="write this compiler's column")
    arguments = parser.parse_args()
    if shutil.which("valgrind") is None:
        print("instructions: SKIPPED, there is no valgrind")
        return SKIPPED
    column, counts, table = column_name(arguments.build), measure(arguments.build), read_table()
    if arguments.update:
        write_table({run: {**table.get(run, {}), column: counts[run]} for run in counts})
        return 0
    allowed = {run: row[column] for run, row in table.items() if column in row}
    if not allowed:
        for run, instructions in counts.items():
            print(f"{run:26} {instructions:13,}")
        print(f"instructions: {column} is reported, not judged: the table has no such column (--update adds it)")
        return 0
    failures = judge(counts, allowed)
    print(f"instructions: {column}, {len(counts)} rows, {failures} failures")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
