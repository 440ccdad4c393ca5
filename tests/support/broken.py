"""What guards.py and mutants.py share: places of the sources that are broken one at a time, all compiled at once, each
behind a question for its number, and the verdicts on them."""
import collections
import hashlib
import os
import re
import shlex
import subprocess

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BROKEN = "MIEN_BROKEN"  # the environment variable that names the one that is broken
QUESTION_H = "bool IsBroken(int number);\n"
QUESTION_CC = """#include <cstdio>
#include <cstdlib>
bool IsBroken(int number) {
  static const char* const text = std::getenv("MIEN_BROKEN");
  static const int broken = text == nullptr ? 0 : std::atoi(text);
%s  return number == broken;
}
"""


def output(*words, cwd=ROOT):
    return subprocess.run(words, cwd=cwd, check=True, capture_output=True, text=True).stdout


def status(words, cpu_seconds, **environment):
    """Exit status. The limit is of CPU time, so that a busy machine breaks nothing."""
    return subprocess.run(["prlimit", f"--cpu={cpu_seconds}", *words], env={**os.environ, **environment},
                          capture_output=True).returncode


def read(path):
    with open(os.path.join(ROOT, path)) as file:
        return file.read()


def write(path, text):
    """Where it says something else yet."""
    if not os.path.exists(path) or read(path) != text:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w") as file:
            file.write(text)


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


class Place:
    """[start, end) of a file's text, and what is written around it; BROKEN there is the question."""

    def __init__(self, path, text, start, end, before, after, what):
        self.path, self.start, self.end, self.before, self.after, self.what = path, start, end, before, after, what
        self.number, self.nth = 0, 1
        self.line = text.count("\n", 0, start) + 1
        self.said = [path, what]
        self.key = hashlib.sha256(f"{path}\0{text}\0{start}\0{what}".encode()).hexdigest()[:16]

    def reason_key(self):
        return " | ".join(self.said + ([str(self.nth)] if self.nth > 1 else []))

    def edits(self):
        """(order, place, text): of what begins at a place the longest comes first, of what ends there the shortest."""
        question = f"IsBroken({self.number})"
        yield (self.start, 1, -self.end, self.number), self.start, self.before.replace("BROKEN", question)
        yield (self.end, 0, -self.start, -self.number), self.end, self.after


def numbered(places):
    """From 1 on; those that read alike are counted."""
    seen = collections.Counter()
    for number, place in enumerate(places, 1):
        seen[place.reason_key()] += 1
        place.number, place.nth = number, seen[place.reason_key()]
    return places


def write_sources(places, paths, folder, noted=""):
    """Every file with all its places behind questions; `noted` is code that the question runs."""
    for path in paths:
        text, at, parts = read(path), 0, []
        for _, place, new in sorted(edit for p in places if p.path == path for edit in p.edits()):
            parts += [text[at:place], new]
            at = place
        write(os.path.join(folder, path), "".join(parts) + text[at:])
    write(os.path.join(folder, "question.h"), QUESTION_H)
    write(os.path.join(folder, "question.cc"), QUESTION_CC % noted)


def commands(build, target, within=""):
    """How the build links the program, and the words that compile each of its sources, of lines with `within`."""
    lines = output("ninja", "-C", build, "-t", "commands", target).splitlines()
    link = next(line for line in reversed(lines) if f"-o {target} " in line)
    compiling = [shlex.split(line) for line in lines if " -c " in line and within in line]
    return link, {os.path.relpath(os.path.join(build, w[w.index("-c") + 1]), ROOT): w for w in compiling}


def link_broken(link, build, target, folder, objects, to):
    """The program with these objects before all others."""
    question = to + "_question.o"
    subprocess.run(["c++", "-O2", "-c", os.path.join(folder, "question.cc"), "-o", question], check=True)
    link = link.replace(f"-o {target} ", f"{' '.join(objects)} {question} -o {to} ")
    subprocess.run(link, cwd=build, shell=True, check=True)


def compile_broken(words, build, folder, source, to, made_of, flags=()):
    """Compiles a source of the folder by the words of the build, where the object is older than what it is made of."""
    words = list(words)
    words[words.index("-o") + 1] = to
    words[words.index("-c") + 1] = os.path.join(folder, source)
    for flag, length in (("-MD", 1), ("-MT", 2), ("-MF", 2)):
        if flag in words:
            del words[words.index(flag):words.index(flag) + length]
    at = next(i for i, word in enumerate(words) if word.startswith("-"))
    words[at:at] = ["-include", os.path.join(folder, "question.h"), "-w", *flags]
    if not os.path.exists(to) or os.path.getmtime(to) < max(map(os.path.getmtime, made_of)):
        subprocess.run(words, cwd=build, check=True)


def reasons(path):
    """What may survive: "file | what | ...", then the reason, indented."""
    found, key = {}, None
    for line in read(path).splitlines():
        if line.startswith("  "):
            found[key] = line.strip()
        elif line and not line.startswith("#"):
            key = line.strip()
    return found


def verdicts_in(path):
    """By key, the last of each, of a build."""
    if not os.path.exists(path):
        return {}
    with open(path) as file:
        return dict(line.split() for line in file)


def judged(path):
    """By reason key, of the campaign."""
    with open(path) as file:
        return {key: verdict for verdict, key in (line.rstrip("\n").split(" | ", 1) for line in file)}


def record(path, places, verdicts):
    """Writes the verdicts of this campaign over those of earlier ones; what no longer exists is dropped."""
    found = judged(path) | {p.reason_key(): verdicts[p.key] for p in places if p.key in verdicts}
    existing = {p.reason_key() for p in places}
    with open(path, "w") as file:
        file.writelines(f"{found[key]} | {key}\n" for key in sorted(existing & found.keys()))
