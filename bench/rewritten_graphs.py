"""The networks rewritten for frameworks: the same functions with everything constant computed beforehand.

REWRITTEN[name](state) is a function of tensors, for batch 1; in real arithmetic its results are those of the public
graph. Tried and slower or equal in every framework: upsampling by four convolutions (one per parity) and interleaving,
the style heads as grouped convolutions, the shift of a norm before a padded convolution as a map behind it. Whether a
style scales activations or weights divides the frameworks, so it is a parameter.
"""
import math

import torch
import torch.nn.functional as F

import nets
from public_graphs import ENCODER_BLOCKS, ROWS

GAIN = math.sqrt(2)  # of the activation; leaky ReLU is homogeneous, so the factor moves before it


# ---- generator: y = d conv(W, s x), d = 1 / sqrt(sum_i s_i^2 q_oi + eps), q_oi = sum_k W_oik^2

class Layer:
    def __init__(self, state, name, index=None):
        weight = state[name + ".conv.weight"][0]
        affine = state[name + ".conv.modulation.weight"]
        self.weight = weight / math.sqrt(weight[0].numel())
        self.squares = self.weight.pow(2).sum([2, 3]).t().contiguous()
        self.affine = (affine / math.sqrt(affine.shape[1])).t().contiguous()
        self.shift = state[name + ".conv.modulation.bias"]
        if index is not None:
            self.noise = GAIN * state[name + ".noise.weight"] * state["noises.noise_%d" % index]
            self.bias = (GAIN * state[name + ".activate.bias"]).view(1, -1, 1, 1)
        else:
            self.bias = state[name + ".bias"]

    def style(self, latent):
        return torch.addmm(self.shift, latent, self.affine)

    def demodulation(self, style):
        return GAIN * torch.rsqrt(torch.mm(style * style, self.squares) + 1e-8)


