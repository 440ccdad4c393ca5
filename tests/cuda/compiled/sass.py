#!/usr/bin/env python3
"""Reads the machine code of the kernels that multiply on tensor cores: the main loop of each, what it is made of, and
how long it takes to issue. The report is tests/cuda/compiled/sass.txt.

  sass.py [--all | --arch N ...] [--update] [--launches FOLDER]

Fails where the main loop of a fast 3x3 convolution with at least 64 outputs (of the full-size networks) gives less than
half of its issue cycles to tensor instructions, divides integers, or touches global memory in pieces of less than 16
bytes. Issue cycles are what the compiler wrote into the instructions: how long a warp waits before its next one. Fails
as well where the checked-in report says something else of any kernel on an architecture that both are of; a report of
another compiler is not compared, and that is said. The disassembler is taken from the path, else installed under
build/static from the package nvidia-cuda-nvdisasm; without it nothing is checked, and that is said.
"""
import collections
import glob
import os
import re
import shutil
import subprocess
import sys
import venv

import cubins

REPORT = os.path.join(cubins.ROOT, "tests", "cuda", "compiled", "sass.txt")
TENSOR_SHARE = 0.5
# Kernels that are allowed a smaller share, by a pattern of their name, and why.
EXEMPT = {
    r"GemmTile<Window<3, 3, [^>]*>, 4, 4, ":
        "a tile of 4x4 pixels is one fragment, so every weight that is loaded is used once, 17 to 25 %; it is taken "
        "for small images, whose time is that of reading the weights: the loop issues 36 KiB of them in 600 cycles, by "
        "this count four times as fast as the memory of an H100 brings them to a multiprocessor, and K is split until "
        "a block goes through it once or twice",
    r"UpTile<10, 8, 1, 4, 3>":
        "for small images, with few sums a warp: at half, some architectures a little below; what is issued in the "
        "cycles between two tensor instructions counts as time of its own, and the tensor cores are held for more than "
        "three quarters of the loop",
}


def find_disassembler():
    """Path of nvdisasm, or None and the reason."""
    if shutil.which("nvdisasm"):
        return shutil.which("nvdisasm"), ""
    folder = os.path.join(cubins.FOLDER, "venv")
    pattern = os.path.join(folder, "lib", "*", "site-packages", "nvidia", "*", "bin", "nvdisasm")
    if not glob.glob(pattern):
        try:
            venv.create(folder, with_pip=True)
            command = [os.path.join(folder, "bin", "pip"), "install", "-q", "nvidia-cuda-nvdisasm"]
            done = subprocess.run(command, capture_output=True, text=True, timeout=120)
            if done.returncode != 0:
                return None, done.stderr.strip().splitlines()[-1]
        except (OSError, subprocess.SubprocessError) as error:
            return None, str(error)
    found = glob.glob(pattern)
    return (found[0], "") if found else (None, "the package has no nvdisasm")


class Instruction:
    def __init__(self, address, text, stall):
        self.address, self.text, self.stall = address, text, stall
        words = text.split()
        self.opcode = words[1] if words[0].startswith("@") else words[0]
        self.stem = self.opcode.split(".")[0]
        target = re.search(r"`\((\.L_x_\d+)\)", text)
        self.target = target.group(1) if target and self.stem == "BRA" else None


def disassemble(program, cubin):
    """Instructions and labels by mangled kernel name."""
    listing = subprocess.run([program, "-c", "-hex", cubin], check=True, capture_output=True, text=True).stdout
    kernels, pending = {}, None
    for line in listing.splitlines():
        if match := re.match(r"\.text\.(\w+):", line):
            code, labels = kernels.setdefault(match.group(1), ([], {}))
        elif match := re.match(r"(\.L_x_\d+):", line):
            labels[match.group(1)] = len(code)
        elif match := re.match(r"\s+/\*([0-9a-f]{4,})\*/\s+(.*?)\s*;\s+/\* 0x", line):
            pending = (int(match.group(1), 16), match.group(2))
        elif pending and (match := re.match(r"\s+/\* (0x[0-9a-f]{16}) \*/", line)):
            # The upper half of an instruction: bits 41 to 44 are the cycles until the next may issue.
            code.append(Instruction(*pending, int(match.group(1), 16) >> 41 & 15))
            pending = None
    return kernels


def is_tensor(instruction):
    return instruction.stem in ("HMMA", "IMMA", "DMMA", "BMMA")


def main_loop(code, labels):
    """Of the loops that contain no other with tensor instructions, the one with most of them; None: there is none."""
    loops = []
    for i, instruction in enumerate(code):
        start = labels.get(instruction.target, i + 1)
        if start <= i and any(map(is_tensor, code[start:i + 1])):
            loops.append((start, i + 1))
    inner = [(a, b) for a, b in loops if not any(a <= c and d <= b and (a, b) != (c, d) for c, d in loops)]
    return max(inner, key=lambda loop: sum(map(is_tensor, code[slice(*loop)])), default=None)


def bytes_of_access(instruction):
    """Of a global access, else None."""
    if instruction.stem not in ("LDG", "STG", "LDGSTS"):
        return None
    for part, size in (("128", 16), ("64", 8), ("U16", 2), ("S16", 2), ("U8", 1), ("S8", 1)):
        if part in instruction.opcode.split("."):
            return size
    return 4


