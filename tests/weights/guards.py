#!/usr/bin/env python3
"""Removes every validation branch of the readers, the importer and the ops' Infer, one at a time, and wants some test to notice.

A branch: an `if` that answers with an error or "no", a step of a parser that checks before it goes on (MIEN_STEP(Need(...)),
Work, Memory), a MIEN_TRY of a check. All are compiled into a test program of a build at once, each behind a question for
its number; the environment says which one is gone. A first run of every test case records which branches it reaches, so
that each is tried only with those, the shortest first, until one fails.

  guards.py BUILD [--only TEXT] [--longest S] [--jobs N] [--again] [--list]

Verdicts are kept in BUILD/guards/results.tsv, so that it can be stopped and goes on (a branch of the same file text is not
tried again); at the end they are written to guards_judged.txt, by the text of the branch.
--only: part of "file | branch". --longest: test cases of at most so many seconds are tried (default 60). --again: also those
that survived, after a test was added. --list: says which branches have no verdict in this build, and tries none.
With a build that has the sanitizers on, wild accesses are noticed too.
Prints each survivor and a count by room; exit status 0: every branch was tried, and none survives but those listed in
guards_kept.txt with the reason.
"""
import argparse
import collections
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
sys.path.insert(0, os.path.join(ROOT, "tests/cuda/kernels"))
from mutants import closing, judged, output, read, reasons, record, without_comments, write  # noqa: E402

KEPT = os.path.join(ROOT, "tests/weights/guards_kept.txt")
JUDGED = os.path.join(ROOT, "tests/weights/guards_judged.txt")
# Test program, and the files whose branches it judges.
PROGRAMS = {
    "test_weights": r"weights/(header|container|model_file|config|config_json|json|label.*)\.cc|weights/import/\w+\.cc",
    "test_kernels": r"kernels/\w+/\w+_ref\.cc",
}
QUICK = 0.5  # seconds of a test case
ERROR = (r"\{?\s*(?:\S+\s*=\s*)?return (?:(?:this->)?(?:Fail|Refuse|refuse|Unread|Status::Error|problems\.Add|problems->Add"
         r"|[\w.]+Spent|Wrong\w*)\b|(?:false|std::nullopt);)")
ADDED = r"\{?\s*problems\.Add\("
CHECK = r"(?:\w+\.)?(?:Check|Verify|Expect|Finish|ToStatus)\w*\("
QUESTION_H = "bool GuardGone(int number);\n"
QUESTION_CC = """#include <cstdio>
#include <cstdlib>
bool GuardGone(int number) {
  static const char* const text = std::getenv("MIEN_GUARD");
  static const int gone = text == nullptr ? 0 : std::atoi(text);
  static const char* const path = std::getenv("MIEN_GUARDS_REACHED");
  if (path != nullptr) {
    static bool reached[10000];
    static std::FILE* const file = std::fopen(path, "w");
    if (!reached[number]) reached[number] = true, std::fprintf(file, "%d\\n", number), std::fflush(file);
  }
  return number == gone;
}
"""


def places(code):
    """(start, end, before, after) of every branch: what to write around it, GONE for the question."""
    for match in re.finditer(r"\bif \(", code):
        start, end = match.end(), closing(code, match.end() - 1)
        if re.match(r"\s*(?:" + ERROR + "|" + ADDED + ")", code[end:]) and ";" not in code[start:end - 1]:
            yield start, end - 1, "!GONE && (", ")"
    for match in re.finditer(r"\bMIEN_STEP\((?=(?:Need|Work|Memory)\()", code):
        yield match.end(), closing(code, match.end() - 1) - 1, "GONE || (", ")"
    for match in re.finditer(r"\bMIEN_TRY\((?=" + CHECK + ")", code):
        yield match.end(), closing(code, match.end() - 1) - 1, "GONE ? ::mien::Status() : (", ")"
    for match in re.finditer(r"\breturn (?=Expect\w+\()", code):  # the last check of an Infer
        end = closing(code, code.index("(", match.end()))
        if code[end] == ";":
            yield match.end(), end, "GONE ? ::mien::Status() : (", ")"


