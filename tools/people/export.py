"""Training checkpoints -> the three files of the built-in model, tensors in fp16.

usage: export.py DATA RUNS ENCODER.pt FLOW.pt CLASSIFIER.pt WEIGHTS_DIR
Names and nesting are those of the public checkpoints.  latent_avg is zero in training (codes are
whole w rows); it is exported as the mean w, subtracted from the first head's bias.
"""
import os
import sys

import torch

from common import LATENT, Pictures
from encoder import Encoder
from flow import CONFIG
from generator import ROWS, Generator
from train_classifier import MEAN, SPREAD
from train_flow import minmax


def half(state, keep=()):
    """fp16, except integers and tensors whose name ends with one of `keep`"""
    return {k: v.half() if v.is_floating_point() and not k.endswith(tuple(keep)) else v.clone() for k, v in state.items()}


def main():
    data, runs, encoder_path, flow_path, classifier_path, out = sys.argv[1:7]
    os.makedirs(out, exist_ok=True)
    load = lambda name: torch.load(os.path.join(runs, name))
    generator = Generator()
    state = load("generator.pt")["ema"]
    state.update({f"style.{k}": v for k, v in load("mapping.pt")["ema"].items()})
    generator.load_state_dict(state)

    # mean w of random z
    torch.manual_seed(0)
    with torch.no_grad():
        mean_w = generator.mapping(torch.randn(20000, LATENT)).mean(0).half().float()
    encoder = torch.load(encoder_path)["model"]
    encoder["styles.0.linear.bias"] -= mean_w
    Encoder().load_state_dict(encoder)

    named = {f"encoder.{k}": v for k, v in half(encoder, ("running_var", "running_mean")).items()}
    named.update({f"decoder.{k}": v for k, v in half(generator.state_dict()).items()})
    torch.save({"state_dict": named, "latent_avg": mean_w.repeat(ROWS, 1),
                "opts": {"encoder_type": "Encoder4Editing", "stylegan_size": 128, "start_from_latent_avg": True}},
               os.path.join(out, "e4e_people.pt"))

    flow = torch.load(flow_path)["model"]
    torch.save({"model": half(flow, ("running_var", "running_mean", "unconstrained_weight", "bias")), "config": CONFIG,
                "minmax": minmax(Pictures(data).attributes)}, os.path.join(out, "flow_people.pt"))

    classifier = torch.load(classifier_path)["model"]
    classifier["linear.weight"] = classifier["linear.weight"] * SPREAD[:, None]
    classifier["linear.bias"] = classifier["linear.bias"] * SPREAD + MEAN
    torch.save(half(classifier, ("running_var", "running_mean")), os.path.join(out, "attributes_people.pt"))
    for name in sorted(os.listdir(out)):
        print(name, os.path.getsize(os.path.join(out, name)))


if __name__ == "__main__":
    main()