class Loop:
    """What a main loop consists of."""

    def __init__(self, body):
        self.instructions = len(body)
        self.cycles = sum(i.stall for i in body)
        self.tensor = sum(map(is_tensor, body))
        self.share = sum(i.stall for i in body if is_tensor(i)) / self.cycles
        self.opcodes = collections.Counter(i.stem for i in body)
        self.divisions = sum(i.stem == "I2F" or i.opcode.startswith("MUFU.RCP") for i in body)
        self.accesses = collections.Counter(f"{i.stem} of {bytes_of_access(i)}" for i in body if bytes_of_access(i))
        self.narrow = sum(bytes_of_access(i) not in (None, 16) for i in body)

    def complaints(self):
        found = []
        if self.share < TENSOR_SHARE:
            found.append(f"tensor instructions have {self.share:.0%} of the main loop's issue cycles")
        if self.divisions:
            found.append("integers are divided in the main loop")
        if self.narrow:
            found.append("the main loop touches global memory in pieces of less than 16 bytes")
        return found


def describe(name, arch, mark, code, loop):
    words = lambda counter: ", ".join(f"{n} {what}" for what, n in sorted(counter.items(), key=lambda c: (-c[1], c[0])))
    outside = collections.Counter(f"{i.stem} of {bytes_of_access(i)}" for i in code if bytes_of_access(i))
    lines = [f"{name}, sm_{arch}{mark}: {len(code)} instructions; global accesses "
             f"{words(outside) or 'none'}"]
    if loop is None:
        return lines + ["  tensor instructions, but in no loop"]
    return lines + [f"  main loop: {loop.instructions} instructions, {loop.tensor / loop.instructions:.0%} of them "
                    f"tensor; {loop.cycles} issue cycles, {loop.share:.0%} of them tensor; global "
                    f"{words(loop.accesses) or 'none'}",
                    f"  {words(loop.opcodes)}"]


def gated_kernels(steps):
    return {launch["kernel"] for step in steps if step["outputs"] >= 64 for launch in step["launches"]}


def exemption(name):
    return next((reason for pattern, reason in EXEMPT.items() if re.search(pattern, name)), None)


def examine(program, kernels, gated):
    """The report of all kernels with tensor instructions, the failures, the number gated on each architecture."""
    code_of = {cubin: disassemble(program, cubin) for cubin in sorted({kernel.cubin for kernel in kernels.values()})}
    report, failures, checked = [], [], collections.Counter()
    for (name, arch), kernel in sorted(kernels.items()):
        code, labels = code_of[kernel.cubin][kernel.mangled]
        if not any(map(is_tensor, code)):
            continue
        where = main_loop(code, labels)
        loop = Loop(code[slice(*where)]) if where else None
        complaints = loop.complaints() if loop else ["no main loop"]
        exempt = exemption(name) if complaints else None
        mark = "" if name not in gated else ", exempt" if exempt else ", gated"
        report += describe(name, arch, mark, code, loop)
        checked[arch] += mark == ", gated"
        failures += [f"{name}, sm_{arch}: {text}" for text in complaints if mark == ", gated"]
    report += [f"exempt: {pattern}: {reason}" for pattern, reason in EXEMPT.items()]
    return report, failures, checked


def entries(report):
    """{(kernel, architecture): its lines}, and each line of an exemption, of a report's lines."""
    found, key = {}, None
    for line in report:
        if match := re.match(r"(.*), sm_(\d+)(?:, \w+)?: \d+ instructions", line):
            key = match.group(1), int(match.group(2))
        elif not line.startswith("  "):
            key = line, None
        found.setdefault(key, []).append(line)
    return found


def stale(report, checked_in, archs):
    """What the checked-in report has to be renewed for."""
    new, old = entries(report), entries(checked_in)
    keys = [key for key in sorted(new.keys() | old.keys(), key=str) if key[1] is None or key[1] in archs]
    return [f"{name}{'' if arch is None else f', sm_{arch}'}: not what sass.txt says (sass.py --update writes it)"
            for name, arch in keys if new.get((name, arch)) != old.get((name, arch))]


def main():
    arguments, nvcc, archs = cubins.start("sass", __doc__)
    program, reason = find_disassembler()
    if program is None:
        cubins.skip("sass", f"there is no disassembler: {reason}")
    _, steps = cubins.read_launches(arguments.launches)
    kernels, refused = cubins.build(nvcc, archs)
    report, failures, checked = examine(program, kernels, gated_kernels(steps))
    failures += refused
    failures += [f"sm_{arch}: no 3x3 convolution uses tensor cores" for arch in archs if checked[arch] == 0]
    version = cubins.version_line(nvcc)
    if arguments.update:
        with open(REPORT, "w") as f:
            f.write("\n".join([version, *report]) + "\n")
    else:
        checked_in = cubins.read(REPORT).splitlines()
        if checked_in[0] == version:
            failures += stale(report, checked_in[1:], set(archs) & set(cubins.REPORT_ARCHITECTURES))
        else:
            print(f"sass: sass.txt is of another compiler, {checked_in[0]}, and not compared")
    for line in failures:
        print("FAILED " + line)
    print(f"sass: {sum(checked.values())} main loops checked, {len(failures)} failures")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