class Guard:
    def __init__(self, path, text, place):
        self.start, self.end, self.before, self.after = place
        self.path, self.number, self.nth = path, 0, 1
        self.what = re.sub(r"\s+", " ", text[self.start:self.end]).strip()
        self.line = text.count("\n", 0, self.start) + 1
        self.key = hashlib.sha256(f"{path}\0{text}\0{self.start}".encode()).hexdigest()[:16]

    def reason_key(self):
        return f"{self.path} | {self.what}" + (f" | {self.nth}" if self.nth > 1 else "")


def all_guards():
    """By test program, in the order of the files."""
    guards, seen = collections.defaultdict(list), collections.Counter()
    for path in output("git", "ls-files", "weights", "kernels").split():
        for program, pattern in PROGRAMS.items():
            if not re.fullmatch(pattern, path):
                continue
            text = read(path)
            for place in sorted(places(without_comments(text))):
                guard = Guard(path, text, place)
                seen[guard.reason_key()] += 1
                guard.nth = seen[guard.reason_key()]  # of those that read alike
                guards[program].append(guard)
                guard.number = len(guards[program])
    return guards


def write_sources(guards, folder):
    """Every file that has guards, with all of them behind questions."""
    for path in {g.path for g in guards}:
        text, at, parts, edits = read(path), 0, [], []
        for g in guards:
            if g.path == path:
                edits += [(g.start, 1, g.before.replace("GONE", f"GuardGone({g.number})")), (g.end, 0, g.after)]
        for place, _, new in sorted(edits):
            parts += [text[at:place], new]
            at = place
        write(os.path.join(folder, path), "".join(parts) + text[at:])
    write(os.path.join(folder, "question.h"), QUESTION_H)
    write(os.path.join(folder, "question.cc"), QUESTION_CC)


