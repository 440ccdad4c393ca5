"""Generators in the layout of stylegan2-ada-pytorch pickles: read the values, write a file of our own.

In those files every module is a call of torch_utils.persistence._reconstruct_persistent_obj with a dict of the class
name, the module's source (here a placeholder) and its state. Nothing of it is executed by the reader under test.
"""
import collections
import pickle
import sys
import types

import numpy as np
import torch


class Module:
    def __init__(self, meta):
        self.meta = meta

    def __reduce__(self):
        return (sys.modules["torch_utils.persistence"]._reconstruct_persistent_obj, (self.meta,))


def _reconstruct_persistent_obj(meta):
    return Module(meta)


def _install():
    package, module = types.ModuleType("torch_utils"), types.ModuleType("torch_utils.persistence")
    _reconstruct_persistent_obj.__module__ = "torch_utils.persistence"
    module._reconstruct_persistent_obj = _reconstruct_persistent_obj
    sys.modules.update({"torch_utils": package, "torch_utils.persistence": module})
    tools, util = types.ModuleType("dnnlib"), types.ModuleType("dnnlib.util")
    util.EasyDict = type("EasyDict", (dict,), {"__module__": "dnnlib.util"})
    sys.modules.update({"dnnlib": tools, "dnnlib.util": util})


_install()


def read_state(path, which="G_ema"):
    """The state dict of one network of a pickle."""
    with open(path, "rb") as file:
        root = pickle.load(file)[which]
    state = {}

    def walk(module, prefix):
        inner = module.meta["state"]
        for part in ("_parameters", "_buffers"):
            for name, value in inner[part].items():
                if value is not None:
                    state[prefix + name] = value.detach()
        for name, child in inner["_modules"].items():
            walk(child, prefix + name + ".")

    walk(root, "")
    return state


def _module(class_name, parameters=(), buffers=(), modules=(), **fields):
    state = {"training": False,
             "_parameters": collections.OrderedDict((k, torch.nn.Parameter(v)) for k, v in parameters),
             "_buffers": collections.OrderedDict(buffers), "_non_persistent_buffers_set": set(),
             "_backward_hooks": collections.OrderedDict(), "_is_full_backward_hook": None,
             "_forward_hooks": collections.OrderedDict(), "_forward_pre_hooks": collections.OrderedDict(),
             "_state_dict_hooks": collections.OrderedDict(), "_load_state_dict_pre_hooks": collections.OrderedDict(),
             "_modules": collections.OrderedDict(modules)}
    state.update(fields)
    state.update({"_init_args": (), "_init_kwargs": {}})
    return Module({"type": "class", "version": 6, "module_src": "# source text\n", "class_name": class_name,
                   "state": state})


def write(path, state, z_dim, c_dim, w_dim, resolution, clamp, fp16_resolutions, protocol=4):
    """A pickle {training_set_kwargs, G, D, G_ema, augment_pipe} whose G_ema is `state`."""
    def take(prefix, names):
        return [(n, state[prefix + n]) for n in names if prefix + n in state]

    def dense(prefix, activation, lr):
        w = state[prefix + "weight"]
        return _module("FullyConnectedLayer", take(prefix, ("weight", "bias")), activation=activation,
                       weight_gain=np.float64(lr / np.sqrt(w.shape[1])), bias_gain=lr)

    rows = 2 * resolution.bit_length() - 4
    blocks = []
    for side in [4 << i for i in range(rows // 2)]:
        p = "synthesis.b%d." % side
        use_fp16 = side >= max((resolution * 2) >> fp16_resolutions, 8) if fp16_resolutions else False
        children = []
        for conv in ("conv0", "conv1") if side > 4 else ("conv1",):
            q = p + conv + "."
            children.append((conv, _module(
                "SynthesisLayer", take(q, ("weight", "noise_strength", "bias")),
                take(q, ("resample_filter", "noise_const")), [("affine", dense(q + "affine.", "linear", 1))],
                resolution=side, up=2 if conv == "conv0" else 1, use_noise=True, activation="lrelu",
                conv_clamp=clamp, padding=1, act_gain=np.float64(np.sqrt(2)))))
        q = p + "torgb."
        children.append(("torgb", _module(
            "ToRGBLayer", take(q, ("weight", "bias")), (), [("affine", dense(q + "affine.", "linear", 1))],
            conv_clamp=clamp, weight_gain=np.float64(1 / np.sqrt(state[q + "weight"].shape[1])))))
        blocks.append(("b%d" % side, _module(
            "SynthesisBlock", take(p, ("const",)), take(p, ("resample_filter",)), children,
            in_channels=0 if side == 4 else state[p + "conv0.weight"].shape[1], w_dim=w_dim, resolution=side,
            img_channels=3, is_last=side == resolution, architecture="skip", use_fp16=use_fp16, channels_last=False,
            num_conv=len(children) - 1, num_torgb=1)))
    synthesis = _module("SynthesisNetwork", modules=blocks, w_dim=w_dim, img_resolution=resolution,
                        img_resolution_log2=resolution.bit_length() - 1, img_channels=3,
                        block_resolutions=[4 << i for i in range(rows // 2)], num_ws=rows)
    layers = sum(k.startswith("mapping.fc") for k in state) // 2
    dense_layers = [("embed", dense("mapping.embed.", "linear", 1))] if c_dim else []
    dense_layers += [("fc%d" % i, dense("mapping.fc%d." % i, "lrelu", 0.01)) for i in range(layers)]
    mapping = _module("MappingNetwork", (), take("mapping.", ("w_avg",)), dense_layers, z_dim=z_dim, c_dim=c_dim,
                      w_dim=w_dim, num_ws=rows, num_layers=layers, w_avg_beta=0.995)
    generator = _module("Generator", modules=[("synthesis", synthesis), ("mapping", mapping)], z_dim=z_dim,
                        c_dim=c_dim, w_dim=w_dim, img_resolution=resolution, img_channels=3, num_ws=rows)
    with open(path, "wb") as file:
        pickle.dump({"training_set_kwargs": None, "G": None, "D": None, "G_ema": generator, "augment_pipe": None},
                    file, protocol)
