"""Figures of a set of weights on people nobody trained on, and contact sheets.

usage: evaluate.py DATA_OF_UNSEEN_PEOPLE WEIGHTS_DIR SHEETS_DIR [PICTURES]
Writes WEIGHTS_DIR/quality.json and prints it as tables.  An edit sets one flow coordinate of all rows; it succeeds when
the classifier sees the attribute past the threshold, within the value given.
"""
import json
import os
import sys

import numpy as np
import torch

from classifier import INPUT as CLASSIFIER_INPUT, Classifier
from common import ATTRS8, ATTRS9, Pictures, gradient_energy, psnr, save_sheet, shrink
from encoder import INPUT as ENCODER_INPUT, Encoder
from flow import Flow
from generator import Generator

THRESHOLDS = {"gender": (0.8, 0.2), "glasses": (0.6, 0.2), "yaw": (8, -8), "pitch": (4, -4), "bald": (0.4, 0.5),
              "beard": (0.3, 0.09), "age": (50, 18), "smile": (0.8, 0.3)}
VALUES = (1.0, 1.5, 2.0)


class Editor:
    """The exported checkpoints, as the engine uses them"""

    def __init__(self, folder):
        e4e = torch.load(os.path.join(folder, "e4e_people.pt"))
        flow = torch.load(os.path.join(folder, "flow_people.pt"))
        strip = lambda prefix: {k[len(prefix):]: v.float() if v.is_floating_point() else v
                                for k, v in e4e["state_dict"].items() if k.startswith(prefix)}
        self.encoder, self.generator, self.classifier = Encoder(), Generator(), Classifier()
        self.flow = Flow(flow["config"])
        self.encoder.load_state_dict(strip("encoder."))
        self.generator.load_state_dict(strip("decoder."))
        widen = lambda state: {k: v.float() if v.is_floating_point() else v for k, v in state.items()}
        self.flow.load_state_dict(widen(flow["model"]))
        self.classifier.load_state_dict(widen(torch.load(os.path.join(folder, "attributes_people.pt"))))
        self.latent_avg = e4e["latent_avg"].float()
        for net in (self.encoder, self.generator, self.flow, self.classifier):
            net.eval().requires_grad_(False)

    def encode(self, x):
        return self.encoder(shrink(x, ENCODER_INPUT)) + self.latent_avg

    def classify(self, images):
        """dict of ATTRS9, post-processed"""
        y = self.classifier(shrink(images, CLASSIFIER_INPUT))
        y[:, :2] = y[:, :2].clamp(0, 1)
        return dict(zip(ATTRS9, y.t()))

    def edit(self, z, attribute, value):
        z = z.clone()
        z[..., ATTRS8.index(attribute)] = value
        return self.generator(self.flow.inverse(z))


def edit_figures(editor, z, before, attribute, up):
    threshold = THRESHOLDS[attribute][0 if up else 1]
    reached = lambda seen: seen[attribute] >= threshold if up else seen[attribute] <= threshold
    already, done, figures, images = reached(before), torch.zeros(len(z), dtype=torch.bool), {}, {}
    for value in VALUES:
        images[value] = editor.edit(z, attribute, value if up else -value)
        done |= reached(editor.classify(images[value]))
        figures[f"within_{value:g}"] = {
            "all": round(done.float().mean().item(), 3),
            "not_there_before": round(done[~already].float().mean().item(), 3) if (~already).any() else None}
    figures["pictures_not_there_before"] = int((~already).sum())
    return figures, images


def main():
    data, weights, sheets = sys.argv[1:4]
    pictures = Pictures(data)
    step = max(1, len(pictures) // int(sys.argv[4])) if len(sys.argv) > 4 else 1
    index = np.arange(0, len(pictures), step)
    editor = Editor(weights)
    x = pictures.images(index).cpu()
    ws = editor.encode(x)
    again, of_true_w = editor.generator(ws), editor.generator(pictures.w(index))
    z, _ = editor.flow(ws)
    before, on_renders, truth = editor.classify(again), editor.classify(x), pictures.targets9(index)
    quality = {
        "pictures": len(index), "people": len(pictures.person[index].unique()),
        "generator_psnr_of_true_w": round(psnr(of_true_w, x).mean().item(), 2),
        "reconstruction_psnr": round(psnr(again, x).mean().item(), 2),
        "reconstruction_gradient_energy": round((gradient_energy(again) / gradient_energy(x)).mean().item(), 3),
        "reconstruction_psnr_worst_tenth": round(psnr(again, x).quantile(0.1).item(), 2),
        "flow_round_trip": float((editor.flow.inverse(z) - ws).abs().max()),
        "classifier_mean_abs_error": {n: {"renders": round((on_renders[n] - truth[:, i]).abs().mean().item(), 3),
                                          "reconstructions": round((before[n] - truth[:, i]).abs().mean().item(), 3)}
                                      for i, n in enumerate(ATTRS9)},
        "thresholds": THRESHOLDS, "edits": {}}
    save_sheet(os.path.join(sheets, "reconstructions.png"), torch.cat([x[:10], again[:10], of_true_w[:10]]), 10)
    for up in (True, False):
        columns = [x[:8], again[:8]]
        for attribute in ATTRS8:
            figures, images = edit_figures(editor, z, before, attribute, up)
            quality["edits"][f"{attribute}{'+' if up else '-'}"] = figures
            columns.append(images[1.5][:8])
        sheet = torch.stack(columns, 1).flatten(0, 1)
        save_sheet(os.path.join(sheets, f"edits_{'up' if up else 'down'}.png"), sheet, len(columns))
    with open(os.path.join(weights, "quality.json"), "w") as file:
        json.dump(quality, file, indent=1)
        file.write("\n")
    print(markdown(quality))


def markdown(quality):
    """The figures as lines for the model card"""
    lines = [f"* reconstruction {quality['reconstruction_psnr']} dB PSNR (worst tenth below "
             f"{quality['reconstruction_psnr_worst_tenth']} dB); the generator alone, given the true w: "
             f"{quality['generator_psnr_of_true_w']} dB", "",
             "| edit | past | all, value 1 | all, within 2 | not there before, value 1 | not there before, within 2 |",
             "|---|---|---|---|---|---|"]
    for name, f in quality["edits"].items():
        threshold = quality["thresholds"][name[:-1]][0 if name[-1] == "+" else 1]
        cells = [f[f"within_{value}"][who] for who in ("all", "not_there_before") for value in (1, 2)]
        shown = " | ".join("-" if c is None else f"{100 * c:.0f} %" for c in cells)
        lines.append(f"| {name[:-1]} {name[-1]} | {threshold} | {shown} |")
    lines += ["", "| attribute | classifier error, renders | classifier error, reconstructions |", "|---|---|---|"]
    lines += [f"| {n} | {e['renders']} | {e['reconstructions']} |"
              for n, e in quality["classifier_mean_abs_error"].items()]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
