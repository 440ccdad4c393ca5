#!/usr/bin/env python3
"""Chooses test cases that together launch every kernel, those first that launch most new ones in a second, and prints
them as a filter for the program. What each case launches and how long it takes is read from what coverage.cc left.

  cover.py build/release/mutants/simt.tsv
"""
import sys


def chosen(cases):
    """Names out of {name: (seconds, kernels)}."""
    missing, names = set().union(*(kernels for _, kernels in cases.values())), []
    while missing:
        name = max(cases, key=lambda n: len(cases[n][1] & missing) / (cases[n][0] + 0.01))
        missing -= cases[name][1]
        names.append(name)
    return names


def main():
    cases = {}
    with open(sys.argv[1]) as file:
        for line in file:
            name, seconds, *kernels = line.rstrip("\n").split("\t")
            cases[name] = (float(seconds), set(kernels))
    names = chosen(cases)
    seconds = sum(cases[n][0] for n in names)
    print(f"{len(names)} of {len(cases)} cases, {seconds:.0f} s without sanitizers", file=sys.stderr)
    print(",".join(name.replace(",", "?") for name in names))


if __name__ == "__main__":
    main()
