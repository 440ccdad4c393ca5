"""Checkpoints of the same kinds as the public ones, saved the many ways people save them, with their outputs.

/usr/bin/python3 tests/oracle/checkpoints.py     writes tests/data/oracle/ckpt_*.{pt,pth,safetensors}

Every file of a case holds the same network, so all must convert and all must give the case's outputs.
"""
import argparse
import collections
import os

import torch

import hashgen
import nets
import record
from record import DATA


def save(name, value, legacy=False, location=None):
    original = torch.serialization.location_tag
    if location:
        torch.serialization.location_tag = lambda storage: location
    torch.save(value, os.path.join(DATA, name), _use_new_zipfile_serialization=not legacy)
    torch.serialization.location_tag = original
    return name


def ordered(state, prefix=""):
    return collections.OrderedDict((prefix + k, v.clone()) for k, v in state.items())


def adam(state):
    moments = {i: {"step": 10, "exp_avg": torch.zeros(3), "exp_avg_sq": torch.ones(3)} for i in range(2)}
    group = {"lr": 0.002, "betas": (0.0, 0.99), "eps": 1e-8, "weight_decay": 0, "amsgrad": False, "params": [0, 1]}
    return {"state": moments, "param_groups": [group]}


def discriminator():
    shapes = {"convs.0.0.weight": [4, 3, 1, 1], "convs.0.1.bias": [4], "convs.1.conv1.0.weight": [4, 4, 3, 3],
              "final_conv.0.weight": [4, 5, 3, 3], "final_linear.0.weight": [4, 64], "final_linear.0.bias": [4]}
    return ordered({k: torch.from_numpy(hashgen.values("ckpt_d/" + k, v, 1.0)) for k, v in shapes.items()})


def synthesis(noise):
    return lambda s, x: {"image": nets.synthesis_rosinality(s, x["w_plus"], noise)}


CONST = ("const", ["--graph", "synthesis"], ["w_plus"], synthesis("const"))
NONE = ("none", ["--graph", "synthesis", "--noise", "none"], ["w_plus"], synthesis("none"))
SHAPES = record.rosinality_shapes(12, 2, [10, 8, 8])
W_PLUS = {"w_plus": ([2, 6, 12], 1.4)}


def rosinality(state):
    other = collections.OrderedDict((k, -v) for k, v in state.items() if not k.endswith("kernel"))
    training = {"g": other, "d": discriminator(), "g_ema": ordered(state), "g_optim": adam(state),
                "d_optim": adam(state), "ada_aug_p": 0.25,
                "args": argparse.Namespace(size=16, iter=800000, path="data", lr=0.002, channel_multiplier=2,
                                           wandb=False, ckpt=None, mixing=0.9, local_rank=0)}
    parameters = collections.OrderedDict((k, torch.nn.Parameter(v.clone())) for k, v in state.items())
    return [save("ckpt_rosinality_g_only.pt", {"g": ordered(state)}),
            save("ckpt_rosinality_training.pt", training),
            save("ckpt_rosinality_legacy.pt", {"g_ema": ordered(state), "latent_avg": torch.zeros(12)}, legacy=True),
            save("ckpt_rosinality_bare.pt", ordered(state)),
            save("ckpt_rosinality_parameters.pt", {"g_ema": parameters}),
            save("ckpt_rosinality_cuda.pt", {"g_ema": ordered(state)}, location="cuda:0")]


def half(state):
    for key, value in state.items():
        state[key] = value.half()
    name = save("ckpt_half.pt", {"g_ema": ordered(state)})
    for key, value in state.items():
        state[key] = value.float()
    return [name]


def e4e(state):
    parts = {"state_dict": collections.OrderedDict((k, v) for k, v in state.items() if k != "latent_avg"),
             "latent_avg": state["latent_avg"],
             "opts": {"encoder_type": "Encoder4Editing", "stylegan_size": 64, "start_from_latent_avg": True,
                      "device": "cuda:0", "checkpoint_path": None, "lpips_lambda": 0.8, "progressive_steps": [0, 20000],
                      "delta_norm": 2, "exp_dir": "results", "board_interval": 50, "learn_in_w": False}}
    training = dict(parts, global_step=1000, optimizer=adam(state), best_val_loss=0.5,
                    discriminator_state_dict=discriminator(), discriminator_optimizer_state_dict=adam(state))
    return [save("ckpt_e4e.pt", parts, location="cuda:0"), save("ckpt_e4e_training.pt", training)]


