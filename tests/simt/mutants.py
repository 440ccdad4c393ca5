#!/usr/bin/env python3
"""Breaks the CUDA kernels one place at a time and wants some test to notice.

In turn: every barrier, __syncwarp, wait and group end is removed; every wait waits for one group too few; every
Inside(...) and every predicate of AsyncCopy becomes true; every fmaf subtracts; every loop ends one early. The broken
file is compiled for both test programs (as it is, then with hooks), linked to the objects of the build, and the test
cases that launch its kernels run, the shortest first, until one fails.

  mutants.py BUILD [--only TEXT] [--seconds S] [--jobs N]

The campaign: all mutants, in an order that mixes the files. Verdicts are kept in BUILD/mutants/results.tsv, so that it can
be stopped and goes on (a mutant of the same file text is not run again), and written to mutants_judged.txt, by source line.
With --seconds: a sample of those that mutants_judged.txt calls killed, from another place for every commit, as many as fit.
Prints each survivor and a table; exit status 0: none survives but those listed in mutants_equivalent.txt with the reason.
"""
import argparse
import concurrent.futures
import hashlib
import os
import re
import shlex
import subprocess
import sys
import threading
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
REASONS = os.path.join(ROOT, "tests/simt/mutants_equivalent.txt")
JUDGED = os.path.join(ROOT, "tests/simt/mutants_judged.txt")
CALLS = r"\b(?:__syncthreads|__syncwarp|AsyncGroupWait<[^>]*>|AsyncGroupEnd)\("


def output(*words, cwd=ROOT):
    return subprocess.run(words, cwd=cwd, check=True, capture_output=True, text=True).stdout


def read(path):
    with open(os.path.join(ROOT, path)) as file:
        return file.read()


def without_comments(text):
    return re.sub(r"//[^\n]*", lambda m: " " * len(m.group()), text)


def closing(text, start):
    """Index after the parenthesis that closes the one at `start`."""
    depth = 0
    for i in range(start, len(text)):
        depth += {"(": 1, ")": -1}.get(text[i], 0)
        if depth == 0:
            return i + 1
    raise ValueError("unbalanced")


def last_argument(code, start, end):
    """Where the last argument of the call in parentheses [start, end) lies."""
    depth = 0
    for i in range(end - 2, start, -1):
        depth += {")": 1, "]": 1, "(": -1, "[": -1}.get(code[i], 0)
        if code[i] == "," and depth == 0:
            return i + 2, end - 1
    return start + 1, end - 1


def in_constant_function(code, at):
    """Functions that only the compiler runs."""
    header = [m for m in re.finditer(r"^\S.*[{(,]$", code[:at], re.M)][-1:]
    return bool(header) and header[0].group().startswith("constexpr") and "__device__" not in header[0].group()


def places(code):
    """(start, end, replacement, what) of every place to break."""
    for match in re.finditer(CALLS, code):
        end = closing(code, match.end() - 1)
        if code[end] == ";":
            yield match.start(), end, "", "without " + code[match.start():end]
    for match in re.finditer(r"\bAsyncGroupWait<([^>]*)>\(\);", code):
        yield match.start(1), match.end(1), match[1] + " + 1", "waits for one group too few"
    for match in re.finditer(r"\bInside\(", code):
        end = closing(code, match.end() - 1)
        if "__device__" not in code[code.rfind("\n", 0, match.start()):match.start()]:  # its own definition
            yield match.start(), end, "true", code[match.start():end] + " is true"
    for match in re.finditer(r"\bAsyncCopy<[^>]*>\(", code):
        start, end = last_argument(code, match.end() - 1, closing(code, match.end() - 1))
        if code[start:end] != "true" and not code[start:end].startswith("bool"):
            yield start, end, "true", "copies even when not " + code[start:end]
    for match in re.finditer(r"\bfmaf\(", code):
        yield match.end(), match.end(), "-", "subtracts: fmaf(-"
    for match in re.finditer(r"\bfor \([^;{]*;[^;]* < ([^;]+);", code):
        if not in_constant_function(code, match.start()):
            yield match.end(1), match.end(1), " - 1", "one less than " + match[1]


class Mutant:
    def __init__(self, path, text, place):
        start, end, new, self.what = place
        self.path = path
        self.line = text.count("\n", 0, start) + 1
        self.source = text.splitlines()[self.line - 1].strip()
        self.text = text[:start] + new + text[end:]
        self.key = hashlib.sha256((path + "\0" + self.text).encode()).hexdigest()[:16]

    def reason_key(self):
        return self.path + " | " + self.what + " | " + self.source


