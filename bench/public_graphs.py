"""The networks as the public PyTorch code computes them: PUBLIC[name](state) is a function of tensors.

The encoder and the flow are the replicas of tests/oracle, whose operations are those of the public code. The
generator's replica is not, so it is written here again: weights modulated and demodulated for every sample, grouped
convolutions, upfirdn2d by zero-stuffing.
"""
import math

import torch.nn.functional as F

import nets

ENCODER_BLOCKS, ROWS = [3, 4, 14, 3], 18


def upfirdn(x, kernel, up, before, after):
    n, c, h, w = (int(s) for s in x.shape)
    y = F.pad(x.reshape(n * c, h, 1, w, 1), [0, up - 1, 0, 0, 0, up - 1]).reshape(n * c, 1, h * up, w * up)
    y = F.conv2d(F.pad(y, [before, after, before, after]), kernel.flip(0, 1)[None, None])
    return y.reshape(n, c, int(y.shape[2]), int(y.shape[3]))


def modulated_conv(state, name, x, latent, demodulate, up):
    weight = state[name + ".weight"]
    style = F.linear(latent, state[name + ".modulation.weight"] / math.sqrt(int(latent.shape[1])),
                     state[name + ".modulation.bias"])
    n, out, inputs, k = (int(s) for s in (x.shape[0],) + tuple(weight.shape[1:4]))
    weight = weight / math.sqrt(inputs * k * k) * style.view(n, 1, inputs, 1, 1)
    if demodulate:
        weight = weight * (weight.pow(2).sum([2, 3, 4]) + 1e-8).rsqrt().view(n, out, 1, 1, 1)
    h, w = int(x.shape[2]), int(x.shape[3])
    x = x.reshape(1, n * inputs, h, w)
    if up:
        weight = weight.transpose(1, 2).reshape(n * inputs, out, k, k)
        y = F.conv_transpose2d(x, weight, stride=2, groups=n).view(n, out, 2 * h + 1, 2 * w + 1)
        return upfirdn(y, state[name + ".blur.kernel"], 1, 1, 1)
    return F.conv2d(x, weight.view(n * out, inputs, k, k), padding=k // 2, groups=n).view(n, out, h, w)


def synthesis(state):
    rows = 2 + 2 * sum(k.startswith("to_rgbs.") and k.endswith("conv.weight") for k in state)

    def styled(x, name, latent, index, up):
        y = modulated_conv(state, name + ".conv", x, latent, True, up)
        y = y + state[name + ".noise.weight"] * state["noises.noise_%d" % index]
        return F.leaky_relu(y + state[name + ".activate.bias"].view(1, -1, 1, 1), 0.2) * math.sqrt(2)

    def to_rgb(x, name, latent, skip):
        y = modulated_conv(state, name + ".conv", x, latent, False, False) + state[name + ".bias"]
        return y if skip is None else y + upfirdn(skip, state[name + ".upsample.kernel"], 2, 2, 1)

    def run(w_plus):
        x = styled(state["input.input"].repeat(w_plus.shape[0], 1, 1, 1), "conv1", w_plus[:, 0], 0, False)
        image = to_rgb(x, "to_rgb1", w_plus[:, 1], None)
        for i in range(1, rows - 1, 2):
            x = styled(x, "convs.%d" % (i - 1), w_plus[:, i], i, True)
            x = styled(x, "convs.%d" % i, w_plus[:, i + 1], i + 1, False)
            image = to_rgb(x, "to_rgbs.%d" % (i // 2), w_plus[:, i + 2], image)
        return image

    return run


def encoder(state):
    return lambda image: nets.encoder(state, image, ENCODER_BLOCKS, ROWS, None, state["latent_avg"])


def flow(state):
    return lambda x: nets.flow(state, x, ROWS)


def flow_inverse(state):
    return lambda x: nets.flow(state, x, ROWS, inverse=True)


PUBLIC = {"synthesis": synthesis, "encoder": encoder, "flow": flow, "flow_inverse": flow_inverse}
