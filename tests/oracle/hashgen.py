"""Weights from names: the recipe of tests/data/golden/README.md with numpy (tests/support/hashgen.cc is the other
one)."""
import math

import numpy as np
import torch


def values(name, shape, scale, offset=0.0):
    h = 0xCBF29CE484222325
    for byte in name.encode():
        h = ((h ^ byte) * 0x100000001B3) & (2 ** 64 - 1)
    n = int(np.prod(shape, dtype=np.int64))
    with np.errstate(over="ignore"):
        z = np.uint64(h) + np.arange(1, n + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z = z ^ (z >> np.uint64(31))
    v = 2 * ((z >> np.uint64(40)).astype(np.float64) * 2.0 ** -24) - 1
    return (offset + scale * v).astype(np.float32).reshape(shape)


def fir(total):
    taps = np.array([1, 3, 3, 1], np.float32)
    return np.outer(taps, taps) / 64 * np.float32(total)


def rule_generator(k, shape):
    if k.startswith("style."):
        return (100 * math.sqrt(3),) if k.endswith("weight") else (10,)
    if k.endswith("modulation.weight") or k.endswith("conv.weight"):
        return (math.sqrt(3),)
    if k.endswith("modulation.bias"):
        return (0.3, 1)
    if k.endswith("noise.weight") or k.endswith(".bias"):
        return (0.2,)
    return (math.sqrt(3),)


def rule_nvidia(k, shape):
    if k.startswith("mapping.fc"):
        return (100 * math.sqrt(3),) if k.endswith("weight") else (10,)
    if k.endswith("affine.weight"):
        return (math.sqrt(3),)
    if k.endswith("affine.bias"):
        return (0.3, 1)
    if k.endswith("noise_strength") or k.endswith("bias"):
        return (0.2,)
    return (0.5,) if k.endswith("w_avg") else (math.sqrt(3),)


def rule_ir(k, shape):
    fan_in = np.prod(shape[1:])
    if len(shape) == 4:
        return (0.7 * math.sqrt(6 / fan_in),)
    if len(shape) == 2:
        return (math.sqrt(3) if ".linear." in k else 0.7 * math.sqrt(6 / fan_in),)
    if k == "input_layer.2.weight" or k.endswith("res_layer.2.weight"):
        return (0.1, 0.25)
    if k.endswith("running_mean") or k.endswith(".bias"):
        return (0.2,)
    return (0.5, 1) if k.endswith("running_var") else (0.2, 1)


def rule_flow(k, shape):
    if k.endswith("unconstrained_weight"):
        return (0.3, 0.5413)
    if k.endswith("running_mean"):
        return (0.3,)
    if k.endswith("running_var"):
        return (0.6, 1)
    if "batch_norm_layers." in k and k.endswith("weight"):
        return (0.2, 1)
    if len(shape) == 2:
        return (math.sqrt(3 / shape[1]) * (0.5 if "linear_layers.1." in k or "final_layer." in k else 1),)
    return (0.1,) if "transform_net" in k else (0.2,)


def rule_resnet(k, shape):
    fan_in = np.prod(shape[1:])
    if len(shape) == 4:
        return (0.8 * math.sqrt(6 / fan_in),)
    if k == "linear.weight":
        return (math.sqrt(3 / shape[1]),)
    if k == "linear.bias":
        return (0.1,)
    if k.endswith("running_mean") or k.endswith(".bias"):
        return (0.2,)
    return (0.5, 1) if k.endswith("running_var") else (0.2, 1)


RULES = {"G": rule_generator, "NV": rule_nvidia, "IR": rule_ir, "FLOW": rule_flow, "RN": rule_resnet}


def mask(key, shapes):
    """Index buffers: couplings alternate, transformed columns are the odd ones in the first."""
    order = [k.rsplit(".", 1)[0] for k in shapes if k.endswith("identity_features")]
    name, kind = key.rsplit(".", 1)
    features = shapes[name + ".identity_features"][0] + shapes[name + ".transform_features"][0]
    first = 1 if (order.index(name) % 2 == 0) == (kind == "transform_features") else 0
    return np.arange(first, features, 2)


def state_dict(tag, rule, shapes):
    state = {}
    for key, shape in shapes.items():
        if key.endswith("_features"):
            value = mask(key, shapes)
        elif key.endswith("num_batches_tracked"):
            value = np.zeros(shape, np.int64)
        elif key.endswith(".kernel") or key.endswith("resample_filter"):
            value = fir(4 if key.endswith(".kernel") else 1)
        else:
            value = values(tag + "/" + key, shape, *RULES[rule](key, shape))
        state[key] = torch.from_numpy(np.asarray(value))
    return state