def cuda_files():
    files = output("git", "ls-files", "kernels", "tests/simt/proof.cu").split()
    return [f for f in files if f.endswith((".cu", ".cuh"))]


def includes(path):
    """`path` and the CUDA files it includes, directly or not."""
    known, todo = set(), [path]
    while todo:
        file = todo.pop()
        if file not in known:
            known.add(file)
            todo += re.findall(r'#include "([^"]+\.cuh)"', read(file))
    return known


def users(path):
    """The .cu files that include `path`; itself if it is one."""
    return [f for f in cuda_files() if f.endswith(".cu") and path in includes(f)]


def kernels_of(path):
    """Names of the kernels that a broken `path` can reach: its own, or those of its users."""
    def kernels(file):
        return set(re.findall(r"__global__.*?void (\w+)\(", without_comments(read(file)), re.S))
    return kernels(path) or set().union(*(kernels(f) for user in users(path) for f in includes(user)))


class Program:
    """A test program, and how to build it with one source replaced."""

    def __init__(self, build, name):
        self.build, self.path = build, os.path.join(build, "tests/simt/test_" + name)
        lines = output("ninja", "-C", build, "-t", "commands", "test_" + name).splitlines()
        self.link = next(l for l in reversed(lines) if f"-o tests/simt/test_{name} " in l)
        self.compile = {}
        for line in lines:
            if "/" + name + "_kernels.dir/" in line and " -c " in line:
                words = shlex.split(line)
                self.compile[os.path.relpath(os.path.join(build, words[words.index("-c") + 1]), ROOT)] = words
        self.cases = self.measure(os.path.join(build, "mutants", name + ".tsv"))

    def measure(self, path):
        """(seconds, test case, kernels) of every case; measured again when the program has changed."""
        if not os.path.exists(path) or os.path.getmtime(path) < os.path.getmtime(self.path):
            environment = {**os.environ, "MIEN_COVERAGE": path + ".new"}
            subprocess.run([self.path], env=environment, check=True, capture_output=True, cwd=self.build)
            os.rename(path + ".new", path)
        cases = []
        with open(path) as file:
            for line in file:
                name, seconds, *kernels = line.rstrip("\n").split("\t")
                if name != "memory traffic is within its budget":  # what a kernel costs is no verdict on what it does
                    cases.append((float(seconds), name, {k.split("<")[0] for k in kernels}))
        return sorted(cases, key=lambda case: case[0])

    def notices(self, mutant, folder):
        """Whether some test case fails."""
        overlay = os.path.join(folder, mutant.path)
        os.makedirs(os.path.dirname(overlay), exist_ok=True)
        with open(overlay, "w") as file:
            file.write(mutant.text)
        link = self.link
        try:
            for source in users(mutant.path):
                if source not in self.compile:
                    continue
                words = list(self.compile[source])
                before = words[words.index("-o") + 1]
                after = os.path.join(folder, before.replace("/", "_"))
                words[words.index("-o") + 1] = after
                words[words.index("-c") + 1] = overlay if source == mutant.path else os.path.join(ROOT, source)
                for flag, length in (("-MD", 1), ("-MT", 2), ("-MF", 2)):
                    if flag in words:
                        del words[words.index(flag):words.index(flag) + length]
                if words[0].endswith("ccache"):
                    del words[0]
                words[1:1] = ["-I" + folder]
                subprocess.run(words + ["-Wno-error"], cwd=self.build, check=True, capture_output=True)
                link = link.replace(before, after)
            program = os.path.join(folder, "test")
            link = re.sub(r"-o tests/simt/test_\w+ ", f"-o {program} ", link)
            subprocess.run(link, cwd=self.build, shell=True, check=True, capture_output=True)
            kernels = kernels_of(mutant.path)
            for seconds, case, launched in self.cases:
                if (launched & kernels or not kernels) and self.fails(program, case, seconds):
                    return True
        finally:
            os.remove(overlay)
        return False

    def fails(self, program, case, seconds):
        words = [program, "--test-case=" + case.replace(",", "?"), "--abort-after=1"]
        try:
            return subprocess.run(words, capture_output=True, timeout=60 + 20 * seconds).returncode != 0
        except subprocess.TimeoutExpired:
            return True


