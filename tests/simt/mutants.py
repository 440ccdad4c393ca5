#!/usr/bin/env python3
"""Breaks the CUDA kernels one place at a time and wants some test to notice.

Every barrier, __syncwarp, wait and group end is removed, every Inside(...) becomes true, in turn; the file is compiled
again, linked into both test programs, and these are run until one fails. Prints the survivors and "killed K of N".

  mutants.py BUILD [--slice I/N] [--only TEXT]    exit status 0: all killed, or every survivor listed below

--slice rotate/N takes another N-th of the mutants for every commit.
"""
import argparse
import os
import re
import shlex
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
CALLS = ["__syncthreads", "__syncwarp", "AsyncGroupWait<[^>]*>", "AsyncGroupEnd"]
# Mutants that change nothing a test could see, with the reason. Key: file and the source line.
EQUIVALENT = {}


def closing(text, start):
    """Index after the parenthesis that closes the one at `start`."""
    depth = 0
    for i in range(start, len(text)):
        depth += {"(": 1, ")": -1}.get(text[i], 0)
        if depth == 0:
            return i + 1
    raise ValueError("unbalanced")


def mutants(path):
    """(line, source line, what, mutated text) of every place in a file."""
    text = open(os.path.join(ROOT, path)).read()
    code = re.sub(r"//[^\n]*", lambda m: " " * len(m.group()), text)
    places = []
    for call in CALLS:
        for match in re.finditer(r"\b" + call + r"\(", code):
            end = closing(code, match.end() - 1)
            if code[end] == ";":
                places.append((match.start(), end, "", "without " + code[match.start():end]))
    for match in re.finditer(r"\bInside\(", code):
        end = closing(code, match.end() - 1)
        if "__device__" not in code[code.rfind("\n", 0, match.start()) : match.start()]:  # its own definition
            places.append((match.start(), end, "true", code[match.start():end] + " is true"))
    for start, end, new, what in sorted(places):
        line = text.count("\n", 0, start) + 1
        yield line, text.splitlines()[line - 1].strip(), what, text[:start] + new + text[end:]


def commands(build, target):
    out = subprocess.run(["ninja", "-C", build, "-t", "commands", target], check=True, capture_output=True, text=True)
    return out.stdout.splitlines()


class Program:
    """A test program, and how to build it with one source replaced."""

    def __init__(self, build, name):
        self.build = build
        lines = commands(build, "test_" + name)
        self.link = next(l for l in reversed(lines) if f"-o tests/simt/test_{name} " in l)
        self.compile = {}
        for line in lines:
            if "/" + name + "_kernels.dir/" in line and " -c " in line:
                source = shlex.split(line)[shlex.split(line).index("-c") + 1]
                self.compile[os.path.relpath(os.path.join(build, source), ROOT)] = line

    def objects(self, header):
        """The sources to compile again for a change in `header` (or in a source itself)."""
        if header in self.compile:
            return [header]
        users = [header]
        for _ in range(3):  # headers that include it
            names = [re.escape(u) for u in users]
            for path in cuda_files():
                text = open(os.path.join(ROOT, path)).read()
                if path not in users and re.search(r'#include "(%s)"' % "|".join(names), text):
                    users.append(path)
        return [u for u in users if u in self.compile]

    def run(self, path, text, folder):
        """True when the tests still pass with `text` in place of the file `path`."""
        overlay = os.path.join(folder, "include")
        target = os.path.join(overlay, path)
        os.makedirs(os.path.dirname(target), exist_ok=True)
        with open(target, "w") as f:
            f.write(text)
        link = self.link
        for source in self.objects(path):
            line = self.compile[source]
            words = shlex.split(line)
            object_file = words[words.index("-o") + 1]
            mutated = os.path.join(folder, os.path.basename(object_file))
            place = target if source == path else os.path.join(ROOT, source)
            words[words.index("-o") + 1] = mutated
            words[words.index("-c") + 1] = place
            for flag in ("-MD", "-MT", "-MF"):
                if flag in words:
                    i = words.index(flag)
                    del words[i : i + (1 if flag == "-MD" else 2)]
            if words[0].endswith("ccache"):
                del words[0]
            words[1:1] = ["-I" + overlay]
            words.append("-Wno-error")
            subprocess.run(words, cwd=self.build, check=True, capture_output=True)
            link = link.replace(object_file, mutated)
        program = os.path.join(folder, "test")
        link = re.sub(r"-o tests/simt/test_\w+ ", f"-o {program} ", link)
        subprocess.run(link, cwd=self.build, shell=True, check=True, capture_output=True)
        try:
            return subprocess.run([program], capture_output=True, timeout=300).returncode == 0
        except subprocess.TimeoutExpired:
            return False


def cuda_files():
    out = subprocess.run(["git", "ls-files", "kernels", "tests/simt/proof.cu"], cwd=ROOT, check=True, capture_output=True,
                         text=True).stdout.split()
    return [f for f in out if f.endswith((".cu", ".cuh"))]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("build")
    parser.add_argument("--slice", default="0/1", help="I/N: only every N-th mutant, from the I-th on")
    parser.add_argument("--only", default="", help="part of the path")
    arguments = parser.parse_args()
    build = os.path.abspath(arguments.build)
    programs = [Program(build, "simt"), Program(build, "simt_hooks")]
    first, step = arguments.slice.split("/")
    step = int(step)
    if first == "rotate":
        first = subprocess.run(["git", "rev-list", "--count", "HEAD"], cwd=ROOT, check=True, capture_output=True).stdout
    first = int(first)
    todo = [(p, *m) for p in cuda_files() if arguments.only in p for m in mutants(p)][first % step :: step]
    killed = equivalent = 0
    unexpected = 0
    for path, line, source, what, text in todo:
        with tempfile.TemporaryDirectory() as folder:
            survived = all(program.run(path, text, folder) for program in programs)
        reason = EQUIVALENT.get((path, source))
        killed += not survived
        equivalent += survived and reason is not None
        unexpected += survived and reason is None
        verdict = "killed" if not survived else "survived: " + (reason or "no test notices")
        print(f"{path}:{line}: {what}: {verdict}", flush=True)
    print(f"mutants: killed {killed} of {len(todo)}; {equivalent} that change nothing; {unexpected} that no test notices")
    return 1 if unexpected else 0


if __name__ == "__main__":
    sys.exit(main())
