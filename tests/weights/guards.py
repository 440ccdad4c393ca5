#!/usr/bin/env python3
"""Removes every validation branch of the readers, the importer and the ops' Infer, one at a time, and wants some test
to notice.

A branch: an `if` that answers with an error or "no", a step of a parser that checks before it goes on
(MIEN_STEP(Need(...)), Work, Memory), a MIEN_TRY of a check. All are compiled into a test program of a build at once,
each behind a question for its number; the environment says which one is gone. A first run of every test case records
which branches it reaches, so that each is tried only with those, the shortest first, until one fails.

  guards.py BUILD [--only TEXT] [--longest S] [--jobs N] [--again] [--new] [--list]

Verdicts are kept in BUILD/guards/results.tsv, so that it can be stopped and goes on (a branch of the same file text is
not tried again); at the end they are written to guards_judged.txt, by the text of the branch. --only: part of "file |
branch". --longest: test cases of at most so many seconds are tried (default 60). --again: also those that survived,
after a test was added. --new: only those of which guards_judged.txt does not know. --list: says which branches have no
verdict in this build, and tries none. With a build that has the sanitizers on, wild accesses are noticed too. Prints
each survivor and a count by room; exit status 0: every branch was tried, and none survives but those listed in
guards_kept.txt with the reason.
"""
import argparse
import collections
import concurrent.futures
import hashlib
import os
import re
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
from broken import (BROKEN, ROOT, Place, closing, commands, compile_broken, judged, link_broken, numbered,  # noqa: E402
                    output, read, reasons, record, status, verdicts_in, without_comments, write_sources)

KEPT = os.path.join(ROOT, "tests/weights/guards_kept.txt")
JUDGED = os.path.join(ROOT, "tests/weights/guards_judged.txt")
# Test program, and the files whose branches it judges.
PROGRAMS = {
    "test_weights": r"weights/(header|container|model_file|config|config_json|json|label.*)\.cc|weights/import/\w+\.cc",
    "test_kernels": r"kernels/\w+/\w+_ref\.cc",
}
QUICK = 0.5  # seconds of a test case
ERROR = (r"\{?\s*(?:\S+\s*=\s*)?return (?:(?:this->)?(?:Fail|Refuse|refuse|Unread|Status::Error|problems\.Add"
         r"|problems->Add|[\w.]+Spent|Wrong\w*)\b|(?:false|std::nullopt);)")
ADDED = r"\{?\s*problems\.Add\("
CHECK = r"(?:\w+\.)?(?:Check|Verify|Expect|Finish|ToStatus)\w*\("
REACHED = """  static const char* const path = std::getenv("MIEN_GUARDS_REACHED");
  if (path != nullptr) {
    static bool reached[10000];
    static std::FILE* const file = std::fopen(path, "w");
    if (!reached[number]) reached[number] = true, std::fprintf(file, "%d\\n", number), std::fflush(file);
  }
"""


def places(code):
    """(start, end, before, after) of every branch: what to write around it, BROKEN for the question."""
    for match in re.finditer(r"\bif \(", code):
        start, end = match.end(), closing(code, match.end() - 1)
        if re.match(r"\s*(?:" + ERROR + "|" + ADDED + ")", code[end:]) and ";" not in code[start:end - 1]:
            yield start, end - 1, "!BROKEN && (", ")"
    for match in re.finditer(r"\bMIEN_STEP\((?=(?:Need|Work|Memory)\()", code):
        yield match.end(), closing(code, match.end() - 1) - 1, "BROKEN || (", ")"
    for match in re.finditer(r"\bMIEN_TRY\((?=" + CHECK + ")", code):
        yield match.end(), closing(code, match.end() - 1) - 1, "BROKEN ? ::mien::Status() : (", ")"
    for match in re.finditer(r"\breturn (?=Expect\w+\()", code):  # the last check of an Infer
        end = closing(code, code.index("(", match.end()))
        if code[end] == ";":
            yield match.end(), end, "BROKEN ? ::mien::Status() : (", ")"