def e4e_case():
    blocks = [1, 1, 1, 1]
    encoder = record.encoder_shapes([8, 12, 16, 24], blocks, 4, 10, 64, 12)
    decoder = record.rosinality_shapes(12, 2, [10, 8, 8, 8, 8])
    encoder_state = hashgen.state_dict("ckpt_e4e", "IR", encoder)
    decoder_state = hashgen.state_dict("ckpt_e4e", "G", decoder)

    def fill(state):  # two rules in one file
        state.update({"encoder." + k: v for k, v in encoder_state.items()})
        state.update({"decoder." + k: v for k, v in decoder_state.items()})
        return e4e(state)

    def codes(s, x):
        s = {**nets.scoped(s, "encoder."), "latent_avg": s["latent_avg"]}
        return {"w_plus": nets.encoder(s, x["image"], blocks, 10, None, s["latent_avg"])}

    record.record("ckpt_e4e", "IR", {}, {"image": ([1, 3, 64, 64], 1.0), "w_plus": ([1, 10, 12], 1.4)},
                  [("codes", ["--graph", "encoder"], ["image"], codes),
                   ("const", ["--graph", "synthesis"], ["w_plus"],
                    lambda s, x: {"image": nets.synthesis_rosinality(nets.scoped(s, "decoder."), x["w_plus"])})],
                  extra={"latent_avg": ([10, 12], 0.5)}, models=fill)


def flow(state):
    config = {"features": 16, "hidden_features": 12, "context_features": 6, "num_layers": 3,
              "num_blocks_per_layer": 2, "use_volume_preserving": True, "activation": torch.nn.functional.relu,
              "dropout_probability": 0.0, "batch_norm_within_layers": False, "batch_norm_between_layers": True}
    minmax = torch.stack([-torch.ones(1, 1, 8), torch.arange(1.0, 9.0).reshape(1, 1, 8)])
    model = ordered(state)
    distribution = collections.OrderedDict(model)
    distribution["_distribution._context_encoder.weight"] = torch.zeros(32, 6)
    distribution["_distribution._context_encoder.bias"] = torch.zeros(32)
    return [save("ckpt_flow.pt", {"model": model, "optim": adam(state), "config": config, "minmax": minmax}),
            save("ckpt_flow_legacy.pt", {"model": distribution, "optim": adam(state), "config": config,
                                         "minmax": minmax}, legacy=True)]


def flow_case():
    def run(inverse):
        def function(s, x):
            out, logabsdet = nets.flow(s, x["latent" if inverse else "w_plus"], 6, inverse, additive=True)
            return {"w_plus" if inverse else "latent": out, "logabsdet": logabsdet}
        return function

    record.record("ckpt_flow", "FLOW", record.flow_shapes(16, 12, 6, 3, 2, additive=True),
                  {"w_plus": ([2, 6, 16], 1.4), "latent": ([2, 6, 16], 1.4)},
                  [("forward", ["--graph", "flow"], ["w_plus"], run(False)),
                   ("inverse", ["--graph", "flow_inverse"], ["latent"], run(True))], models=flow)


if __name__ == "__main__":
    os.makedirs(DATA, exist_ok=True)
    with torch.no_grad():
        record.record("ckpt_rosinality", "G", SHAPES, W_PLUS, [CONST, NONE], models=rosinality)
        record.record("ckpt_half", "G", SHAPES, W_PLUS, [CONST], models=half)
        without = {k: v for k, v in SHAPES.items() if not k.startswith("noises.")}
        record.record("ckpt_no_noises", "G", without, W_PLUS, [NONE],
                      models=lambda s: [save("ckpt_no_noises.pt", {"g_ema": ordered(s)})])
        e4e_case()
        flow_case()
        record.record("ckpt_recognizer", "IR", record.recognizer_shapes([8, 12, 16, 20], [1, 1, 1, 1], 4, 32, 10),
                      {"image": ([2, 3, 32, 32], 1.0)},
                      [("embedding", ["--graph", "recognizer"], ["image"],
                        lambda s, x: {"embedding": nets.recognizer(s, x["image"], [1, 1, 1, 1])})],
                      models=lambda s: [save("ckpt_recognizer.pth", ordered(s), legacy=True)])
        record.record("ckpt_attributes", "RN", record.resnet_shapes([6, 8, 10, 12], [1, 1, 1, 1], 9),
                      {"image": ([2, 3, 256, 256], 1.0)},
                      [("scores", ["--graph", "attributes"], ["image"],
                        lambda s, x: {"scores": nets.attributes(s, x["image"], (1, 1, 1, 1))})],
                      models=lambda s: [save("ckpt_attributes.pt", ordered(s)),
                                        save("ckpt_attributes_module.pt", ordered(s, "module."))])
