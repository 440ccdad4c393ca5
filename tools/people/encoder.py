"""Encoder4Editing with an IR-SE trunk, narrow: 128 px -> [B, ROWS, W_DIM] offsets from latent_avg.

Modules and keys are those of the public encoder; widths and depths are ours.  Heads beyond the
first are added in training progressively (`stage` as in the original: heads 1..stage).
"""
import math

import torch
from torch import nn
from torch.nn import functional as F

from generator import ROWS, W_DIM

INPUT, WIDTHS, BLOCKS = 128, (32, 64, 128, 96), (2, 2, 3, 3)
SPATIAL = [8] * 3 + [16] * 4 + [32] * (ROWS - 7)  # side of the feature map each head reads


class SE(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.fc1 = nn.Conv2d(channels, channels // 16, 1, bias=False)
        self.fc2 = nn.Conv2d(channels // 16, channels, 1, bias=False)

    def forward(self, x):
        mean = x.mean((2, 3), keepdim=True)
        return x * torch.sigmoid(self.fc2(F.relu(self.fc1(mean))))


class PReLU(nn.PReLU):
    """Slope fixed at 0.25: the gradient of a learnt slope costs more than the convolution before it"""

    def __init__(self, channels):
        super().__init__(channels)
        self.weight.requires_grad_(False)

    def forward(self, x):
        return F.leaky_relu(x, 0.25)


class Bottleneck(nn.Module):
    """bottleneck_IR_SE; the stride is in the second convolution"""

    def __init__(self, inputs, depth, stride):
        super().__init__()
        self.stride = stride
        self.res_layer = nn.Sequential(
            nn.BatchNorm2d(inputs), nn.Conv2d(inputs, depth, 3, 1, 1, bias=False), PReLU(depth),
            nn.Conv2d(depth, depth, 3, stride, 1, bias=False), nn.BatchNorm2d(depth), SE(depth))
        if inputs != depth:
            self.shortcut_layer = nn.Sequential(nn.Conv2d(inputs, depth, 1, stride, bias=False), nn.BatchNorm2d(depth))

    def forward(self, x):
        shortcut = self.shortcut_layer(x) if hasattr(self, "shortcut_layer") else x[:, :, ::self.stride, ::self.stride]
        return self.res_layer(x) + shortcut


class EqualLinear(nn.Module):
    def __init__(self, inputs, outputs):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, inputs))
        self.bias = nn.Parameter(torch.zeros(outputs))

    def forward(self, x):
        return F.linear(x, self.weight / math.sqrt(self.weight.shape[1]), self.bias)


class Head(nn.Module):
    """GradualStyleBlock"""

    def __init__(self, channels, spatial):
        super().__init__()
        layers = []
        for _ in range(int(math.log2(spatial))):
            layers += [nn.Conv2d(channels, channels, 3, 2, 1), nn.LeakyReLU()]
        self.convs = nn.Sequential(*layers)
        self.linear = EqualLinear(channels, W_DIM)

    def forward(self, x):
        return self.linear(self.convs(x).flatten(1))


class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.input_layer = nn.Sequential(nn.Conv2d(3, WIDTHS[0], 3, 1, 1, bias=False),
                                         nn.BatchNorm2d(WIDTHS[0]), PReLU(WIDTHS[0]))
        blocks, width = [], WIDTHS[0]
        for depth, count in zip(WIDTHS, BLOCKS):
            for k in range(count):
                blocks.append(Bottleneck(width, depth, 2 if k == 0 else 1))
                width = depth
        self.body = nn.Sequential(*blocks)
        ends = [sum(BLOCKS[:i + 1]) - 1 for i in range(4)]
        self.taps = ends[1:]
        channels = WIDTHS[3]
        self.styles = nn.ModuleList(Head(channels, s) for s in SPATIAL)
        self.latlayer1 = nn.Conv2d(WIDTHS[2], channels, 1)
        self.latlayer2 = nn.Conv2d(WIDTHS[1], channels, 1)
        # deltas start at nothing
        for head in list(self.styles)[1:]:
            nn.init.zeros_(head.linear.weight)

    def forward(self, x, stage=ROWS):
        x = self.body[0](self.input_layer(x))
        taps = []
        for i, block in enumerate(self.body):
            x = block(x) if i else x
            if i in self.taps:
                taps.append(x)
        c1, c2, c3 = taps
        w0 = self.styles[0](c3)
        rows = [w0] * ROWS
        if stage > 0:
            p2 = self.add_up(c3, self.latlayer1(c2))
            p1 = self.add_up(p2, self.latlayer2(c1))
            for i in range(1, min(stage, ROWS - 1) + 1):
                rows[i] = w0 + self.styles[i](c3 if i < 3 else p2 if i < 7 else p1)
        return torch.stack(rows, 1)

    @staticmethod
    def add_up(x, lateral):
        return F.interpolate(x, size=lateral.shape[2:], mode="bilinear", align_corners=True) + lateral
