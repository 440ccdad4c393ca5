"""Proves the replicas (nets.py) on the recorded outputs of the public code: /usr/bin/python3 tests/oracle/check.py
[e4e]

The gate is the one of the C++ tests: 4 times the public code's own distance to float64 where that is recorded,
2e-5 max(1, rms) elsewhere. With "e4e" the full encoder is checked too (a minute, 3 GB).
"""
import os
import sys

import numpy as np
import torch

import hashgen
import nets
import nvidia_pickle
import tensor_io

GOLDEN = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "data", "golden")
failures = 0


def golden(name):
    tensors, metadata = tensor_io.read(os.path.join(GOLDEN, name + ".io.safetensors"))
    return {k: torch.from_numpy(v.copy()) for k, v in tensors.items()}, metadata


def compare(name, ours, io, key):
    global failures
    ours, torch32 = ours.detach().double().reshape(-1), io[key].double().reshape(-1)
    if "f64/" + key in io:
        truth = io["f64/" + key].double().reshape(-1)
        error, gate = (ours - truth).abs().max(), 4 * (torch32 - truth).abs().max()
    else:
        error, gate = (ours - torch32).abs().max(), 2e-5 * max(1.0, float(torch32.pow(2).mean().sqrt()))
    failures += not error <= gate
    print("%-4s %-44s error %.3g gate %.3g" % ("ok" if error <= gate else "BAD", name + " " + key, error, gate))


def rosinality(name):
    io, _ = golden(name)
    checkpoint = torch.load(os.path.join(GOLDEN, name + ".pt"))
    state, average = checkpoint["g_ema"], checkpoint["latent_avg"]
    w = nets.mapping_rosinality(state, io["z"])
    compare(name, w, io, "w_from_z")
    rows = io["wplus"].shape[1]
    compare(name, nets.truncate(w, rows, average, 0.6), io, "w_trunc0.6")
    compare(name, nets.synthesis_rosinality(state, io["wplus"]), io, "image_wplus")
    compare(name, nets.synthesis_rosinality(state, io["wplus"], "none"), io, "image_wplus_no_noise")


def nvidia(name, clamp):
    io, _ = golden(name)
    state = nvidia_pickle.read_state(os.path.join(GOLDEN, name + ".pkl"))
    w = nets.mapping_nvidia(state, io["z"])
    rows, average = io["wplus"].shape[1], state["mapping.w_avg"]
    compare(name, nets.truncate(w, rows, average), io, "ws")
    compare(name, nets.truncate(w, rows, average, 0.5, 4), io, "ws_psi0.5_cut4")
    compare(name, nets.synthesis_nvidia(state, io["wplus"], clamp), io, "image_wplus_const")
    compare(name, nets.synthesis_nvidia(state, io["wplus"], clamp, "none"), io, "image_wplus_none")


def flow(name):
    io, _ = golden(name)
    state = {k: v for k, v in torch.load(os.path.join(GOLDEN, name + ".pt"))["model"].items()
             if k.startswith("_transform.")}
    z, logabsdet = nets.flow(state, io["x"][None], 18)
    compare(name, z, io, "z")
    compare(name, logabsdet, io, "logabsdet")
    x, logabsdet = nets.flow(state, io["z_edit"][None], 18, inverse=True)
    compare(name, x, io, "x_edit")
    compare(name, logabsdet, io, "logabsdet_inv_edit")


def encoder():
    from record import encoder_shapes
    io, _ = golden("sh_e4e")
    shapes = encoder_shapes([64, 128, 256, 512], [3, 4, 14, 3], 16, 18, 256, 512)
    state = hashgen.state_dict("sh_e4e", "IR", shapes)
    average = torch.from_numpy(hashgen.values("sh_e4e/latent_avg", [18, 512], 0.5))
    image = (io["in/image_u8"].float() / 255 - 0.5) / 0.5
    codes = nets.encoder(state, image.permute(2, 0, 1)[None], [3, 4, 14, 3], 18)
    compare("sh_e4e", codes, io, "codes")
    compare("sh_e4e", codes + average, io, "codes_plus_latent_avg")
    rows = [0, 3, 7, 17]
    staged = nets.encoder(state, image.permute(2, 0, 1)[None], [3, 4, 14, 3], 18, 3)[0, rows]
    compare("sh_e4e", staged, io, "codes_stage3_rows0_3_7_17")


def classifier():
    from record import resnet_shapes
    io, _ = golden("sh_rn18")
    state = hashgen.state_dict("sh_rn18", "RN", resnet_shapes([64, 128, 256, 512], [2, 2, 2, 2], 9))
    image = (io["in/image_u8"].float() / 255 - 0.5) / 0.5
    compare("sh_rn18", nets.attributes(state, image.permute(2, 0, 1)[None]), io, "out")


if __name__ == "__main__":
    assert np.float32(hashgen.values("test/a", [4], 1.0)[0]) == np.float32(-0.98828971385955811)
    with torch.no_grad():
        rosinality("rosi_tiny_a")
        rosinality("rosi_tiny_b_legacy")
        nvidia("nv_tiny_a", None)
        nvidia("nv_tiny_b_clamp", 2.0)
        flow("flow_small_a")
        flow("flow_small_b_dist_legacy")
        classifier()
        if "e4e" in sys.argv:
            encoder()
    sys.exit(failures > 0)
