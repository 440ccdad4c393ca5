#!/usr/bin/env python3
"""Removes every validation branch of the readers, the importer and the ops' Infer, one at a time, and wants some test to notice.

A branch: an `if` that answers with an error, a step of a parser that checks before it goes on (MIEN_STEP(Need(...)), Work,
Memory), a MIEN_TRY of a check. All are compiled into the test programs of a build at once, each behind a question for its
number; the environment says which one is gone. A first run of every test case records which branches it reaches, so that
each is tried only with those, the shortest first, until one fails.

  guards.py BUILD [--only TEXT] [--count N] [--longest S] [--jobs N] [--again] [--list]

Verdicts are kept in BUILD/guards/results.tsv: it can be stopped and goes on, and a branch of the same file text is not
tried again. --only: part of "file | branch"; --count: at most so many that have no verdict yet; --longest: test cases of at
most so many seconds (default 10). --again: those that survived are tried again, after a test was added. With a build that has the sanitizers on, wild accesses are noticed too. Prints each
survivor and a table; exit status 0: none but those that guards_kept.txt lists with the reason why they stay.
"""
import argparse
import collections
import concurrent.futures
import hashlib
import os
import re
import shlex
import signal
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tests/simt"))
from mutants import closing, output, read, without_comments, write  # noqa: E402

KEPT = os.path.join(ROOT, "tests/weights/guards_kept.txt")
# Test program and the files whose branches it judges.
PROGRAMS = {
    "test_weights": r"weights/(header|container|model_file|config|config_json|json|label.*)\.cc|weights/import/\w+\.cc",
    "test_kernels": r"kernels/\w+/\w+_ref\.cc",
}
ERROR = r"\{?\s*(?:\S+\s*=\s*)?return (?:this->)?(?:Fail|Refuse|refuse|Unread|Status::Error|problems\.Add|problems->Add|[\w.]+Spent|WrongShape|Wrong\w*)\b"
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
    """(start, end, before, after) of every branch; GONE stands for the question."""
    for match in re.finditer(r"\bif \(", code):
        start, end = match.end(), closing(code, match.end() - 1)
        if re.match(r"\s*" + ERROR, code[end:]) and ";" not in code[start:end - 1]:
            yield start, end - 1, "!GONE && (", ")"
    for match in re.finditer(r"\bMIEN_STEP\((?=(?:Need|Work|Memory)\()", code):
        end = closing(code, match.end() - 1)
        yield match.end(), end - 1, "GONE || (", ")"
    for match in re.finditer(r"\bMIEN_TRY\((?=(?:\w+\.)?(?:Check|Verify|Expect|Finish)\w*\()", code):
        end = closing(code, match.end() - 1)
        yield match.end(), end - 1, "GONE ? ::mien::Status() : (", ")"
    for match in re.finditer(r"\breturn (?=Expect\w+\()", code):  # the last check of an Infer
        end = closing(code, code.index("(", match.end()))
        if code[end] == ";":
            yield match.end(), end, "GONE ? ::mien::Status() : (", ")"
    for match in re.finditer(r"\bproblems\.Add\(", code):
        head = code.rfind("if (", 0, match.start())
        if head >= 0 and re.fullmatch(r"\s*\{?\s*", code[closing(code, head + 3):match.start()]):
            end = closing(code, head + 3)
            if ";" not in code[head + 4:end - 1]:
                yield head + 4, end - 1, "!GONE && (", ")"


class Guard:
    def __init__(self, path, text, place):
        self.start, self.end, self.before, self.after = place
        self.path, self.number = path, 0
        self.what = re.sub(r"\s+", " ", text[self.start:self.end]).strip()
        self.line = text.count("\n", 0, self.start) + 1
        self.key = hashlib.sha256(f"{path}\0{text}\0{self.start}".encode()).hexdigest()[:16]

    def name(self):
        return f"{self.path} | {self.what}"


