#!/usr/bin/env python3
"""Draws build/gpu_model.html: what the steps of the full-size programs must cost on four devices at the least.
Modelled, not measured. Steps and launches come from the tests (MIEN_LAUNCHES, tests/cuda/kernels/full_size_test.cc),
registers and blocks from kernels/cuda/resources.csv.

  bench/gpu_model.py [--launches FOLDER] [--out FILE]
"""
import argparse
import html
import os
import sys

sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "tests", "cuda", "compiled"))
import cubins
import resources

# What programs attain, not data sheets: dense tensor TFLOP/s in fp16 (tf32: half), TFLOP/s of plain fp32, GB/s.
DEVICES = [
    {"name": "H100", "arch": 90, "processors": 132, "warps": 64, "tensor": 800, "plain": 60, "bandwidth": 3000},
    {"name": "RTX 4090", "arch": 89, "processors": 128, "warps": 48, "tensor": 160, "plain": 70, "bandwidth": 950},
    {"name": "Orin AGX 64", "arch": 87, "processors": 16, "warps": 48, "tensor": 42.5, "plain": 5.3, "bandwidth": 174},
    {"name": "Orin Nano Super", "arch": 87, "processors": 8, "warps": 48, "tensor": 17, "plain": 2.1, "bandwidth": 87},
]
PROGRAMS = {
    "synthesis": "Synthesis, 1024 x 1024 pixels",
    "encoder": "Encoder, 256 x 256 pixels to 18 rows",
    "flow": "Flow, 18 rows (the inverse has the same steps)",
    "mapping": "Mapping",
    "attributes": "Attribute classifier",
    "recognizer": "Recogniser",
}
COMPUTE, MEMORY, INK, PALE = "#3f6fa8", "#d98a2e", "#24292f", "#8b949e"
STYLE = f"""svg {{ font: 11px Helvetica, Arial, sans-serif; fill: {INK} }}
.pale {{ fill: {PALE} }} .end {{ text-anchor: end }}
.small {{ font-size: 10px }} .tiny {{ font-size: 9px }} .name {{ font-size: 13px; font-weight: bold }}
.compute {{ fill: {COMPUTE} }} .memory {{ fill: {MEMORY} }} .band {{ fill: #f4f6f8 }}"""
ROW, TOP, PANEL, FIRST_PANEL = 19, 74, 184, 526
WIDTH = FIRST_PANEL + PANEL * len(DEVICES) + 16


def floor_seconds(step, device):
    """(seconds, bound by memory) of a step."""
    peak = device["plain"] if step["plain"] or step["precision"] == "fp32" else \
        device["tensor"] / (1 if step["precision"] == "fp16" else 2)
    compute = 2 * step["multiply_adds"] / (peak * 1e12)
    memory = step["bytes"] / (device["bandwidth"] * 1e9)
    return max(compute, memory), memory >= compute


def occupancy(step, device, table):
    """Share of a processor's warps that the step's largest launch can fill, and of the processors it has blocks for."""
    launch = max(step["launches"], key=lambda l: l["blocks"] * l["threads"])
    blocks = table.get(launch["kernel"], {}).get(resources.columns(device["arch"])[1])
    if blocks is None:
        return None
    warps = (launch["threads"] + 31) // 32
    return blocks * warps / device["warps"], min(1.0, launch["blocks"] / device["processors"])


def text(x, y, words, look=""):
    """`look`: classes of STYLE."""
    return f'<text x="{x:g}" y="{y:g}"' + (f' class="{look}"' if look else "") + f">{html.escape(words)}</text>"


def duration(seconds):
    return f"{seconds * 1e3:.2f} ms" if seconds >= 1e-3 else f"{seconds * 1e6:.{1 if seconds >= 1e-6 else 2}f} µs"


def amount(value, unit):
    scaled = value / unit
    return f"{scaled:.0f}" if scaled >= 100 else f"{scaled:.1f}" if scaled >= 0.95 else f"{scaled:.2f}"


def heading(steps):
    parts = [text(12, 52, "layer", "pale"), text(250, 52, "step", "pale"), text(404, 52, "M mult-adds", "pale end"),
             text(450, 52, "MB", "pale end"), text(508, 52, "launches", "pale end")]
    for i, device in enumerate(DEVICES):
        x = FIRST_PANEL + i * PANEL
        floors = [floor_seconds(step, device) for step in steps]
        total, by_memory = sum(f[0] for f in floors), sum(f[0] for f in floors if f[1])
        parts += [text(x, 22, device["name"], "name"), text(x, 52, "floor, and warps resident", "pale"),
                  text(x, 38, f"{duration(total)}, {by_memory / total:.0%} of it memory")]
    return parts


def panel(step, device, x, y, longest, table):
    seconds, by_memory = floor_seconds(step, device)
    width = max(0.8, 60 * seconds / longest)
    kind = "memory" if by_memory else "compute"
    parts = [f'<rect x="{x}" y="{y - 10}" width="{width:.1f}" height="11" class="{kind}"/>',
             text(x + round(width) + 4, y, duration(seconds), "small")]
    share = occupancy(step, device, table)
    if share is not None:
        words = f"{share[0]:.0%}" + ("" if share[1] == 1.0 else f" on {share[1]:.0%}")
        parts.append(text(x + PANEL - 14, y, words, "tiny pale end"))
    return parts


