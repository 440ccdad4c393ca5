"""Tables and a picture of what compare.py measured:   report.py RESULT.json [PICTURE.svg]    prints Markdown."""
import json
import sys
from xml.sax.saxutils import escape

TITLES = {"synthesis256": "Synthesis, 256 pixels", "synthesis1024": "Synthesis, 1024 pixels",
          "encoder": "Encoder (e4e)", "flow": "Flow both ways, 18 rows",
          "edit": "Whole edit, 1024 pixels"}
# pipeline, the opponents (name, form; none: all frameworks), times as fast
GOALS = [("synthesis1024", None, "public", 3.0), ("synthesis1024", None, "rewritten", 2.5),
         ("synthesis1024", "oneDNN convolutions", "", 1.6), ("encoder", None, None, 1.6),
         ("flow", "PyTorch", "public", 3.0), ("flow", "PyTorch", "rewritten", 3.0)]


def label(row):
    return " ".join(filter(None, (row["name"], row.get("version"), row["form"].replace("--memory", "in"))))


def best(rows):
    """Per contestant the row of its best thread count, fastest first."""
    fastest = {}
    for row in sorted(rows, key=lambda r: r["wall_ms"]):
        fastest.setdefault((row["name"], row["form"]), row)
    return list(fastest.values())


def pipelines(result):
    for pipeline in TITLES:
        rows = [row for row in result["rows"] if row["pipeline"] == pipeline]
        if rows:
            yield pipeline, rows, next((r for r in best(rows) if r["name"] == "mien"), None)


def goal_lines(result):
    lines = []
    for pipeline, rows, ours in pipelines(result):
        for at, name, form, target in GOALS:
            rivals = [r for r in best(rows) if at == pipeline and r["name"] != "mien" and form in (None, r["form"])
                      and (r["name"] == name if name else r["name"] != "oneDNN convolutions")]
            if ours and rivals:
                ratio = rivals[0]["wall_ms"] / ours["wall_ms"]
                lines.append("| %s against %s | %.1f | %.2f | %s |" % (
                    TITLES[pipeline], label(rivals[0]), target, ratio, "yes" if ratio >= target else "no"))
        if pipeline == "synthesis1024" and ours:
            products = ours["products"] / 1e9
            lines.append("| convolution products of a 1024-pixel image, G | 36 | %.1f | %s |" % (
                products, "yes" if products <= 36 else "no"))
            least = min((r["peak_mb"] for r in rows if r["name"] == "mien"))
            lines.append("| resident memory of a 1024-pixel synthesis, MB | 350 | %.0f | %s |" % (
                least, "yes" if least <= 350 else "no"))
    for s in result["steadiness"]:
        ratio = s["p99_ms"] / s["p50_ms"]
        lines.append("| %s, p99/p50 of %d runs | 1.10 | %.2f | %s |" % (TITLES[s["pipeline"]], s["runs"], ratio,
                                                                   "yes" if ratio <= 1.1 else "no"))
    return lines


def markdown(result):
    lines = ["%s; %s; load before %.1f." % (result["date"], result["machine"], result["load_before"])]
    for pipeline, rows, ours in pipelines(result):
        lines += ["", "### " + TITLES[pipeline], "",
                  "| contestant | threads | wall ms, median | min .. max | CPU ms, all threads | peak MB "
                  "| with loading | times as long as mien's best | error to gate | dB |",
                  "|---|---|---|---|---|---|---|---|---|---|"]
        for row in sorted(rows, key=lambda r: r["wall_ms"]):
            ratio = "%.2f" % (row["wall_ms"] / ours["wall_ms"]) if ours else ""
            gate, level = row.get("error_to_gate"), row.get("decibels")
            lines.append("| %s | %d | %.1f | %.1f .. %.1f | %.1f | %.0f | %.0f | %s | %s | %s |" % (
                label(row), row["threads"], row["wall_ms"], row["wall_min_ms"], row["wall_max_ms"], row["cpu_ms"],
                row["peak_mb"], row["peak_with_loading_mb"], ratio, "" if gate is None else "%.2f" % gate,
                "" if level is None else "same" if level > 1000 else "%.0f" % level))
        if ours:
            lines += ["", "%d rounds. Multiply-adds of the direct algorithms %.2f G; mien executes %.2f G."
                      % (ours["rounds"], ours["multiply_adds"] / 1e9, ours["products"] / 1e9)]
    return "\n".join(lines + ["", "| goal | at least (memory, products, steadiness: at most) | measured | met |",
                              "|---|---|---|---|"] + goal_lines(result))


# ---- picture: per pipeline a bar per contestant at its best thread count, time on the left, memory on the right

ROW, LABEL, TIME, MEMORY = 20, 250, 420, 200
COLORS = {"mien": "#c2410c", "PyTorch": "#94a3b8", "ONNX Runtime": "#64748b", "OpenVINO": "#475569",
          "oneDNN convolutions": "#cbd5e1"}


def text(x, y, words, size=12, extra=""):
    return '<text x="%.0f" y="%.0f" font-size="%d" %s>%s</text>' % (x, y, size, extra, escape(words))


def bar(x, y, width, row):
    return '<rect x="%.0f" y="%.0f" width="%.1f" height="%d" rx="2" fill="%s"/>' % (
        x, y - 12, max(width, 1), ROW - 5, COLORS[row["name"]])


def picture(result):
    parts, y = [], 30
    parts.append(text(16, y, "mien on the CPU, beside others: %s" % result["date"], 18, 'font-weight="bold"'))
    y += 20
    note = "%s. Each at the best thread count measured; medians of interleaved rounds, fp32, batch 1."
    parts.append(text(16, y, note % result["machine"], 12, 'fill="#555"'))
    for pipeline, rows, ours in pipelines(result):
        y += 38
        parts.append(text(16, y, TITLES[pipeline], 14, 'font-weight="bold"'))
        parts.append(text(LABEL, y, "wall ms (times mien's)", 11, 'fill="#555"'))
        parts.append(text(LABEL + TIME + 20, y, "peak resident MB", 11, 'fill="#555"'))
        shown = best(rows)
        longest, largest = max(r["wall_ms"] for r in shown), max(r["peak_mb"] for r in shown)
        for row in shown:
            y += ROW
            weight = 'font-weight="bold"' if row["name"] == "mien" else ""
            parts.append(text(LABEL - 10, y, label(row) + ", T%d" % row["threads"], 12, 'text-anchor="end" ' + weight))
            width = (TIME - 130) * row["wall_ms"] / longest
            note = ("%.0f" if row["wall_ms"] >= 100 else "%.1f") % row["wall_ms"]
            if ours and row is not ours:
                note += "  (%.2f)" % (row["wall_ms"] / ours["wall_ms"])
            parts += [bar(LABEL, y, width, row), text(LABEL + width + 6, y, note, 12, weight)]
            if row["name"] != "oneDNN convolutions":
                width = (MEMORY - 60) * row["peak_mb"] / largest
                x = LABEL + TIME + 20
                parts += [bar(x, y, width, row), text(x + width + 6, y, "%.0f" % row["peak_mb"], 12, weight)]
    size = (LABEL + TIME + MEMORY + 40, y + 24)
    return ('<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" font-family="sans-serif">'
            '<rect width="100%%" height="100%%" fill="white"/>' % size + "".join(parts) + "</svg>\n")


if __name__ == "__main__":
    with open(sys.argv[1]) as file:
        measured = json.load(file)
    print(markdown(measured))
    if len(sys.argv) > 2:
        with open(sys.argv[2], "w") as file:
            file.write(picture(measured))