class Program:
    """A test program of the build, linked anew with all branches behind questions."""

    def __init__(self, build, name, guards, longest, pool):
        self.build, self.home, self.longest = build, os.path.join(build, "guards", name), longest
        self.sources = os.path.join(self.home, "sources")
        write_sources(guards, self.sources)
        lines = output("ninja", "-C", build, "-t", "commands", name).splitlines()
        link = next(l for l in reversed(lines) if f"-o tests/{name} " in l)
        commands = {}
        for line in lines:
            words = shlex.split(line) if " -c " in line else []
            path = os.path.relpath(os.path.join(build, words[words.index("-c") + 1]), ROOT) if words else ""
            if path in {g.path for g in guards}:
                commands[path] = words
        objects = list(pool.map(lambda path: self.object(path, commands[path]), commands))
        objects.append(os.path.join(self.home, "question.o"))
        subprocess.run(["c++", "-O1", "-c", os.path.join(self.sources, "question.cc"), "-o", objects[-1]], check=True)
        self.path = os.path.join(self.home, "test")
        link = link.replace(f"-o tests/{name} ", f"{' '.join(objects)} -o {self.path} ")
        subprocess.run(link, cwd=build, shell=True, check=True)
        names = re.findall(r"^(?!\[doctest\]|===)(.+)$", output(self.path, "--list-test-cases", "--no-colors"), re.M)
        self.cases = [case for case in pool.map(self.measured, names) if case]
        self.noticed = collections.Counter()  # by file and case

    def object(self, path, words):
        """Compiles the source with its questions; it stands before the archive that has the one without."""
        after, source = os.path.join(self.home, path.replace("/", ".") + ".o"), os.path.join(self.sources, path)
        words = [word for word in words if not re.fullmatch("-O[0-3s]", word)]
        words[words.index("-o") + 1] = after
        words[words.index("-c") + 1] = source
        for flag, length in (("-MD", 1), ("-MT", 2), ("-MF", 2)):
            if flag in words:
                del words[words.index(flag):words.index(flag) + length]
        at = next(i for i, word in enumerate(words) if word.startswith("-"))
        words[at:at] = ["-include", os.path.join(self.sources, "question.h"), "-w", "-O1"]
        headers = output("git", "ls-files", "weights/*.h", "base/*.h", "kernels/*.h").split()
        made_of = [source, *(os.path.join(ROOT, header) for header in headers)]
        if not os.path.exists(after) or os.path.getmtime(after) < max(map(os.path.getmtime, made_of)):
            subprocess.run(words, cwd=self.build, check=True)
        return after

    def status(self, cases, limit, **environment):
        """Exit status of test cases. The limit is of CPU time, so that a busy machine breaks nothing."""
        chosen = "--test-case=" + ",".join(case.replace(",", "?") for case in cases)
        words = ["prlimit", f"--cpu={limit}", "--as=8000000000", self.path, chosen, "--abort-after=1"]
        return subprocess.run(words, env={**os.environ, **environment}, capture_output=True).returncode

    def measured(self, case):
        """(seconds, case, branches reached), kept until the program changes; None where it takes too long for this run."""
        path = os.path.join(self.home, "reached." + hashlib.sha256(case.encode()).hexdigest()[:16])
        if not os.path.exists(path) or os.path.getmtime(path) < os.path.getmtime(self.path):
            start = time.monotonic()
            status = self.status([case], int(self.longest) + 1, MIEN_GUARDS_REACHED=path + ".new")
            seconds = time.monotonic() - start
            if status != 0:
                if seconds < self.longest:
                    print(f"left out, it fails with every branch in place: {case}")
                return None
            reached = open(path + ".new").read().split() if os.path.exists(path + ".new") else []
            with open(path, "w") as file:
                file.write(" ".join([f"{seconds:.3f}", *reached]))
        seconds, *reached = open(path).read().split()
        return float(seconds), case, set(map(int, reached))

    def judge(self, guard):
        """"killed" or "survived". The quick cases run together; of the others those that noticed some of its file come first."""
        cases = sorted((-self.noticed[guard.path, case], seconds, case) for seconds, case, reached in self.cases
                       if guard.number in reached)
        quick = [case for _, seconds, case in cases if seconds < QUICK]
        if quick and self.status(quick, int(10 + QUICK * len(quick)), MIEN_GUARD=str(guard.number)) != 0:
            return "killed"
        for _, seconds, case in cases:
            if seconds >= QUICK and self.status([case], int(20 + 5 * seconds), MIEN_GUARD=str(guard.number)) != 0:
                self.noticed[guard.path, case] += 1
                return "killed"
        return "survived"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("build")
    parser.add_argument("--only", default="")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--longest", type=float, default=60.0)
    parser.add_argument("--again", action="store_true")
    parser.add_argument("--list", action="store_true")
    arguments = parser.parse_args()
    build, guards, start = os.path.abspath(arguments.build), all_guards(), time.monotonic()
    everyone = [g for of_program in guards.values() for g in of_program]
    results, verdicts = os.path.join(build, "guards/results.tsv"), {}
    if os.path.exists(results):
        with open(results) as file:
            verdicts = dict(line.split() for line in file)  # the last of each
    open_verdicts, lock = (None, "survived") if arguments.again else (None,), threading.Lock()
    with concurrent.futures.ThreadPoolExecutor(arguments.jobs) as pool:
        for name, of_program in guards.items():
            todo = [g for g in of_program if arguments.only in g.reason_key() and verdicts.get(g.key) in open_verdicts]
            if arguments.list:
                print("".join(f"{g.path}:{g.line}: {g.what}\n" for g in todo), end="")
                continue
            program = Program(build, name, of_program, arguments.longest, pool) if todo else None

            def run(guard):
                verdict = program.judge(guard)
                with lock:
                    verdicts[guard.key] = verdict
                    with open(results, "a") as file:
                        file.write(f"{guard.key} {verdict}\n")
                    if verdict == "survived":
                        print(f"survived {guard.path}:{guard.line}: {guard.what}", flush=True)

            list(pool.map(run, sorted(todo, key=lambda g: g.key)))  # mixes the files
    if arguments.list:
        return 0

    record(JUDGED, everyone, verdicts)
    known, past, bad = reasons(KEPT), judged(JUDGED), 0
    for name, of_program in guards.items():
        mine = [g for g in of_program if arguments.only in g.reason_key()]
        survived = [g for g in mine if past.get(g.reason_key()) == "survived"]
        for guard in survived:
            print(f"{guard.path}:{guard.line}: {guard.what}\n  {known.get(guard.reason_key(), 'no test notices')}")
        untried = sum(g.reason_key() not in past for g in mine)
        explained = sum(g.reason_key() in known for g in survived)
        bad += untried + len(survived) - explained
        print(f"{name}: {len(mine)} branches, {len(mine) - untried - len(survived)} killed; {explained} that another covers; "
              f"{len(survived) - explained} that no test notices; {untried} not tried")
    print(f"{time.monotonic() - start:.0f} s")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