def judge(mutant, programs, folders):
    """"killed", "survived", or "refused" where the compiler notices."""
    folder = folders.pop()
    try:
        return "killed" if any(program.notices(mutant, folder) for program in programs) else "survived"
    except subprocess.CalledProcessError:
        return "refused"
    finally:
        folders.append(folder)


def reasons():
    """Mutants that change nothing a test could see: "file | what | source line", then the reason, indented."""
    found, key = {}, None
    for line in read(REASONS).splitlines():
        if line.startswith("  "):
            found[key] = line.strip()
        elif line and not line.startswith("#"):
            key = line.strip()
    return found


def judged():
    """Verdict by reason key, of the campaign."""
    with open(JUDGED) as file:
        return {key: verdict for verdict, key in (line.rstrip("\n").split(" | ", 1) for line in file)}


def record(mutants, verdicts):
    """Writes the verdicts of this campaign over those of earlier ones; what no longer exists is dropped."""
    found = judged() | {m.reason_key(): verdicts[m.key] for m in mutants if m.key in verdicts}
    existing = {m.reason_key() for m in mutants}
    with open(JUDGED, "w") as file:
        file.writelines(f"{found[key]} | {key}\n" for key in sorted(existing & found.keys()))


def table(mutants, verdicts, known):
    per_file = {}
    for m in mutants:
        if m.key in verdicts:
            per_file.setdefault(m.path, []).append(verdicts[m.key])
    lines = []
    for path in sorted(per_file):
        v = per_file[path]
        lines.append(f"| `{path}` | {v.count('killed')} of {len(v) - v.count('refused')} | {v.count('survived') or ''} |")
    tried = [m for m in mutants if verdicts.get(m.key) in ("killed", "survived")]
    killed = sum(verdicts[m.key] == "killed" for m in tried)
    explained = sum(verdicts[m.key] == "survived" and m.reason_key() in known for m in tried)
    lines.append(f"mutants: killed {killed} of {len(tried)}; {explained} that change nothing; "
                 f"{len(tried) - killed - explained} that no test notices; {len(mutants)} in all")
    return lines, len(tried) - killed - explained


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("build")
    parser.add_argument("--only", default="", help="part of the path")
    parser.add_argument("--seconds", type=float, default=0.0)
    parser.add_argument("--jobs", type=int, default=1)
    arguments = parser.parse_args()
    build = os.path.abspath(arguments.build)
    home = os.path.join(build, "mutants")
    os.makedirs(home, exist_ok=True)
    mutants = []
    for path in cuda_files():
        text = read(path)
        mutants += [Mutant(path, text, place) for place in places(without_comments(text))]
    mutants.sort(key=lambda m: m.key)

    results, verdicts = os.path.join(home, "results.tsv"), {}
    todo = [m for m in mutants if arguments.only in m.path]
    if arguments.seconds:
        past = judged()
        todo = [m for m in todo if past.get(m.reason_key()) == "killed"]
        first = int(output("git", "rev-list", "--count", "HEAD")) * 37 % max(len(todo), 1)
        todo = todo[first:] + todo[:first]
        results = os.devnull
    elif os.path.exists(results):
        with open(results) as file:
            verdicts = dict(line.split() for line in file)
        todo = [m for m in todo if m.key not in verdicts]

    known, start, lock = reasons(), time.monotonic(), threading.Lock()
    programs = [Program(build, "simt"), Program(build, "simt_hooks")] if todo else []
    folders = [os.path.join(home, str(i)) for i in range(arguments.jobs)]

    def run(mutant):
        if arguments.seconds and time.monotonic() - start > arguments.seconds:
            return
        verdict = judge(mutant, programs, folders)
        with lock:
            verdicts[mutant.key] = verdict
            with open(results, "a") as file:
                file.write(f"{mutant.key} {verdict}\n")
            if not arguments.seconds:
                record(mutants, verdicts)

    with concurrent.futures.ThreadPoolExecutor(arguments.jobs) as pool:
        list(pool.map(run, todo))
    lines, unexplained = table(mutants, verdicts, known)
    for m in mutants:
        if verdicts.get(m.key) == "survived":
            print(f"{m.path}:{m.line}: {m.reason_key()}\n  {known.get(m.reason_key(), 'no test notices')}")
    print("\n".join(lines))
    print(f"{time.monotonic() - start:.0f} s")
    return 1 if unexplained else 0


if __name__ == "__main__":
    sys.exit(main())
