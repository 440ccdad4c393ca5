#!/usr/bin/env python3
"""Breaks the CUDA kernels one place at a time and wants some test to notice.

In turn: every barrier, __syncwarp, wait and group end is removed; every wait waits for one group too few; every
Inside(...) and every predicate of AsyncCopy becomes true; every fmaf subtracts; every loop ends one early. All mutants
are compiled into both test programs at once, each behind a question for its number, and the environment says which one
lives. The test cases that launch its kernels run, the shortest first, until one fails that passes without a mutant.

  mutants.py BUILD [--only TEXT] [--seconds S] [--jobs N] [--longest S]

The campaign: all mutants, in an order that mixes the files. Verdicts are kept in BUILD/mutants/results.tsv, so that it
can be stopped and goes on (a mutant of the same file text is not run again), and written to mutants_judged.txt, by
source line. With --longest the test cases of at most so many seconds are tried, and what they leave alive gets no
verdict yet; by default they are all but a few that have larger numbers of what others have. With --seconds: a sample of
those that mutants_judged.txt calls killed, from another place for every commit, as many as fit after compiling; what
the shorter cases leave alive is shown to the longer ones, too. Prints each survivor and a table; exit status 0: none
survives but those listed in mutants_equivalent.txt with the reason.
"""
import argparse
import collections
import concurrent.futures
import glob
import math
import os
import re
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../support"))
from broken import (BROKEN, ROOT, Place, closing, commands, compile_broken, judged, link_broken, numbered,  # noqa: E402
                    output, read, reasons, record, status, verdicts_in, without_comments, write_sources)

REASONS = os.path.join(ROOT, "tests/cuda/kernels/mutants_equivalent.txt")
JUDGED = os.path.join(ROOT, "tests/cuda/kernels/mutants_judged.txt")
LONGEST_CASE = 15.0  # seconds
CALLS = r"\b(?:__syncthreads|__syncwarp|AsyncGroupWait<[^>]*>|AsyncGroupEnd)\("


def commit_number():
    """0 where git cannot say."""
    try:
        return int(output("git", "rev-list", "--count", "HEAD"))
    except (OSError, subprocess.CalledProcessError):
        return 0


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
    """(start, end, before, after, what) of every place to break: what to write around it, BROKEN for the question."""
    for match in re.finditer(CALLS, code):
        end = closing(code, match.end() - 1)
        if code[end] == ";":
            yield match.start(), end, "(BROKEN ? void() : ", ")", "without " + code[match.start():end]
    for match in re.finditer(r"\bAsyncGroupWait<([^>]*)>\(\);", code):
        yield (match.start(), match.end() - 1, f"(BROKEN ? AsyncGroupWait<{match[1]} + 1>() : ", ")",
               "waits for one group too few")
    for match in re.finditer(r"\bInside\(", code):
        end = closing(code, match.end() - 1)
        if "__device__" not in code[code.rfind("\n", 0, match.start()):match.start()]:  # its own definition
            yield match.start(), end, "(BROKEN || ", ")", code[match.start():end] + " is true"
    for match in re.finditer(r"\bAsyncCopy<[^>]*>\(", code):
        start, end = last_argument(code, match.end() - 1, closing(code, match.end() - 1))
        if code[start:end] != "true" and not code[start:end].startswith("bool"):
            yield start, end, "(BROKEN || (", "))", "copies even when not " + code[start:end]
    for match in re.finditer(r"\bfmaf\(", code):
        yield match.end(), match.end(), "(BROKEN ? -1.0f : 1.0f) * ", "", "subtracts: fmaf(-"
    for match in re.finditer(r"\bfor \([^;{]*;[^;]* < ([^;]+);", code):
        if not in_constant_function(code, match.start()):
            yield match.end(1), match.end(1), " - BROKEN", "", "one less than " + match[1]