def chart(steps, table):
    """SVG of a program: a line per step, a panel per device."""
    height = TOP + ROW * len(steps) + 6
    longest = [max(floor_seconds(step, device)[0] for step in steps) for device in DEVICES]
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" '
             f'width="{WIDTH}" height="{height}">']
    parts += heading(steps)
    for i, step in enumerate(steps):
        y = TOP + ROW * i
        if i % 2 == 0:
            parts.append(f'<rect x="4" y="{y - 14}" width="{WIDTH - 8}" height="{ROW}" class="band"/>')
        layer = step["layer"] if len(step["layer"]) <= 38 else step["layer"][:18] + "…" + step["layer"][-19:]
        parts += [text(12, y, layer), text(250, y, step["op"] + (" (plain)" if step["plain"] else "")),
                  text(404, y, amount(step["multiply_adds"], 1e6), "end"),
                  text(450, y, amount(step["bytes"], 1e6), "end"), text(508, y, str(len(step["launches"])), "end")]
        for k, device in enumerate(DEVICES):
            parts += panel(step, device, FIRST_PANEL + k * PANEL, y, longest[k], table)
    return "\n".join(parts + ["</svg>"])


def summary(programs):
    """HTML table of all programs in both precisions."""
    rows = ["<tr><th>program</th><th></th><th>steps</th><th>launches</th><th>G mult-adds</th><th>MB</th>" +
            "".join(f"<th>{device['name']}</th>" for device in DEVICES) + "</tr>"]
    for (program, precision), steps in programs.items():
        if program not in PROGRAMS:
            continue
        cells = [program, precision, len(steps), sum(len(step["launches"]) for step in steps),
                 f"{sum(step['multiply_adds'] for step in steps) / 1e9:.2f}",
                 f"{sum(step['bytes'] for step in steps) / 1e6:.1f}"]
        cells += [duration(sum(floor_seconds(step, device)[0] for step in steps)) for device in DEVICES]
        rows.append("<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>")
    return "<table>" + "\n".join(rows) + "</table>"


def page(programs, table):
    peaks = "".join(f"<tr><td>{d['name']}</td><td>{d['tensor']}</td><td>{d['tensor'] / 2:g}</td><td>{d['plain']}</td>"
                    f"<td>{d['bandwidth']}</td><td>{d['processors']}</td></tr>" for d in DEVICES)
    sections = "".join(f"<h2>{title}, fp16</h2>\n{chart(programs[program, 'fp16'], table)}\n"
                       for program, title in PROGRAMS.items() if (program, "fp16") in programs)
    return f"""<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>mien on four GPUs, modelled</title><style>
body {{ font: 15px/1.45 Helvetica, Arial, sans-serif; color: {INK}; max-width: {WIDTH}px;
       margin: 32px auto; padding: 0 16px }}
h1 {{ font-size: 26px; margin-bottom: 4px }} h2 {{ font-size: 19px; margin: 36px 0 8px }}
.note {{ background: #fff5e6; border-left: 5px solid {MEMORY}; padding: 10px 16px; max-width: 900px }}
table {{ border-collapse: collapse; margin: 14px 0; font-size: 13px }} th {{ color: {PALE}; font-weight: normal }}
td, th {{ padding: 3px 14px 3px 0; text-align: right }} td:first-child, th:first-child {{ text-align: left }}
.key {{ display: inline-block; width: 13px; height: 11px; border-radius: 2px; margin-right: 4px }}
svg {{ max-width: 100%; height: auto }}
{STYLE}
</style></head><body>
<h1>What one picture must cost at the least</h1>
<p class="note"><b>Modelled, not measured.</b> No GPU was used. The floor of a step is the longer of its multiply-adds
(those of margins of tiles included) at the device's attainable rate and its bytes (every operand read once, every
result written once) at its attainable bandwidth. Launches, caches and the tails of grids are not in it.</p>
<p><span class="key" style="background:{COMPUTE}"></span>bound by arithmetic &nbsp;
<span class="key" style="background:{MEMORY}"></span>bound by memory &nbsp;&middot;&nbsp; Bars are to the scale
of their panel. In grey: the share of a multiprocessor's warps that the step's largest launch can keep resident, by its
registers and shared memory; "on 50%" when it has blocks for only half of the multiprocessors.</p>
<h2>Programs, batch 1</h2>
{summary(programs)}
<h2>Rates that were assumed</h2>
<table><tr><th>device</th><th>fp16 TFLOP/s</th><th>tf32</th><th>fp32, plain kernels</th><th>GB/s</th>
<th>multiprocessors</th></tr>
{peaks}</table>
{sections}</body></html>
"""


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--launches", default=os.path.join(cubins.ROOT, "build", "release", "launches"))
    parser.add_argument("--out", default=os.path.join(cubins.ROOT, "build", "gpu_model.html"))
    arguments = parser.parse_args()
    programs = {}
    for step in cubins.read_launches(arguments.launches)[1]:
        programs.setdefault((step["program"], step["precision"]), []).append(step)
    with open(arguments.out, "w") as f:
        f.write(page({key: steps for key, steps in programs.items() if key[1] != "fp32"}, resources.read_table()))
    print(f"{arguments.out} written")
    return 0


if __name__ == "__main__":
    sys.exit(main())
