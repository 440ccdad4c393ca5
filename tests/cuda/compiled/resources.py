#!/usr/bin/env python3
"""Holds every kernel to its row of kernels/cuda/resources.csv: threads, shared memory, and on each architecture
registers and blocks per multiprocessor. Compiles all kernels (spilled registers and local memory are errors of the
compiler).

  resources.py [--all | --arch N ...] [--update] [--launches FOLDER]

Fails where a kernel needs more than its row says, has no row, or was launched by no test. Needing less is said.
Threads and dynamic shared memory are those of the largest launch: of the tests, and of the full-size networks.
"""
import csv
import os
import subprocess
import sys

import cubins

TABLE = os.path.join(cubins.ROOT, "kernels", "cuda", "resources.csv")
SIZES = ["threads", "static shared", "dynamic shared"]


def columns(arch):
    return [f"sm_{arch} registers", f"sm_{arch} blocks"]


HEADER = ["kernel"] + SIZES + [column for arch in cubins.ALL_ARCHITECTURES for column in columns(arch)]


def read_table():
    if not os.path.exists(TABLE):
        return {}
    with open(TABLE, newline="") as f:
        return {row["kernel"]: {key: int(v) for key, v in row.items() if key != "kernel" and v}
                for row in csv.DictReader(f)}


def write_table(rows):
    with open(TABLE, "w", newline="") as f:
        writer = csv.DictWriter(f, HEADER, lineterminator="\n")
        writer.writeheader()
        for name in sorted(rows):
            writer.writerow({"kernel": name, **rows[name]})


def occupancies(nvcc, requests):
    """Blocks per multiprocessor for tuples (arch, registers, barriers, static, dynamic, threads)."""
    program = os.path.join(cubins.FOLDER, "occupancy")
    toolkit = os.path.dirname(os.path.dirname(os.path.realpath(nvcc)))
    source = os.path.join(os.path.dirname(os.path.abspath(__file__)), "occupancy.cc")
    subprocess.run(["g++", "-std=c++20", "-O1", "-w", "-I" + os.path.join(toolkit, "include"), source, "-o", program],
                   check=True)
    lines = "".join(" ".join(map(str, request)) + "\n" for request in requests)
    out = subprocess.run([program], input=lines, check=True, capture_output=True, text=True).stdout
    return list(map(int, out.split()))


def largest_launches(executed, steps):
    """(threads, dynamic shared bytes) of every kernel that was launched."""
    sizes = dict(executed)
    for step in steps:
        for launch in step["launches"]:
            threads, shared = sizes.get(launch["kernel"], (0, 0))
            sizes[launch["kernel"]] = (max(threads, launch["threads"]), max(shared, launch["shared"]))
    return sizes


def measure(nvcc, kernels, sizes):
    """Rows of the table, as far as the kernels at hand tell."""
    requests = []
    for kernel in kernels.values():
        threads, dynamic = sizes.get(kernel.name, (0, 0))
        requests.append((kernel.arch, kernel.registers, kernel.barriers, kernel.shared, dynamic, max(threads, 1)))
    rows = {}
    for kernel, request, blocks in zip(kernels.values(), requests, occupancies(nvcc, requests)):
        row = rows.setdefault(kernel.name, dict(zip(SIZES, (request[5], 0, request[4]))))
        row["static shared"] = max(row["static shared"], kernel.shared)
        row.update(zip(columns(kernel.arch), (kernel.registers, blocks)))
    return rows


def compare(rows, table):
    """(what is worse than in the table, what is better)."""
    worse, better = [], []
    for name, row in sorted(rows.items()):
        if name not in table:
            worse.append(f"{name}: not in the table")
            continue
        for column, value in row.items():
            allowed = table[name].get(column)
            if allowed is None:
                worse.append(f"{name}: {column} is not in the table")
            elif value != allowed:
                less_is_worse = column.endswith("blocks")
                (worse if (value < allowed) == less_is_worse else better).append(
                    f"{name}: {column} {value}, in the table {allowed}")
    better += [f"{name}: in the table, but gone" for name in sorted(table.keys() - rows.keys())]
    return worse, better


def kept(old, row):
    """What of a row still holds for architectures that were not compiled now: all, or with other sizes nothing."""
    return old if all(old.get(size) == row[size] for size in SIZES) else {}


def main():
    arguments, nvcc, archs = cubins.start("resources", __doc__)
    executed, steps = cubins.read_launches(arguments.launches)
    kernels, refused = cubins.build(nvcc, archs)
    rows = measure(nvcc, kernels, largest_launches(executed, steps))
    failures = refused + [f"{name}: no test launches it" for name in sorted(rows) if name not in executed]
    failures += [f"{kernel.name}: no blocks fit on sm_{kernel.arch}" for kernel in kernels.values()
                 if rows[kernel.name][columns(kernel.arch)[1]] < 1]
    table = read_table()
    if arguments.update and refused:
        failures.append("the table stays as it is, for it would lose kernels")
    elif arguments.update:
        write_table({name: {**kept(table.get(name, {}), row), **row} for name, row in rows.items()})
    else:
        worse, better = compare(rows, table)
        failures += worse
        for line in better:
            print("better than the table (resources.py --all --update writes it): " + line)
    for line in failures:
        print("FAILED " + line)
    print(f"resources: {len(rows)} kernels on {len(archs)} architectures, {len(failures)} failures")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