class Mutant(Place):
    def __init__(self, path, text, place):
        super().__init__(path, text, *place)
        self.said.append(text.splitlines()[self.line - 1].strip())
        self.hooks_first = not self.what.startswith(("subtracts", "one less"))  # those change numbers, others accesses


def cuda_files():
    paths = sorted(glob.glob(os.path.join(ROOT, "kernels/**/*.cu*"), recursive=True))
    return [os.path.relpath(path, ROOT) for path in paths] + ["tests/cuda/kernels/proof.cu"]


def all_mutants():
    """In an order that mixes the files."""
    mutants = []
    for path in cuda_files():
        text = read(path)
        mutants += [Mutant(path, text, place) for place in places(without_comments(text))]
    return sorted(numbered(mutants), key=lambda m: m.key)


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
    """Names of the kernels that a broken `path` can reach: its own, or all of its users."""
    def kernels(file):
        return set(re.findall(r"__global__.*?void (\w+)\(", without_comments(read(file)), re.S))
    return kernels(path) or set().union(*(kernels(f) for user in users(path) for f in includes(user)))


def names(text):
    return frozenset(re.findall(r"[A-Za-z_]\w*", text))


class Program:
    """A test program with all mutants in it."""

    def __init__(self, build, name, sources, pool):
        self.build, self.home = build, os.path.join(build, "mutants", name)
        os.makedirs(self.home, exist_ok=True)
        target = "tests/cuda/kernels/test_" + name
        link, compiling = commands(build, target, f"/{name}_kernels.dir/")
        self.symbols = {}  # names in the object of a source
        paths = compiling.keys() & cuda_files()
        for before, after in pool.map(lambda path: self.object(path, compiling[path], sources), paths):
            link = link.replace(before, after)
        self.path = os.path.join(self.home, "test")
        link_broken(link, build, target, sources, [], self.path)
        self.cases = self.measured(name)
        self.noticed = collections.Counter()  # by file and case
        self.passing, self.locks = set(), collections.defaultdict(threading.Lock)

    def object(self, path, words, sources):
        """Compiles the source with its mutants: the object of the build, the one with mutants."""
        before = words[words.index("-o") + 1]
        after = os.path.join(self.home, path.replace("/", ".") + ".o")
        made_of = [os.path.join(self.build, before), *(os.path.join(sources, f) for f in includes(path))]
        compile_broken(words, self.build, sources, path, after, made_of, ["-I" + sources])
        self.symbols[path] = names(output("nm", "-C", after))
        return before, after

    def measured(self, name):
        """(seconds, test case, names in each kernel) of every case, from the last run of the program by ctest."""
        path = os.path.join(self.build, "mutants", name + ".tsv")
        program = os.path.join(self.build, "tests/cuda/kernels/test_" + name)
        if not os.path.exists(path) or os.path.getmtime(path) < os.path.getmtime(program):
            subprocess.run([program], env={**os.environ, "MIEN_COVERAGE": path + ".new"}, check=True,
                           capture_output=True, cwd=self.build)
            os.rename(path + ".new", path)
        cases = []
        with open(path) as file:
            for line in file:
                name, seconds, *kernels = line.rstrip("\n").split("\t")
                if name != "memory traffic is within its budget":  # what a kernel costs is no verdict on what it does
                    cases.append((float(seconds), name, set(map(names, kernels))))
        return sorted(cases, key=lambda case: case[0])

    def notices(self, mutant, above, longest):
        """Whether some test case of more than `above` and at most `longest` seconds fails, of those that launch a
        kernel with the broken place in it; those that have noticed others of its file come first."""
        kernels = kernels_of(mutant.path)
        objects = [self.symbols[user] for user in users(mutant.path) if user in self.symbols]

        def reached(launched):
            if not kernels:  # host code
                return bool(launched)
            return any(kernel & kernels and any(kernel <= there for there in objects) for kernel in launched)

        cases = [(-self.noticed[mutant.path, case], seconds, case) for seconds, case, launched in self.cases
                 if above < seconds <= longest and reached(launched)]
        for _, seconds, case in sorted(cases):
            if self.fails(case, mutant.number, seconds):
                self.noticed[mutant.path, case] += 1
                return True
        return False

    def fails(self, case, number, seconds):
        if self.status(case, number, int(10 + 10 * seconds)) == 0:
            return False
        with self.locks[case]:
            if case not in self.passing:
                if self.status(case, 0, 600) != 0:
                    sys.exit(f"{self.path}: {case} fails without a mutant")
                self.passing.add(case)
        return True

    def status(self, case, number, limit):
        """Exit status of a test case."""
        words = [self.path, "--test-case=" + case.replace(",", "?"), "--abort-after=1"]
        return status(words, limit, **{BROKEN: str(number)})