def all_guards():
    guards = collections.defaultdict(list)  # by program
    files = output("git", "ls-files", "weights", "kernels").split()
    for program, pattern in PROGRAMS.items():
        for path in files:
            if not re.fullmatch(pattern, path):
                continue
            text = read(path)
            code = without_comments(text)
            found = {place[:2]: place for place in places(code)}
            guards[program] += [Guard(path, text, found[key]) for key in sorted(found)]
        for number, guard in enumerate(guards[program], 1):
            guard.number = number
    return guards


class Program:
    """A test program of the build, linked anew with all branches behind questions."""

    def __init__(self, build, name, guards, jobs, longest):
        self.build, self.home = build, os.path.join(build, "guards", name)
        sources = os.path.join(self.home, "sources")
        for path in {g.path for g in guards}:
            text, at, parts = read(path), 0, []
            edits = sorted(((g.start, 1, g.before.replace("GONE", f"GuardGone({g.number})")) for g in guards if g.path == path))
            edits += sorted((g.end, 0, g.after) for g in guards if g.path == path)
            for place, _, new in sorted(edits):
                parts += [text[at:place], new]
                at = place
            write(os.path.join(sources, path), "".join(parts) + text[at:])
        write(os.path.join(sources, "question.h"), QUESTION_H)
        write(os.path.join(sources, "question.cc"), QUESTION_CC)
        lines = output("ninja", "-C", build, "-t", "commands", name).splitlines()
        link = next(l for l in reversed(lines) if f"-o tests/{name} " in l)
        commands = {}
        for line in lines:
            words = shlex.split(line) if " -c " in line else []
            path = os.path.relpath(os.path.join(build, words[words.index("-c") + 1]), ROOT) if words else ""
            if path in {g.path for g in guards}:
                commands[path] = words
        with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
            objects = list(pool.map(lambda path: self.compile(commands[path], path, sources), commands))
        objects.append(os.path.join(self.home, "question.o"))
        subprocess.run(["c++", "-O1", "-c", os.path.join(sources, "question.cc"), "-o", objects[-1]], check=True)
        self.path = os.path.join(self.home, "test")
        link = link.replace(f"-o tests/{name} ", f"{' '.join(objects)} -o {self.path} ")
        subprocess.run(link, cwd=build, shell=True, check=True)
        self.cases = self.measured(longest)
        self.noticed = collections.Counter()

    def compile(self, words, path, sources):
        after = os.path.join(self.home, path.replace("/", ".") + ".o")
        source = os.path.join(sources, path)
        words = [word for word in words if not re.fullmatch("-O[0-3s]", word)]
        words[words.index("-o") + 1] = after
        words[words.index("-c") + 1] = source
        for flag, length in (("-MD", 1), ("-MT", 2), ("-MF", 2)):
            if flag in words:
                del words[words.index(flag):words.index(flag) + length]
        at = next(i for i, word in enumerate(words) if word.startswith("-"))
        words[at:at] = ["-include", os.path.join(sources, "question.h"), "-w", "-O0"]
        headers = [os.path.join(ROOT, file) for file in output("git", "ls-files", "weights/*.h", "runtime/base/*.h", "kernels/*.h").split()]
        if not os.path.exists(after) or os.path.getmtime(after) < max(map(os.path.getmtime, [source, *headers])):
            subprocess.run(words, cwd=self.build, check=True)
        return after

    def run(self, case, limit, **environment):
        words = ["prlimit", f"--cpu={limit}", "--as=8000000000", self.path, "--test-case=" + case.replace(",", "?"), "--abort-after=1"]
        return subprocess.run(words, env={**os.environ, **environment}, capture_output=True).returncode

    def measured(self, longest):
        """(seconds, case, branches reached) of every test case that passes in time; kept until the program changes."""
        names = re.findall(r"^(?!\[doctest\]|===)(.+)$", output(self.path, "--list-test-cases", "--no-colors"), re.M)
        cases = []
        for case in names:
            path = os.path.join(self.home, "reached." + hashlib.sha256(case.encode()).hexdigest()[:16])
            if not os.path.exists(path) or os.path.getmtime(path) < os.path.getmtime(self.path):
                start = os.times().children_user
                status = self.run(case, int(longest) + 1, MIEN_GUARDS_REACHED=path + ".new")
                seconds = os.times().children_user - start
                if status in (-signal.SIGXCPU, -signal.SIGKILL):  # too long for this run
                    continue
                if status != 0:
                    print(f"left out, it fails with every branch in place: {case}")
                    continue
                reached = open(path + ".new").read().split() if os.path.exists(path + ".new") else []
                with open(path, "w") as file:
                    file.write(" ".join([f"{seconds:.3f}", *reached]))
            seconds, *reached = open(path).read().split()
            cases.append((float(seconds), case, set(map(int, reached))))
        return sorted(cases)

    def notices(self, guard, longest):
        cases = [(-self.noticed[guard.path, case], seconds, case) for seconds, case, reached in self.cases
                 if guard.number in reached and seconds <= longest]
        for _, seconds, case in sorted(cases):
            if self.run(case, int(20 + 5 * seconds), MIEN_GUARD=str(guard.number)) != 0:
                self.noticed[guard.path, case] += 1
                return True
        return False