class Guard(Place):
    def __init__(self, path, text, place):
        super().__init__(path, text, *place, re.sub(r"\s+", " ", text[place[0]:place[1]]).strip())


def all_guards():
    """By test program, in the order of the files."""
    guards = collections.defaultdict(list)
    for path in output("git", "ls-files", "weights", "kernels").split():
        for program, pattern in PROGRAMS.items():
            if re.fullmatch(pattern, path):
                text = read(path)
                guards[program] += [Guard(path, text, place) for place in sorted(places(without_comments(text)))]
    return {program: numbered(of_program) for program, of_program in guards.items()}


class Program:
    """A test program of the build, linked anew with all branches behind questions."""

    def __init__(self, build, name, guards, longest, pool):
        self.build, self.home, self.longest = build, os.path.join(build, "guards", name), longest
        self.sources = os.path.join(self.home, "sources")
        paths = {g.path for g in guards}
        write_sources(guards, paths, self.sources, REACHED)
        link, compiling = commands(build, "tests/" + name)
        objects = pool.map(lambda path: self.object(path, compiling[path]), paths & compiling.keys())
        self.path = os.path.join(self.home, "test")
        link_broken(link, build, "tests/" + name, self.sources, objects, self.path)
        names = re.findall(r"^(?!\[doctest\]|===)(.+)$", output(self.path, "--list-test-cases", "--no-colors"), re.M)
        self.cases = [case for case in pool.map(self.measured, names) if case]
        self.noticed = collections.Counter()  # by file and case

    def object(self, path, words):
        """Compiles the source with its questions; it stands before the archive that has the one without."""
        after = os.path.join(self.home, path.replace("/", ".") + ".o")
        headers = output("git", "ls-files", "weights/*.h", "base/*.h", "kernels/*.h").split()
        made_of = [os.path.join(self.sources, path), *(os.path.join(ROOT, header) for header in headers)]
        words = [word for word in words if not re.fullmatch("-O[0-3s]", word)]
        compile_broken(words, self.build, self.sources, path, after, made_of, ["-O1"])
        return after

    def status(self, cases, limit, **environment):
        """Exit status of test cases."""
        chosen = "--test-case=" + ",".join(case.replace(",", "?") for case in cases)
        return status(["prlimit", "--as=8000000000", self.path, chosen, "--abort-after=1"], limit, **environment)

    def measured(self, case):
        """(seconds, case, branches reached), kept until the program changes; None where it takes too long."""
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
        """"killed" or "survived". The quick cases run together; of the others those that noticed some of its file
        come first."""
        cases = sorted((-self.noticed[guard.path, case], seconds, case) for seconds, case, reached in self.cases
                       if guard.number in reached)
        quick = [case for _, seconds, case in cases if seconds < QUICK]
        if quick and self.status(quick, int(10 + QUICK * len(quick)), **{BROKEN: str(guard.number)}) != 0:
            return "killed"
        for _, seconds, case in cases:
            if seconds >= QUICK and self.status([case], int(20 + 5 * seconds), **{BROKEN: str(guard.number)}) != 0:
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
    parser.add_argument("--new", action="store_true")
    parser.add_argument("--list", action="store_true")
    arguments = parser.parse_args()
    build, guards, start = os.path.abspath(arguments.build), all_guards(), time.monotonic()
    everyone = [g for of_program in guards.values() for g in of_program]
    results = os.path.join(build, "guards/results.tsv")
    verdicts = verdicts_in(results)
    open_verdicts, lock = (None, "survived") if arguments.again else (None,), threading.Lock()
    old = judged(JUDGED) if arguments.new else {}
    with concurrent.futures.ThreadPoolExecutor(arguments.jobs) as pool:
        for name, of_program in guards.items():
            todo = [g for g in of_program if arguments.only in g.reason_key() and g.reason_key() not in old
                    and verdicts.get(g.key) in open_verdicts]
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
        print(f"{name}: {len(mine)} branches, {len(mine) - untried - len(survived)} killed; "
              f"{explained} that another covers; {len(survived) - explained} that no test notices; {untried} not tried")
    print(f"{time.monotonic() - start:.0f} s")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