def synthesis(state, modulate="activations"):
    rows = 2 + 2 * sum(k.startswith("to_rgbs.") and k.endswith("conv.weight") for k in state)
    names = [("conv1", "to_rgb1")]
    for i in range(1, rows - 1, 2):
        names += [("convs.%d" % (i - 1), None), ("convs.%d" % i, "to_rgbs.%d" % (i // 2))]
    layers = [(Layer(state, conv, i), rgb and Layer(state, rgb)) for i, (conv, rgb) in enumerate(names)]
    fir = state["convs.0.conv.blur.kernel"]

    def styled(x, layer, latent, is_up):
        style, weight, after = layer.style(latent), layer.weight, None
        demodulation = layer.demodulation(style)
        if modulate == "activations":
            x, after = x * style.view(1, -1, 1, 1), demodulation
        else:
            weight = weight * style.view(1, -1, 1, 1) * demodulation.view(-1, 1, 1, 1)
        if is_up:
            channels = int(weight.shape[0])
            y = F.conv_transpose2d(x, weight.transpose(0, 1), stride=2)
            y = F.conv2d(y, fir.expand(channels, 1, 4, 4), padding=1, groups=channels)
        else:
            y = F.conv2d(x, weight, padding=1)
        y = y + layer.bias if after is None else torch.addcmul(layer.bias, y, after.view(1, -1, 1, 1))
        return F.leaky_relu(y + layer.noise, 0.2)

    def to_rgb(x, layer, latent, skip):
        c, h, w = (int(n) for n in x.shape[1:])
        weight = layer.weight.view(3, c) * layer.style(latent)
        y = torch.mm(weight, x.view(c, h * w)).view(1, 3, h, w) + layer.bias
        return y if skip is None else y + nets.upsample(skip, fir)

    def run(w_plus):
        x, image = state["input.input"], None
        for i, (conv, rgb) in enumerate(layers):
            x = styled(x, conv, w_plus[:, i], i % 2 == 1)
            if rgb is not None:
                image = to_rgb(x, rgb, w_plus[:, i + 1], image)
        return image

    return run


# ---- encoder

def scale_and_shift(state, name):
    scale = state[name + ".weight"] / torch.sqrt(state[name + ".running_var"] + 1e-5)
    return scale, state[name + ".bias"] - scale * state[name + ".running_mean"]


def folded(state, conv, name):
    """A convolution and the norm behind it as one."""
    scale, shift = scale_and_shift(state, name)
    return state[conv] * scale.view(-1, 1, 1, 1), shift


def trunk(state, blocks):
    first, first_bias = folded(state, "input_layer.0.weight", "input_layer.1")
    steps, i = [], 0
    for count in blocks:
        for b in range(count):
            p, shortcut = "body.%d." % i, "body.%d.shortcut_layer.0.weight" % i
            scale, shift = (v.view(1, -1, 1, 1) for v in scale_and_shift(state, p + "res_layer.0"))
            # the norm before a padded convolution: only its shift has to come before the padding
            steps.append((shift / scale, state[p + "res_layer.1.weight"] * scale, state[p + "res_layer.2.weight"],
                          folded(state, p + "res_layer.3.weight", p + "res_layer.4"),
                          state[p + "res_layer.5.fc1.weight"], state[p + "res_layer.5.fc2.weight"],
                          folded(state, shortcut, "body.%d.shortcut_layer.1" % i) if shortcut in state else None,
                          2 if b == 0 else 1))
            i += 1

    def run(image):
        x = F.prelu(F.conv2d(image, first, first_bias, padding=1), state["input_layer.2.weight"])
        outputs = []
        for shift, weight, slope, (second, bias), fc1, fc2, shortcut, stride in steps:
            t = F.prelu(F.conv2d(x + shift, weight, padding=1), slope)
            t = F.conv2d(t, second, bias, stride=stride, padding=1)
            gate = torch.sigmoid(F.conv2d(F.relu(F.conv2d(t.mean((2, 3), keepdim=True), fc1)), fc2))
            s = x[:, :, ::stride, ::stride] if shortcut is None else F.conv2d(x, *shortcut, stride=stride)
            x = t * gate + s
            outputs.append(x)
        return outputs

    return run


def head(state, i):
    """A style head; on 2x2 inputs only four taps see more than padding."""
    convs, k = [], 0
    while "styles.%d.convs.%d.weight" % (i, k) in state:
        p = "styles.%d.convs.%d." % (i, k)
        convs.append((state[p + "weight"], state[p + "bias"], 1))
        k += 2
    weight, bias, _ = convs[-1]
    convs[-1] = weight[:, :, 1:, 1:].contiguous(), bias, 0
    linear = state["styles.%d.linear.weight" % i]
    linear = (linear / math.sqrt(linear.shape[1])).t().contiguous()
    shift = state["styles.%d.linear.bias" % i] + state["latent_avg"][i]

    def run(x):
        for weight, bias, padding in convs:
            x = F.leaky_relu(F.conv2d(x, weight, bias, 2, padding), 0.01)
        return torch.addmm(shift, x.flatten(1), linear)

    return run


def encoder(state):
    run_trunk, heads = trunk(state, ENCODER_BLOCKS), [head(state, i) for i in range(ROWS)]

    def run(image):
        out = run_trunk(image)
        c1, c2, c3 = (out[sum(ENCODER_BLOCKS[:k]) - 1] for k in (2, 3, 4))

        def lateral(top, side, name):
            up = F.interpolate(top, size=(int(side.shape[2]), int(side.shape[3])), mode="bilinear", align_corners=True)
            return up + F.conv2d(side, state[name + ".weight"], state[name + ".bias"])

        p2 = lateral(c3, c2, "latlayer1")
        p1 = lateral(p2, c1, "latlayer2")
        codes = [h(c3 if i < 3 else p2 if i < 7 else p1) for i, h in enumerate(heads)]
        base = codes[0] - state["latent_avg"][:1]
        return torch.stack(codes[:1] + [base + c for c in codes[1:]], 1)

    return run


# ---- flow: the rows are the contexts, so what a context contributes is a table; norms between the couplings are folded

class Coupling:
    """The network of a coupling, the norm behind it folded, in one direction.

    Forward  T' = T scale + shift, K' = K a + c; inverse T = (T' - shift) / scale, K = (K' - c) / a, with scale and
    shift from the network of K. scale holds the norm's factor of T, so only the factors of K are missing in its
    logarithm.
    """

    def __init__(self, state, index, inverse):
        s = nets.scoped(state, "_transform._transforms.%d." % (2 * index))
        n = nets.scoped(state, "_transform._transforms.%d." % (2 * index + 1))
        a = (F.softplus(n["unconstrained_weight"]) + 1e-5) / torch.sqrt(n["running_var"] + 1e-5)
        c = n["bias"] - a * n["running_mean"]
        moved, kept = s["transform_features"].long(), s["identity_features"].long()
        self.transforms_odd = bool(moved[0] == 1)
        self.kept_scale, self.kept_shift = (1 / a[kept], -c[kept] / a[kept]) if inverse else (a[kept], c[kept])
        self.kept_log = a[kept].log().sum()
        net = nets.scoped(s, "transform_net.")
        weight, table = net["initial_layer.weight"][:, :len(kept)], net["initial_layer.weight"][:, len(kept):].t()
        table = table + net["initial_layer.bias"]
        if inverse:  # the network sees K, the data is K'
            weight, table = weight * self.kept_scale, table + weight @ self.kept_shift
        self.layers = [(weight.t().contiguous(), table.contiguous())]
        self.gates = []
        for b in (0, 1):
            p = "blocks.%d." % b
            for k in (0, 1):
                self.layers.append((net[p + "linear_layers.%d.weight" % k].t().contiguous(),
                                    net[p + "linear_layers.%d.bias" % k]))
            self.gates.append(torch.sigmoid(net[p + "context_layer.weight"].t() + net[p + "context_layer.bias"]))
        weight, bias, m = net["final_layer.weight"], net["final_layer.bias"], len(moved)
        self.moved_scale = a[moved]
        self.layers.append((torch.cat([weight[:m] * a[moved][:, None], weight[m:]]).t().contiguous(),
                            torch.cat([bias[:m] * a[moved] + c[moved], bias[m:] + 2])))

    def parameters(self, kept):
        h = torch.addmm(self.layers[0][1], kept, self.layers[0][0])
        for b in (0, 1):
            t = torch.addmm(self.layers[1 + 2 * b][1], F.relu(h), self.layers[1 + 2 * b][0])
            t = torch.addmm(self.layers[2 + 2 * b][1], F.relu(t), self.layers[2 + 2 * b][0])
            h = torch.addcmul(h, t, self.gates[b])
        shift, scale = torch.addmm(self.layers[5][1], h, self.layers[5][0]).chunk(2, 1)
        return shift, (torch.sigmoid(scale) + 1e-3) * self.moved_scale


def flow(state, inverse=False):
    couplings = [Coupling(state, i, inverse) for i in range(10)]
    if inverse:
        couplings.reverse()
    constant = sum(c.kept_log for c in couplings)

    def run(x):
        halves = list(x[0].view(ROWS, -1, 2).unbind(2))  # even and odd columns
        scales = []
        for coupling in couplings:
            moved = 1 if coupling.transforms_odd else 0
            kept = halves[1 - moved]
            shift, scale = coupling.parameters(kept)
            scales.append(scale)
            halves[moved] = (halves[moved] - shift) / scale if inverse else torch.addcmul(shift, halves[moved], scale)
            halves[1 - moved] = torch.addcmul(coupling.kept_shift, kept, coupling.kept_scale)
        logabsdet = torch.log(torch.cat(scales, 1)).sum(1) + constant
        return torch.stack(halves, 2).view(1, ROWS, -1), (-logabsdet if inverse else logabsdet)[None]

    return run


REWRITTEN = {"synthesis": synthesis, "encoder": encoder, "flow": flow,
             "flow_inverse": lambda state: flow(state, inverse=True)}