def judge(mutant, programs, longest, all_cases):
    """"killed", "survived", or None where the longer test cases would have to say. What the others leave alive is told
    to `all_cases`, so that a busy machine, on which cases take longer, comes to the same verdict."""
    order = programs[::-1] if mutant.hooks_first else programs
    for above, limit in ((-1.0, longest), (longest, math.inf)) if all_cases else ((-1.0, longest),):
        if any(program.notices(mutant, above, limit) for program in order):
            return "killed"
    return "survived" if all_cases or longest >= LONGEST_CASE else None


def table(mutants, verdicts, known):
    per_file = {}
    for m in mutants:
        if m.key in verdicts:
            per_file.setdefault(m.path, []).append(verdicts[m.key])
    lines = []
    for path in sorted(per_file):
        v = per_file[path]
        lines.append(f"| `{path}` | {v.count('killed')} of {len(v)} | {v.count('survived') or ''} |")
    tried = [m for m in mutants if m.key in verdicts]
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
    parser.add_argument("--longest", type=float, default=LONGEST_CASE)
    arguments = parser.parse_args()
    start, build = time.monotonic(), os.path.abspath(arguments.build)
    home = os.path.join(build, "mutants")
    mutants = all_mutants()

    results, verdicts = os.path.join(home, "results.tsv"), {}
    todo = [m for m in mutants if arguments.only in m.path]
    if arguments.seconds:
        past = judged(JUDGED)
        todo = [m for m in todo if past.get(m.reason_key()) == "killed"]
        first = commit_number() * 37 % max(len(todo), 1)
        todo = todo[first:] + todo[:first]
        results = os.devnull
    else:
        verdicts = verdicts_in(results)
        todo = [m for m in todo if m.key not in verdicts]

    known, lock = reasons(REASONS), threading.Lock()
    with concurrent.futures.ThreadPoolExecutor(arguments.jobs) as pool:
        if todo:
            sources = os.path.join(home, "sources")
            write_sources(mutants, cuda_files(), sources)
            programs = [Program(build, name, sources, pool) for name in ("simt", "simt_hooks")]
        built = time.monotonic()

        def run(mutant):
            if arguments.seconds and time.monotonic() - built > arguments.seconds:
                return
            verdict = judge(mutant, programs, arguments.longest, arguments.seconds > 0)
            with lock:
                if verdict is None:
                    return
                verdicts[mutant.key] = verdict
                with open(results, "a") as file:
                    file.write(f"{mutant.key} {verdict}\n")
                if not arguments.seconds:
                    print(f"{verdict} {mutant.reason_key()}", flush=True)
                    record(JUDGED, mutants, verdicts)

        list(pool.map(run, todo))
    lines, unexplained = table(mutants, verdicts, known)
    for m in mutants:
        if verdicts.get(m.key) == "survived":
            print(f"{m.path}:{m.line}: {m.reason_key()}\n  {known.get(m.reason_key(), 'no test notices')}")
    print("\n".join(lines))
    print(f"{built - start:.0f} s of compiling, {time.monotonic() - built:.0f} s of tests")
    return 1 if unexplained or (todo and not verdicts) else 0


if __name__ == "__main__":
    sys.exit(main())
