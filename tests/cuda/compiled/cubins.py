"""The CUDA kernels as machine code: every .cu file compiled for a list of architectures, and what ptxas says of each
kernel. Compiled files are kept under build/static by a hash of everything that went into them."""
import argparse
import concurrent.futures
import glob
import hashlib
import os
import re
import shutil
import subprocess
import sys
import time

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "../../.."))
FOLDER = os.path.join(ROOT, "build", "static")
FLAGS = os.path.join(ROOT, "kernels", "cuda", "nvcc_flags.txt")
ALL_ARCHITECTURES = [80, 86, 87, 89, 90, 100, 103, 110, 120, 121]
REPORT_ARCHITECTURES = [80, 87, 90]  # those of sass.txt
SKIPPED = 77  # exit status of a check that lacks what it needs


def skip(check, reason):
    print(f"{check}: SKIPPED, {reason}")
    sys.exit(SKIPPED)


def start(check, description):
    """The command line of a check, the compiler and the architectures asked for; without a compiler it ends here."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--all", action="store_true", help="every architecture, not only those of the report")
    parser.add_argument("--arch", type=int, action="append", help="only this one (again: and this)")
    parser.add_argument("--update", action="store_true", help="write the checked-in file anew")
    parser.add_argument("--launches", default=os.path.join(ROOT, "build", "release", "launches"),
                        help="what test_simt left in MIEN_LAUNCHES")
    arguments = parser.parse_args()
    nvcc = find_nvcc() or skip(check, "there is no nvcc")
    return arguments, nvcc, architectures(arguments, nvcc)


def find_nvcc():
    for place in (os.environ.get("NVCC"), shutil.which("nvcc"), "/usr/local/cuda/bin/nvcc"):
        if place and os.path.exists(place):
            return place
    return None


def architectures(arguments, nvcc):
    wanted = arguments.arch or (ALL_ARCHITECTURES if arguments.all else REPORT_ARCHITECTURES)
    known = subprocess.run([nvcc, "--list-gpu-code"], check=True, capture_output=True, text=True).stdout.split()
    for arch in wanted:
        if f"sm_{arch}" not in known:
            print(f"sm_{arch} is unknown to this toolkit and left out")
    return [arch for arch in wanted if f"sm_{arch}" in known]


def read(path):
    with open(os.path.join(ROOT, path)) as f:
        return f.read()


def closure(path, seen):
    """The text of a source and of everything of ours that it includes; the host runner's headers are not for nvcc."""
    if path in seen or path.startswith("kernels/device/simt/") or not os.path.exists(os.path.join(ROOT, path)):
        return ""
    seen.add(path)
    text = read(path)
    return text + "".join(closure(p, seen) for p in re.findall(r'#\s*include "([^"]+)"', text))


def sources():
    paths = glob.glob(os.path.join(ROOT, "kernels", "**", "*.cu"), recursive=True)
    texts = {path: closure(path, set()) for path in sorted(os.path.relpath(path, ROOT) for path in paths)}
    return {path: text for path, text in texts.items() if "__global__" in text}


