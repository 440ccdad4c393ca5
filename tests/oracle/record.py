"""Records the outputs of the replicas (nets.py) for kinds of network that have no recorded public output.

/usr/bin/python3 tests/oracle/record.py [CASE...]     writes tests/data/oracle/CASE.safetensors

A file holds no weights: its metadata names the recipe (tag, rule, shapes of the state dict; hashgen.py) and the
inputs made the same way, and lists the runs: arguments of `mien run`, and the outputs in float32 and float64 under
RUN/NAME and f64/RUN/NAME. Only the conditional NVIDIA generator and pSp's encoder come as files, because the one exists
as a pickle alone and the other is told from e4e's by its settings; checkpoints.py adds more files. Run check.py first:
it proves the replicas.
"""
import json
import os
import sys

import torch

import hashgen
import nets
import nvidia_pickle
import tensor_io

DATA = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "data", "oracle")


# ---- state dicts

def norm_shapes(name, channels):
    shapes = {name + "." + part: [channels] for part in ("weight", "bias", "running_mean", "running_var")}
    shapes[name + ".num_batches_tracked"] = []
    return shapes


def linear_shapes(name, out, inputs):
    return {name + ".weight": [out, inputs], name + ".bias": [out]}


def trunk_shapes(channels, blocks, reduction):
    s = {"input_layer.0.weight": [channels[0], 3, 3, 3]}
    s.update(norm_shapes("input_layer.1", channels[0]))
    s["input_layer.2.weight"] = [channels[0]]
    inputs, i = channels[0], 0
    for depth, count in zip(channels, blocks):
        for _ in range(count):
            p = "body.%d." % i
            if inputs != depth:
                s[p + "shortcut_layer.0.weight"] = [depth, inputs, 1, 1]
                s.update(norm_shapes(p + "shortcut_layer.1", depth))
            s.update(norm_shapes(p + "res_layer.0", inputs))
            s[p + "res_layer.1.weight"] = [depth, inputs, 3, 3]
            s[p + "res_layer.2.weight"] = [depth]
            s[p + "res_layer.3.weight"] = [depth, depth, 3, 3]
            s.update(norm_shapes(p + "res_layer.4", depth))
            s[p + "res_layer.5.fc1.weight"] = [depth // reduction, depth, 1, 1]
            s[p + "res_layer.5.fc2.weight"] = [depth, depth // reduction, 1, 1]
            inputs, i = depth, i + 1
    return s


def encoder_shapes(channels, blocks, reduction, rows, size, width):
    s = trunk_shapes(channels, blocks, reduction)
    head = channels[3]
    for i in range(rows):
        side, k = size // (16 if i < 3 else 8 if i < 7 else 4), 0
        while side > 1:
            s["styles.%d.convs.%d.weight" % (i, k)] = [head, head, 3, 3]
            s["styles.%d.convs.%d.bias" % (i, k)] = [head]
            side, k = side // 2, k + 2
        s.update(linear_shapes("styles.%d.linear" % i, width, head))
    s.update({"latlayer1.weight": [head, channels[2], 1, 1], "latlayer1.bias": [head],
              "latlayer2.weight": [head, channels[1], 1, 1], "latlayer2.bias": [head]})
    return s


def recognizer_shapes(channels, blocks, reduction, size, embedding):
    s = trunk_shapes(channels, blocks, reduction)
    s.update(norm_shapes("output_layer.0", channels[3]))
    s.update(linear_shapes("output_layer.3", embedding, channels[3] * (size // 16) ** 2))
    s.update(norm_shapes("output_layer.4", embedding))
    return s


def flow_shapes(features, hidden, contexts, layers, blocks, additive=False, between=True, within=False):
    s = {}
    for l in range(layers):
        c = "_transform._transforms.%d." % (2 * l if between else l)
        t = features // 2 if l % 2 == 0 else features - features // 2
        s[c + "identity_features"], s[c + "transform_features"] = [features - t], [t]
        n = c + "transform_net."
        s.update(linear_shapes(n + "initial_layer", hidden, features - t + contexts))
        for b in range(blocks):
            p = n + "blocks.%d." % b
            s.update(linear_shapes(p + "context_layer", hidden, contexts))
            for k in (0, 1):
                if within:
                    s.update(norm_shapes(p + "batch_norm_layers.%d" % k, hidden))
                s.update(linear_shapes(p + "linear_layers.%d" % k, hidden, hidden))
        s.update(linear_shapes(n + "final_layer", t if additive else 2 * t, hidden))
        if between:
            for part in ("unconstrained_weight", "bias", "running_mean", "running_var"):
                s["_transform._transforms.%d.%s" % (2 * l + 1, part)] = [features]
    return s


def resnet_shapes(channels, blocks, outputs):
    s = {"conv1.weight": [channels[0], 3, 7, 7]}
    s.update(norm_shapes("bn1", channels[0]))
    inputs = channels[0]
    for stage, (depth, count) in enumerate(zip(channels, blocks), 1):
        for b in range(count):
            p = "layer%d.%d." % (stage, b)
            s[p + "conv1.weight"] = [depth, inputs, 3, 3]
            s.update(norm_shapes(p + "bn1", depth))
            s[p + "conv2.weight"] = [depth, depth, 3, 3]
            s.update(norm_shapes(p + "bn2", depth))
            if inputs != depth or (stage > 1 and b == 0):
                s[p + "shortcut.0.weight"] = [depth, inputs, 1, 1]
                s.update(norm_shapes(p + "shortcut.1", depth))
            inputs = depth
    s.update(linear_shapes("linear", outputs, inputs))
    return s


def rosinality_shapes(width, layers, channels):
    s = {}
    for i in range(1, layers + 1):
        s.update(linear_shapes("style.%d" % i, width, width))
    s["input.input"] = [1, channels[0], 4, 4]

    def modulated(name, out, inputs, kernel):
        s[name + ".conv.weight"] = [1, out, inputs, kernel, kernel]
        s.update(linear_shapes(name + ".conv.modulation", inputs, width))

    def conv(name, out, inputs, up, index, side):
        modulated(name, out, inputs, 3)
        if up:
            s[name + ".conv.blur.kernel"] = [4, 4]
        s[name + ".noise.weight"], s[name + ".activate.bias"] = [1], [out]
        s["noises.noise_%d" % index] = [1, 1, side, side]

    conv("conv1", channels[0], channels[0], False, 0, 4)
    modulated("to_rgb1", 3, channels[0], 1)
    s["to_rgb1.bias"] = [1, 3, 1, 1]
    for j, c in enumerate(channels[1:]):
        conv("convs.%d" % (2 * j), c, channels[j], True, 2 * j + 1, 8 << j)
        conv("convs.%d" % (2 * j + 1), c, c, False, 2 * j + 2, 8 << j)
        modulated("to_rgbs.%d" % j, 3, c, 1)
        s["to_rgbs.%d.bias" % j], s["to_rgbs.%d.upsample.kernel" % j] = [1, 3, 1, 1], [4, 4]
    return s


def nvidia_shapes(z_dim, w_dim, c_dim, layers, channels):
    s = {"mapping.w_avg": [w_dim]}
    if c_dim:
        s.update(linear_shapes("mapping.embed", w_dim, c_dim))
    for i in range(layers):
        s.update(linear_shapes("mapping.fc%d" % i, w_dim, w_dim if i else z_dim + (w_dim if c_dim else 0)))
    for b, c in enumerate(channels):
        p = "synthesis.b%d." % (4 << b)
        s[p + "resample_filter"] = [4, 4]
        if b == 0:
            s[p + "const"] = [c, 4, 4]
        for name in ("conv0", "conv1") if b else ("conv1",):
            inputs = channels[b - 1] if name == "conv0" else c
            s[p + name + ".weight"], s[p + name + ".bias"] = [c, inputs, 3, 3], [c]
            s[p + name + ".noise_strength"], s[p + name + ".noise_const"] = [], [4 << b, 4 << b]
            s[p + name + ".resample_filter"] = [4, 4]
            s.update(linear_shapes(p + name + ".affine", inputs, w_dim))
        s[p + "torgb.weight"], s[p + "torgb.bias"] = [3, c, 1, 1], [3]
        s.update(linear_shapes(p + "torgb.affine", c, w_dim))
    return s


# ---- recording

def record(tag, rule, shapes, inputs, runs, extra=None, models=None):
    """inputs and extra: name -> (shape, scale). runs: (name, arguments, input names, function of (state, inputs)).

    models(state) may change the state in place, writes model files into DATA and returns their names; without it the
    state is to be made from its recipe.
    """
    state = hashgen.state_dict(tag, rule, shapes)
    for name, (shape, scale) in (extra or {}).items():
        state[name] = torch.from_numpy(hashgen.values(tag + "/" + name, shape, scale))
    given = {n: torch.from_numpy(hashgen.values(tag + "/in/" + n, shape, scale))
             for n, (shape, scale) in inputs.items()}
    files = models(state) if models else []
    tensors = {}
    for name, _, used, function in runs:
        for prefix, dtype in (("", torch.float32), ("f64/", torch.float64)):
            out = function(nets.cast(state, dtype), {n: given[n].to(dtype) for n in used})
            tensors.update({prefix + name + "/" + k: v.detach().numpy() for k, v in out.items()})
    metadata = {"tag": tag, "rule": rule, "models": json.dumps(files),
                "tensors": json.dumps({} if models else shapes), "extra": json.dumps(extra or {}),
                "inputs": json.dumps(inputs), "torch": torch.__version__,
                "runs": json.dumps([{"name": n, "arguments": a, "inputs": i} for n, a, i, _ in runs])}
    tensor_io.write(os.path.join(DATA, tag + ".safetensors"), tensors, metadata)


def encoder_case(tag, channels, blocks, reduction, rows, size, width, batch=1):
    def run(stages, average):
        return lambda s, x: {"w_plus": nets.encoder(s, x["image"], blocks, rows, stages,
                                                    s["latent_avg"] if average else None)}
    record(tag, "IR", encoder_shapes(channels, blocks, reduction, rows, size, width),
           {"image": ([batch, 3, size, size], 1.0)},
           [("codes", ["--graph", "encoder"], ["image"], run(None, True)),
            ("no_average", ["--graph", "encoder", "--no-latent-avg"], ["image"], run(None, False)),
            ("stage4", ["--graph", "encoder", "--stages", "4"], ["image"], run(4, True))],
           extra={"latent_avg": ([rows, width], 0.5)})


def psp_case(tag, channels, blocks, reduction, rows, size, width, batch):
    """A file, because the tensors alone do not say which encoder they are: opts does."""
    def run(average):
        return lambda s, x: {"w_plus": nets.encoder(s, x["image"], blocks, rows, None,
                                                    s["latent_avg"] if average else None, "psp")}

    def saved(state):
        opts = {"encoder_type": "GradualStyleEncoder", "output_size": 2 ** (rows // 2 + 1), "input_nc": 3,
                "label_nc": 0, "learn_in_w": False, "start_from_latent_avg": True, "device": "cuda:0"}
        parts = {"state_dict": {"encoder." + k: v for k, v in state.items() if k != "latent_avg"},
                 "latent_avg": state["latent_avg"], "opts": opts}
        torch.save(parts, os.path.join(DATA, tag + ".pt"))
        return [tag + ".pt"]

    record(tag, "IR", encoder_shapes(channels, blocks, reduction, rows, size, width),
           {"image": ([batch, 3, size, size], 1.0)},
           [("codes", ["--graph", "encoder"], ["image"], run(True)),
            ("no_average", ["--graph", "encoder", "--no-latent-avg"], ["image"], run(False))],
           extra={"latent_avg": ([rows, width], 0.5)}, models=saved)


def recognizer_case(tag, channels, blocks, reduction, size, embedding, batch):
    record(tag, "IR", recognizer_shapes(channels, blocks, reduction, size, embedding),
           {"image": ([batch, 3, size, size], 1.0)},
           [("embedding", ["--graph", "recognizer"], ["image"],
             lambda s, x: {"embedding": nets.recognizer(s, x["image"], blocks)})])


def flow_case(tag, features, contexts, shapes, **options):
    def run(inverse, name):
        def function(s, x):
            out, logabsdet = nets.flow(s, x[name], contexts, inverse, **options)
            return {"w_plus" if inverse else "latent": out, "logabsdet": logabsdet}
        return function

    def layers(s, x):
        trace = []
        nets.flow(s, x["w_plus"], contexts, trace=trace, **options)
        return {"layer/%d/%s" % (i, k): v for i, pair in enumerate(trace) for k, v in zip(("out", "logabsdet"), pair)}

    record(tag, "FLOW", shapes, {"w_plus": ([2, contexts, features], 1.4), "latent": ([2, contexts, features], 1.4)},
           [("forward", ["--graph", "flow"], ["w_plus"], run(False, "w_plus")),
            ("layers", ["--graph", "flow", "--trace"], ["w_plus"], layers),
            ("inverse", ["--graph", "flow_inverse"], ["latent"], run(True, "latent"))])


def nvidia_case(tag, z_dim, w_dim, c_dim, layers, channels, clamp, fp16, as_pickle):
    rows, resolution = 2 * len(channels), 2 << len(channels)
    label = {"label": ([3, c_dim], 1.0)} if c_dim else {}

    def mapping(psi, cutoff):
        return lambda s, x: {"w_plus": nets.truncate(nets.mapping_nvidia(s, x["z"], x.get("label")), rows,
                                                     s["mapping.w_avg"], psi, cutoff)}

    def synthesis(noise):
        return lambda s, x: {"image": nets.synthesis_nvidia(s, x["w_plus"], clamp, noise)}

    def pickled(state):
        nvidia_pickle.write(os.path.join(DATA, tag + ".pkl"), state, z_dim, c_dim, w_dim, resolution, clamp, fp16)
        return [tag + ".pkl"]

    mapping_inputs = ["z"] + list(label)
    record(tag, "NV", nvidia_shapes(z_dim, w_dim, c_dim, layers, channels),
           {"z": ([3, z_dim], 1.7), "w_plus": ([3, rows, w_dim], 1.4), **label},
           [("mapping", ["--graph", "mapping"], mapping_inputs, mapping(1.0, None)),
            ("truncated", ["--graph", "mapping", "--psi", "0.6", "--psi-cutoff", "5"], mapping_inputs,
             mapping(0.6, 5)),
            ("const", ["--graph", "synthesis"], ["w_plus"], synthesis("const")),
            ("none", ["--graph", "synthesis", "--noise", "none"], ["w_plus"], synthesis("none"))],
           models=pickled if as_pickle else None)


def rosinality_case(tag, width, layers, channels):
    rows = 2 * len(channels)
    record(tag, "G", rosinality_shapes(width, layers, channels),
           {"z": ([2, width], 1.7), "w_plus": ([2, rows, width], 1.4)},
           [("mapping", ["--graph", "mapping"], ["z"],
             lambda s, x: {"w_plus": nets.mapping_rosinality(s, x["z"])[:, None].repeat(1, rows, 1)}),
            ("const", ["--graph", "synthesis"], ["w_plus"],
             lambda s, x: {"image": nets.synthesis_rosinality(s, x["w_plus"])})])


def classifier_case(tag, channels, blocks, outputs, size):
    record(tag, "RN", resnet_shapes(channels, blocks, outputs), {"image": ([2, 3, size, size], 1.0)},
           [("scores", ["--graph", "attributes"], ["image"],
             lambda s, x: {"scores": nets.attributes(s, x["image"], blocks)})])


CASES = {
    # full-size networks of the kinds that the golden files lack: "full_" cases run with the big tests
    "full_ir50": lambda t: recognizer_case(t, [64, 128, 256, 512], [3, 4, 14, 3], 16, 112, 512, 1),
    "full_e4e14": lambda t: encoder_case(t, [64, 128, 256, 512], [3, 4, 14, 3], 16, 14, 256, 512),
    "full_g64_cm1": lambda t: rosinality_case(t, 512, 8, [512, 512, 512, 512, 256]),
    # small ones
    "recognizer_small": lambda t: recognizer_case(t, [16, 24, 32, 48], [2, 1, 2, 1], 8, 48, 24, 2),
    "encoder14_small": lambda t: encoder_case(t, [8, 12, 16, 24], [1, 2, 2, 1], 4, 14, 256, 24),
    "encoder12_128px": lambda t: encoder_case(t, [16, 24, 32, 40], [2, 1, 1, 2], 8, 12, 128, 32, batch=2),
    "encoder10_64px": lambda t: encoder_case(t, [16, 24, 32, 48], [1, 1, 2, 1], 16, 10, 64, 48),
    "psp_encoder": lambda t: psp_case(t, [6, 8, 10, 12], [1, 2, 1, 1], 2, 10, 64, 20, batch=2),
    "nvidia_conditional": lambda t: nvidia_case(t, 20, 24, 5, 3, [24, 24, 16, 12], 1.5, 3, True),
    "nvidia_keys": lambda t: nvidia_case(t, 12, 16, 0, 2, [24, 16, 12], None, 0, False),
    "rosinality_64px": lambda t: rosinality_case(t, 48, 3, [40, 32, 24, 16, 8]),
    "flow_additive": lambda t: flow_case(t, 24, 18, flow_shapes(24, 20, 18, 4, 2, additive=True), additive=True),
    "flow_no_norm": lambda t: flow_case(t, 32, 18, flow_shapes(32, 24, 18, 3, 2, between=False)),
    "flow_odd": lambda t: flow_case(t, 33, 7, flow_shapes(33, 21, 7, 5, 1)),
    "flow_odd_no_norm": lambda t: flow_case(t, 17, 5, flow_shapes(17, 19, 5, 3, 3, between=False)),
    "flow_norm_within": lambda t: flow_case(t, 16, 12, flow_shapes(16, 24, 12, 3, 2, within=True), norm_within=True),
    "attributes_small": lambda t: classifier_case(t, [8, 16, 24, 32], [1, 2, 1, 2], 9, 256),
}

if __name__ == "__main__":
    os.makedirs(DATA, exist_ok=True)
    with torch.no_grad():
        for case in sys.argv[1:] or CASES:
            CASES[case](case)
            print(case, os.path.getsize(os.path.join(DATA, case + ".safetensors")))
