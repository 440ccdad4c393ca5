"""PyTorch replicas of the networks, as plain functions over a state dict.

They read like the papers' formulas and know nothing of the C++ code: the second opinion for the kinds of network whose
public code has no recorded output here. check.py proves the shared parts on the recorded outputs that do exist.
Every function computes in the type of the weights (float32 or float64).
"""
import math

import torch
import torch.nn.functional as F


def cast(state, dtype):
    return {k: (v.to(dtype) if v.is_floating_point() else v) for k, v in state.items()}


def scoped(state, prefix):
    return {k[len(prefix):]: v for k, v in state.items() if k.startswith(prefix)}


def pixel_norm(x):
    return x * torch.rsqrt((x * x).mean(1, keepdim=True) + 1e-8)


def fir(filter4, total):
    return filter4 * (total / filter4.sum())


def upsample(x, filter4):
    """Zero-stuffing by two, pad (2 before, 1 after), 4x4 filter that sums to 4: a strided transposed convolution."""
    c = int(x.shape[1])
    return F.conv_transpose2d(x, fir(filter4, 4.0).expand(c, 1, 4, 4), stride=2, padding=1, groups=c)


def modulated_conv(x, weight, style, up_filter=None, demodulate=True, eps=1e-8):
    """weight [O,I,k,k], style [N,I]. Unfused: style on x, demodulation on the output."""
    y = x * style[:, :, None, None]
    if up_filter is None:
        y = F.conv2d(y, weight, padding=int(weight.shape[2]) // 2)
    else:
        y = F.conv_transpose2d(y, weight.transpose(0, 1), stride=2)
        c = int(y.shape[1])
        kernel = fir(up_filter, 4.0).flip(0, 1).expand(c, 1, 4, 4)
        y = F.conv2d(F.pad(y, (1, 1, 1, 1)), kernel, groups=c)
    if demodulate:
        total = torch.einsum("oikl,ni->no", weight * weight, style * style)
        y = y * torch.rsqrt(total + eps)[:, :, None, None]
    return y


# ---- generators

def mapping_layers(x, state, names):
    for name in names:
        w, b = state[name + ".weight"], state[name + ".bias"]
        x = F.leaky_relu(x @ (w * (0.01 / math.sqrt(w.shape[1]))).t() + b * 0.01, 0.2) * math.sqrt(2)
    return x


def affine(w, state, name):
    a = state[name + ".weight"]
    return w @ (a / math.sqrt(a.shape[1])).t() + state[name + ".bias"]


def mapping_rosinality(state, z):
    layers = sum(k.startswith("style.") for k in state) // 2
    return mapping_layers(pixel_norm(z), state, ["style.%d" % i for i in range(1, layers + 1)])


def mapping_nvidia(state, z, label=None):
    x = pixel_norm(z)
    if label is not None:
        e = state["mapping.embed.weight"]
        y = label @ (e / math.sqrt(e.shape[1])).t() + state["mapping.embed.bias"]
        x = torch.cat([x, pixel_norm(y)], 1)
    layers = sum(k.startswith("mapping.fc") for k in state) // 2
    return mapping_layers(x, state, ["mapping.fc%d" % i for i in range(layers)])


def truncate(w, rows, average, psi=1.0, cutoff=None):
    w_plus = w[:, None, :].repeat(1, rows, 1)
    cutoff = rows if cutoff is None else cutoff
    w_plus[:, :cutoff] = average + psi * (w_plus[:, :cutoff] - average)
    return w_plus


def activate(x, noise, strength, bias, clamp=None):
    if noise is not None:
        x = x + strength * noise
    x = F.leaky_relu(x + bias[:, None, None], 0.2) * math.sqrt(2)
    return x if clamp is None else x.clamp(-clamp, clamp)


def synthesis_rosinality(state, w_plus, noise="const"):
    n = w_plus.shape[0]
    index = 0

    def styled(x, name, row, up):
        nonlocal index
        w = state[name + ".conv.weight"][0]
        fan_in = w.shape[1] * w.shape[2] * w.shape[3]
        y = modulated_conv(x, w / math.sqrt(fan_in), affine(w_plus[:, row], state, name + ".conv.modulation"),
                           state[name + ".conv.blur.kernel"] if up else None)
        noise_map = state["noises.noise_%d" % index] if noise == "const" else None
        index += 1
        return activate(y, noise_map, state[name + ".noise.weight"], state[name + ".activate.bias"])

    def to_rgb(x, skip, name, row):
        w = state[name + ".conv.weight"][0]
        y = modulated_conv(x, w / math.sqrt(w.shape[1]), affine(w_plus[:, row], state, name + ".conv.modulation"),
                           demodulate=False) + state[name + ".bias"]
        return y if skip is None else y + upsample(skip, state[name + ".upsample.kernel"])

    x = styled(state["input.input"].repeat(n, 1, 1, 1), "conv1", 0, False)
    image = to_rgb(x, None, "to_rgb1", 1)
    for j in range((w_plus.shape[1] - 2) // 2):
        x = styled(x, "convs.%d" % (2 * j), 1 + 2 * j, True)
        x = styled(x, "convs.%d" % (2 * j + 1), 2 + 2 * j, False)
        image = to_rgb(x, image, "to_rgbs.%d" % j, 3 + 2 * j)
    return image


def synthesis_nvidia(state, w_plus, clamp=None, noise="const"):
    n = w_plus.shape[0]

    def layer(x, name, row, up):
        y = modulated_conv(x, state[name + ".weight"], affine(w_plus[:, row], state, name + ".affine"),
                           state[name + ".resample_filter"] if up else None)
        return activate(y, state[name + ".noise_const"] if noise == "const" else None,
                        state[name + ".noise_strength"], state[name + ".bias"], clamp)

    def to_rgb(x, skip, block, row):
        w = state[block + ".torgb.weight"]
        style = affine(w_plus[:, row], state, block + ".torgb.affine") / math.sqrt(w.shape[1])
        y = modulated_conv(x, w, style, demodulate=False) + state[block + ".torgb.bias"][:, None, None]
        if clamp is not None:
            y = y.clamp(-clamp, clamp)
        return y if skip is None else y + upsample(skip, state[block + ".resample_filter"])

    x = layer(state["synthesis.b4.const"][None].repeat(n, 1, 1, 1), "synthesis.b4.conv1", 0, False)
    image = to_rgb(x, None, "synthesis.b4", 1)
    for j in range((w_plus.shape[1] - 2) // 2):
        block = "synthesis.b%d" % (8 << j)
        x = layer(x, block + ".conv0", 1 + 2 * j, True)
        x = layer(x, block + ".conv1", 2 + 2 * j, False)
        image = to_rgb(x, image, block, 3 + 2 * j)
    return image


# ---- IR-SE trunk, e4e and pSp encoders, recogniser

def norm(x, state, name, eps=1e-5):
    return F.batch_norm(x, state[name + ".running_mean"], state[name + ".running_var"], state[name + ".weight"],
                        state[name + ".bias"], False, 0.0, eps)


def trunk(state, x, blocks):
    """Yields the output after every block; the first block of each stage has stride 2."""
    x = F.conv2d(x, state["input_layer.0.weight"], padding=1)
    x = F.prelu(norm(x, state, "input_layer.1"), state["input_layer.2.weight"])
    outputs, i = [], 0
    for count in blocks:
        for b in range(count):
            p, stride = "body.%d." % i, 2 if b == 0 else 1
            t = F.conv2d(norm(x, state, p + "res_layer.0"), state[p + "res_layer.1.weight"], padding=1)
            t = F.prelu(t, state[p + "res_layer.2.weight"])
            t = norm(F.conv2d(t, state[p + "res_layer.3.weight"], stride=stride, padding=1), state, p + "res_layer.4")
            e = t.mean((2, 3), keepdim=True)
            e = F.relu(F.conv2d(e, state[p + "res_layer.5.fc1.weight"]))
            t = t * torch.sigmoid(F.conv2d(e, state[p + "res_layer.5.fc2.weight"]))
            if p + "shortcut_layer.0.weight" in state:
                s = norm(F.conv2d(x, state[p + "shortcut_layer.0.weight"], stride=stride), state,
                         p + "shortcut_layer.1")
            else:
                s = x[:, :, ::stride, ::stride]
            x = t + s
            outputs.append(x)
            i += 1
    return outputs


def encoder(state, image, blocks, rows, stages=None, latent_avg=None, kind="e4e"):
    out = trunk(state, image, blocks)
    c1, c2, c3 = (out[sum(blocks[:k]) - 1] for k in (2, 3, 4))

    def lateral(top, side, name):
        up = F.interpolate(top, size=side.shape[2:], mode="bilinear", align_corners=True)
        return up + F.conv2d(side, state[name + ".weight"], state[name + ".bias"])

    p2 = lateral(c3, c2, "latlayer1")
    p1 = lateral(p2, c1, "latlayer2")

    def head(i):
        x = c3 if i < 3 else p2 if i < 7 else p1
        k = 0
        while "styles.%d.convs.%d.weight" % (i, k) in state:
            p = "styles.%d.convs.%d." % (i, k)
            x = F.leaky_relu(F.conv2d(x, state[p + "weight"], state[p + "bias"], stride=2, padding=1), 0.01)
            k += 2
        w = state["styles.%d.linear.weight" % i]
        return x.flatten(1) @ (w / math.sqrt(w.shape[1])).t() + state["styles.%d.linear.bias" % i]

    if kind == "psp":  # GradualStyleEncoder: every row from its own head
        codes = torch.stack([head(i) for i in range(rows)], 1)
    else:
        base = head(0)
        last = rows - 1 if stages is None else min(stages, rows - 1)
        codes = torch.stack([base + head(i) if 0 < i <= last else base for i in range(rows)], 1)
    return codes if latent_avg is None else codes + latent_avg


def recognizer(state, image, blocks):
    x = norm(trunk(state, image, blocks)[-1], state, "output_layer.0").flatten(1)
    x = F.linear(x, state["output_layer.3.weight"], state["output_layer.3.bias"])
    x = norm(x, state, "output_layer.4")
    return x / x.norm(dim=1, keepdim=True)


# ---- flow

def transform_net(state, u, context, norm_within):
    h = F.linear(torch.cat([u, context], 1), state["initial_layer.weight"], state["initial_layer.bias"])
    b = 0
    while "blocks.%d.context_layer.weight" % b in state:
        p, t = "blocks.%d." % b, h
        for k in (0, 1):
            if norm_within:  # nflows gives these norms eps 1e-3
                t = norm(t, state, p + "batch_norm_layers.%d" % k, 1e-3)
            t = F.linear(F.relu(t), state[p + "linear_layers.%d.weight" % k], state[p + "linear_layers.%d.bias" % k])
        gate = F.linear(context, state[p + "context_layer.weight"], state[p + "context_layer.bias"])
        h = h + t * torch.sigmoid(gate)
        b += 1
    return F.linear(h, state["final_layer.weight"], state["final_layer.bias"])


def flow(state, x, contexts, inverse=False, additive=False, norm_within=False, trace=None):
    """x [N,L,D] with row l in context l; returns the same shape and logabsdet [N,L]."""
    n, rows, d = x.shape
    context = torch.eye(contexts, dtype=x.dtype)[:rows].repeat(n, 1)
    x = x.reshape(n * rows, d)
    logabsdet = x.new_zeros(n * rows)
    count = 1 + max(int(k.split(".")[2]) for k in state)
    for i in reversed(range(count)) if inverse else range(count):
        s = scoped(state, "_transform._transforms.%d." % i)
        if "unconstrained_weight" in s:
            weight, std = F.softplus(s["unconstrained_weight"]) + 1e-5, torch.sqrt(s["running_var"] + 1e-5)
            change = (torch.log(weight) - torch.log(std)).sum()
            if inverse:
                x = std * (x - s["bias"]) / weight + s["running_mean"]
            else:
                x = weight * (x - s["running_mean"]) / std + s["bias"]
        else:
            t, keep = s["transform_features"].long(), s["identity_features"].long()
            p = transform_net(scoped(s, "transform_net."), x[:, keep], context, norm_within)
            if additive:
                shift, scale = p, torch.ones_like(p)
            else:
                shift = p[:, :len(t)]
                scale = torch.sigmoid(p[:, len(t):] + 2) + 1e-3
            x = x.clone()
            x[:, t] = (x[:, t] - shift) / scale if inverse else x[:, t] * scale + shift
            change = torch.log(scale).sum(1)
        change = -change if inverse else change
        logabsdet = logabsdet + change
        if trace is not None:
            trace.append((x.reshape(n, rows, d), (change + x.new_zeros(n * rows)).reshape(n, rows)))
    return x.reshape(n, rows, d), logabsdet.reshape(n, rows)


# ---- attribute classifier

def attributes(state, image, blocks=(2, 2, 2, 2)):
    x = F.relu(norm(F.conv2d(image, state["conv1.weight"], stride=2, padding=3), state, "bn1"))
    for stage, count in enumerate(blocks, 1):
        for b in range(count):
            p = "layer%d.%d." % (stage, b)
            stride = 2 if stage > 1 and b == 0 else 1
            t = F.relu(norm(F.conv2d(x, state[p + "conv1.weight"], stride=stride, padding=1), state, p + "bn1"))
            t = norm(F.conv2d(t, state[p + "conv2.weight"], padding=1), state, p + "bn2")
            if p + "shortcut.0.weight" in state:
                x = norm(F.conv2d(x, state[p + "shortcut.0.weight"], stride=stride), state, p + "shortcut.1")
            x = F.relu(t + x)
    return F.linear(x.mean((2, 3)), state["linear.weight"], state["linear.bias"])