def compile_cubin(nvcc, version, path, text, arch):
    """Path of the cubin and of ptxas's words; seconds, 0 when nothing had changed; what the compiler refused, or ""."""
    stem = os.path.join(FOLDER, path[:-3].replace("/", ".") + f".sm_{arch}")
    cubin, log, key_file = stem + ".cubin", stem + ".log", stem + ".key"
    key = hashlib.sha256("\n".join([version, read(FLAGS), text]).encode()).hexdigest()
    if all(map(os.path.exists, (cubin, log, key_file))) and open(key_file).read() == key:
        return cubin, log, 0.0, ""
    start = time.monotonic()
    command = [nvcc, "-std=c++20", f"-arch=sm_{arch}", "-I" + ROOT, "--options-file", FLAGS, "-Xptxas", "-v", "-cubin",
               "-o", cubin, os.path.join(ROOT, path)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        words = [line for line in done.stderr.splitlines() if "error" in line or "warning" in line]
        return cubin, None, time.monotonic() - start, f"{path}, sm_{arch}: " + "\n".join(words or [done.stderr])
    with open(log, "w") as f:
        f.write(done.stderr)
    with open(key_file, "w") as f:
        f.write(key)
    return cubin, log, time.monotonic() - start, ""


def demangled(names):
    out = subprocess.run(["c++filt"], input="\n".join(names), check=True, capture_output=True, text=True).stdout
    return dict(zip(names, map(kernel_name, out.splitlines())))


def kernel_name(text):
    """Name and template arguments, as the host runner's KernelName."""
    for space in ("mien::", "cuda::", "(anonymous namespace)::"):
        text = text.replace(space, "")
    text = text.removeprefix("void ")
    return without_trailing_zeros(text[: text.rindex("(")] if "(" in text else text)


def without_trailing_zeros(name):
    """gcc leaves zeros at the end of a struct out, nvcc does not."""
    return re.sub(r"(, (0u?|false))+}", "}", name)


def kernels_of(log):
    """(mangled name, registers, barriers, static shared bytes) of every kernel in ptxas's words."""
    name = None
    for line in open(log):
        if match := re.search(r"Compiling entry function '(\w+)'", line):
            name = match.group(1)
        elif name and (match := re.search(r"Used (\d+) registers", line)):
            number = lambda pattern: int((re.search(pattern, line) or [0, 0])[1])
            yield name, int(match.group(1)), number(r"used (\d+) barriers"), number(r"(\d+) bytes smem")
            name = None


class Kernel:
    def __init__(self, name, mangled, arch, source, cubin, registers, barriers, shared):
        self.name, self.mangled, self.arch, self.source, self.cubin = name, mangled, arch, source, cubin
        self.registers, self.barriers, self.shared = registers, barriers, shared


def build(nvcc, archs):
    """All kernels of all files, compiled for all of `archs`, and what is wrong with files."""
    os.makedirs(FOLDER, exist_ok=True)
    version = subprocess.run([nvcc, "--version"], check=True, capture_output=True, text=True).stdout
    jobs = [(path, text, arch) for path, text in sorted(sources().items()) for arch in archs]
    start = time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        results = list(pool.map(lambda job: compile_cubin(nvcc, version, *job), jobs))
    found, failures = [], [refused for *_, refused in results if refused]
    for (path, _, arch), (cubin, log, _, _) in zip(jobs, results):
        found += [(arch, path, cubin, *kernel) for kernel in kernels_of(log)] if log else []
    names = demangled(sorted({kernel[3] for kernel in found}))
    kernels = {}
    for arch, path, cubin, mangled, registers, barriers, shared in found:
        kernel = Kernel(names[mangled], mangled, arch, path, cubin, registers, barriers, shared)
        other = kernels.setdefault((kernel.name, arch), kernel)
        if other is not kernel:
            failures.append(f"two kernels are called {kernel.name}: in {other.source} and {path}")
    slow = sorted(((result[2], path, arch) for (path, _, arch), result in zip(jobs, results)), reverse=True)[:3]
    print(f"{len(jobs)} compilations, {sum(r[2] > 0 for r in results)} anew, "
          f"{time.monotonic() - start:.0f} s; longest: " +
          ", ".join(f"{path} sm_{arch} {seconds:.1f} s" for seconds, path, arch in slow))
    return kernels, failures


def read_launches(folder):
    """From test_simt: sizes by executed kernel, and the steps of the full-size networks with their launches."""
    def rows(name):
        path = os.path.join(folder, name)
        if not os.path.exists(path):
            sys.exit(f"{path} is missing: run test_simt with MIEN_LAUNCHES={folder}")
        return [line.rstrip("\n").split("\t") for line in open(path)]

    executed = {without_trailing_zeros(r[0]): (int(r[1]), int(r[2])) for r in rows("launched.tsv")}
    steps = []
    for row in rows("steps.tsv"):
        if row[0] == "step":
            steps.append({"program": row[1], "precision": row[2], "layer": row[3], "op": row[4],
                          "plain": row[5] == "plain", "multiply_adds": int(row[6]), "bytes": int(row[7]),
                          "outputs": int(row[8]), "launches": []})
        else:
            steps[-1]["launches"].append({"kernel": without_trailing_zeros(row[1]), "blocks": int(row[2]),
                                          "threads": int(row[3]), "shared": int(row[4])})
    return executed, steps


def version_line(nvcc):
    words = subprocess.run([nvcc, "--version"], check=True, capture_output=True, text=True).stdout
    return words.strip().splitlines()[-1]
