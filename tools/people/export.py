"""Finished stages of a training -> the files of the built-in model, tensors in fp16.

usage: export.py WORK WEIGHTS_DIR
Names and nesting are those of the public checkpoints.  latent_avg is zero in training (codes are whole w rows); it is
exported as the mean w, subtracted from the first head's bias.  The flow is trained apart, on the codes of this encoder.
"""
import os
import sys

import torch

from common import LATENT
from encoder import Encoder
from generator import ROWS, SIZE, Generator
from snapshot import Snapshot
from train_classifier import MEAN, SPREAD


def half(state):
    """fp16, except integers and running statistics"""
    keep = ("running_var", "running_mean")
    return {k: v.half() if v.is_floating_point() and not k.endswith(keep) else v.clone() for k, v in state.items()}


def main():
    snapshot, out = Snapshot(os.path.join(sys.argv[1], "snapshot")), sys.argv[2]
    os.makedirs(out, exist_ok=True)
    average = lambda stage: snapshot.load_finished(stage)["average"]
    generator = Generator()
    generator.load_state_dict({**average("finish"), **{f"style.{k}": v for k, v in average("mapping").items()}})

    # mean w of random z
    torch.manual_seed(0)
    with torch.no_grad():
        mean_w = generator.mapping(torch.randn(20000, LATENT)).mean(0).half().float()
    encoder = average("encoder")
    encoder["styles.0.linear.bias"] -= mean_w
    Encoder().load_state_dict(encoder)

    named = {f"encoder.{k}": v for k, v in half(encoder).items()}
    named.update({f"decoder.{k}": v for k, v in half(generator.state_dict()).items()})
    torch.save({"state_dict": named, "latent_avg": mean_w.repeat(ROWS, 1),
                "opts": {"encoder_type": "Encoder4Editing", "stylegan_size": SIZE, "start_from_latent_avg": True}},
               os.path.join(out, "e4e_people.pt"))

    classifier = average("classifier")
    classifier["linear.weight"] = classifier["linear.weight"] * SPREAD[:, None]
    classifier["linear.bias"] = classifier["linear.bias"] * SPREAD + MEAN
    torch.save(half(classifier), os.path.join(out, "attributes_people.pt"))
    for name in sorted(os.listdir(out)):
        print(name, os.path.getsize(os.path.join(out, name)))


if __name__ == "__main__":
    main()
