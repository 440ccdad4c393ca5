"""StyleGAN2 generator in rosinality's convention and key names, 128 px, lean widths.

Modulation scales the activations and demodulation the output of the convolution (equal to scaling the weights, and
one convolution serves the whole batch).  w_plus is [B, ROWS, W_DIM].  Activations lie channels-last, which the
convolutions of CPUs with bfloat16 tiles want; under autocast they are bfloat16 where that is the faster type, the sum
of the skips is float32.
"""
import math

import torch
from torch import nn
from torch.nn import functional as F

SIZE, W_DIM, ROWS, MAPPING_LAYERS = 128, 128, 12, 8
CHANNELS = {4: 256, 8: 256, 16: 192, 32: 128, 64: 64, 128: 32}
MAPPING_LR = 0.01
GAIN = math.sqrt(2)


def fir_kernel():
    taps = torch.tensor([1.0, 3.0, 3.0, 1.0])
    return torch.outer(taps, taps) / 64 * 4


def activate(x, bias):
    return F.leaky_relu(x + bias.view(1, -1, *([1] * (x.dim() - 2))), 0.2) * GAIN


class MappingLayer(nn.Module):
    def __init__(self, width=W_DIM):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(width, width) / MAPPING_LR)
        self.bias = nn.Parameter(torch.zeros(width))

    def forward(self, x):
        scale = MAPPING_LR / math.sqrt(self.weight.shape[1])
        return activate(F.linear(x, self.weight * scale), self.bias * MAPPING_LR)


class PixelNorm(nn.Module):
    def forward(self, x):
        return x * torch.rsqrt(x.square().mean(1, keepdim=True) + 1e-8)


class Affine(nn.Module):
    """w row -> style, stored bias contains the +1"""

    def __init__(self, channels):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(channels, W_DIM))
        self.bias = nn.Parameter(torch.ones(channels))

    def forward(self, row):
        return F.linear(row, self.weight / math.sqrt(W_DIM), self.bias)


def double(x, axis):
    """The filter [1,3,3,1]/4 after zero-stuffing by two along an axis, zeros around: n -> 2 n + 2, from half a pixel
    outside of the first pixel to half a pixel outside of the last"""
    padding = [0, 0] * (x.dim() - 1 - axis) + [1, 1]
    x = F.pad(x, padding)
    first, second = x.narrow(axis, 0, x.shape[axis] - 1), x.narrow(axis, 1, x.shape[axis] - 1)
    return torch.stack([0.75 * first + 0.25 * second, 0.25 * first + 0.75 * second], axis + 1).flatten(axis, axis + 1)


class Blur(nn.Module):
    """Holds the key of the public layout; the filtering is done by `double` before the convolution"""

    def __init__(self):
        super().__init__()
        self.register_buffer("kernel", fir_kernel())


class ModulatedConv(nn.Module):
    """With demodulation the result carries the activation's gain already (one pass less).  The public code upsamples
    by a transposed convolution and blurs then; both are linear and commute, so here the blur comes first and the
    convolution, flipped, is a plain one at the finer resolution."""

    def __init__(self, inputs, outputs, kernel, up=False, demodulate=True):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(1, outputs, inputs, kernel, kernel))
        self.modulation = Affine(inputs)
        self.up, self.demodulate, self.padding = up, demodulate, kernel // 2
        self.scale = 1 / math.sqrt(inputs * kernel * kernel)
        if up:
            self.blur = Blur()

    def forward(self, x, row):
        weight = self.weight[0] * self.scale
        with torch.autocast(x.device.type, enabled=False):
            style = self.modulation(row.float())
        x = x * style[:, :, None, None].to(x.dtype)
        if self.up:
            x = F.conv2d(double(double(x, 2), 3), weight.flip(2, 3))
        else:
            x = F.conv2d(x, weight, padding=self.padding)
        if self.demodulate:
            with torch.autocast(x.device.type, enabled=False):
                power = style.square() @ weight.square().sum((2, 3)).t()
            x = x * (GAIN * torch.rsqrt(power + 1e-8))[:, :, None, None].to(x.dtype)
        return x


class Noise(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1), requires_grad=False)


class Activation(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(channels))


class StyledConv(nn.Module):
    """The noise strength stays 0: pictures of this family carry no noise worth a map."""

    def __init__(self, inputs, outputs, up=False):
        super().__init__()
        self.conv = ModulatedConv(inputs, outputs, 3, up)
        self.noise = Noise()
        self.activate = Activation(outputs)

    def forward(self, x, row):
        bias = self.activate.bias * GAIN
        x = self.conv(x, row)
        return F.leaky_relu(x + bias.view(1, -1, 1, 1).to(x.dtype), 0.2)


class Upsample(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("kernel", fir_kernel())

    def forward(self, x):
        return double(double(x, 2), 3)[:, :, 1:-1, 1:-1]


class ToRGB(nn.Module):
    def __init__(self, inputs, up=True):
        super().__init__()
        if up:
            self.upsample = Upsample()
        self.conv = ModulatedConv(inputs, 3, 1, demodulate=False)
        self.bias = nn.Parameter(torch.zeros(1, 3, 1, 1))

    def forward(self, x, row, skip=None):
        y = self.conv(x, row).float() + self.bias
        return y if skip is None else y + self.upsample(skip)


class ConstantInput(nn.Module):
    def __init__(self):
        super().__init__()
        self.input = nn.Parameter(torch.randn(1, CHANNELS[4], 4, 4))


class Generator(nn.Module):
    def __init__(self):
        super().__init__()
        self.style = nn.Sequential(PixelNorm(), *[MappingLayer() for _ in range(MAPPING_LAYERS)])
        self.input = ConstantInput()
        self.conv1 = StyledConv(CHANNELS[4], CHANNELS[4])
        self.to_rgb1 = ToRGB(CHANNELS[4], up=False)
        self.convs, self.to_rgbs, self.noises = nn.ModuleList(), nn.ModuleList(), nn.Module()
        self.noises.register_buffer("noise_0", torch.randn(1, 1, 4, 4))
        width = CHANNELS[4]
        for res, channels in list(CHANNELS.items())[1:]:
            self.convs.append(StyledConv(width, channels, up=True))
            self.convs.append(StyledConv(channels, channels))
            self.to_rgbs.append(ToRGB(channels))
            width = channels
            for _ in range(2):
                count = len(list(self.noises.buffers()))
                self.noises.register_buffer(f"noise_{count}", torch.randn(1, 1, res, res))

    def mapping(self, z):
        return self.style(z)

    def forward(self, w_plus, size=SIZE):
        """w_plus [B,ROWS,W_DIM] (or [B,W_DIM] for equal rows) -> [B,3,size,size] in about [-1,1]"""
        if w_plus.dim() == 2:
            w_plus = w_plus[:, None].expand(-1, ROWS, -1)
        x = self.input.input.expand(w_plus.shape[0], -1, -1, -1).contiguous(memory_format=torch.channels_last)
        x = self.conv1(x, w_plus[:, 0])
        image = self.to_rgb1(x, w_plus[:, 1])
        for j, to_rgb in enumerate(self.to_rgbs):
            if image.shape[-1] >= size:
                break
            x = self.convs[2 * j](x, w_plus[:, 1 + 2 * j])
            x = self.convs[2 * j + 1](x, w_plus[:, 2 + 2 * j])
            image = to_rgb(x, w_plus[:, 3 + 2 * j], image)
        return image