def kept():
    """Branches that stay although no test misses them: "file | branch", then the reason, indented."""
    found, key = {}, None
    for line in read(KEPT).splitlines() if os.path.exists(KEPT) else []:
        if line.startswith("  "):
            found[key] = line.strip()
        elif line and not line.startswith("#"):
            key = line.strip()
    return found


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("build")
    parser.add_argument("--only", default="")
    parser.add_argument("--count", type=int, default=10**9)
    parser.add_argument("--jobs", type=int, default=2, help="compilers at a time")
    parser.add_argument("--longest", type=float, default=10.0)
    parser.add_argument("--again", action="store_true")
    parser.add_argument("--list", action="store_true")
    arguments = parser.parse_args()
    build = os.path.abspath(arguments.build)
    guards, start = all_guards(), time.monotonic()
    results, verdicts = os.path.join(build, "guards/results.tsv"), {}
    if os.path.exists(results):
        verdicts = dict(line.split() for line in open(results))  # the last of each
    left, unjudged = arguments.count, (None, "survived") if arguments.again else (None,)
    for name, all_of_it in guards.items():
        todo = [g for g in all_of_it if arguments.only in g.name() and verdicts.get(g.key) in unjudged][:left]
        if arguments.list:
            print("\n".join(f"{g.path}:{g.line}: {g.what}" for g in todo))
            continue
        if not todo:
            continue
        left -= len(todo)
        program = Program(build, name, all_of_it, arguments.jobs, arguments.longest)
        for guard in sorted(todo, key=lambda g: g.key):  # mixes the files
            verdicts[guard.key] = "killed" if program.notices(guard, arguments.longest) else "survived"
            with open(results, "a") as file:
                file.write(f"{guard.key} {verdicts[guard.key]}\n")
            if verdicts[guard.key] == "survived":
                print(f"survived {guard.path}:{guard.line}: {guard.what}", flush=True)
    if arguments.list:
        return 0
    reasons, unexplained, tried = kept(), 0, 0
    for guard in (g for program in guards.values() for g in program if arguments.only in g.name()):
        tried += guard.key in verdicts
        if verdicts.get(guard.key) == "survived":
            reason = reasons.get(guard.name())
            unexplained += reason is None
            print(f"{guard.path}:{guard.line}: {guard.name()}\n  {reason or 'no test notices'}")
    every = sum(map(len, guards.values()))
    print(f"branches: {tried} of {every} tried, {unexplained} that no test notices; {time.monotonic() - start:.0f} s")
    return 1 if unexplained else 0


if __name__ == "__main__":
    sys.exit(main())
