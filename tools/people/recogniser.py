"""dlib's face recogniser from the weights of @vladmandic/face-api: a metric of identity and of features for the losses.

The network is a published one, used as it is. Its weights are not copied into the networks that are trained here, but
they shape them through the losses, and the model card has to say so.
"""
import json
import os

import numpy as np
import torch
from torch.nn import functional as F

MEAN = torch.tensor([122.782, 117.001, 104.298]).view(1, 3, 1, 1)
SIDE = 150
# the square that alignment by eyes and mouth cuts out of a picture in FFHQ's frame, as shares of the side
LEFT, TOP, SHARE = 0.175, 0.285, 0.65
BLOCKS = ["conv32_1", "conv32_2", "conv32_3", "conv64_down", "conv64_1", "conv64_2", "conv64_3", "conv128_down",
          "conv128_1", "conv128_2", "conv256_down", "conv256_1", "conv256_2", "conv256_down_out"]
FEATURES = ("conv32_3", "conv64_3", "conv128_2")


def read_weights(folder):
    """name -> array; one byte a number where the manifest says so"""
    with open(os.path.join(folder, "face_recognition_model-weights_manifest.json")) as file:
        (group,) = json.load(file)
    data, out = b"", {}
    for path in group["paths"]:
        with open(os.path.join(folder, path), "rb") as file:
            data += file.read()
    for entry in group["weights"]:
        count, coding = int(np.prod(entry["shape"])), entry.get("quantization")
        kind = np.uint8 if coding else np.float32
        values = np.frombuffer(data, kind, count).astype(np.float32)
        data = data[count * kind().itemsize:]
        if coding:
            values = values * coding["scale"] + coding["min"]
        out[entry["name"]] = torch.from_numpy(values.reshape(entry["shape"]))
    return out


class Recogniser:
    def __init__(self, folder, device):
        weights = read_weights(folder)
        self.fc, self.layers, self.mean = weights["fc"].to(device), {}, MEAN.to(device)
        for name in [n[:-len("/conv/filters")] for n in weights if n.endswith("/conv/filters")]:
            # the scale after a convolution becomes part of it
            scale = weights[name + "/scale/weights"]
            kernel = weights[name + "/conv/filters"].permute(3, 2, 0, 1) * scale.view(-1, 1, 1, 1)
            bias = weights[name + "/conv/bias"] * scale + weights[name + "/scale/biases"]
            self.layers[name] = kernel.contiguous(memory_format=torch.channels_last).to(device), bias.to(device)

    def conv(self, name, x, stride=1):
        kernel, bias = self.layers[name]
        return F.conv2d(x, kernel, bias, stride, 0 if stride == 2 else kernel.shape[-1] // 2)

    def block(self, name, x):
        if "_down" not in name:
            return F.relu(x + self.conv(name + "/conv2", F.relu(self.conv(name + "/conv1", x))))
        y = self.conv(name + "/conv2", F.relu(self.conv(name + "/conv1", x, 2)))
        short = F.avg_pool2d(x, 2)
        short = F.pad(short, (0, 0, 0, 0, 0, y.shape[1] - short.shape[1]))
        y = F.pad(y, (0, short.shape[3] - y.shape[3], 0, short.shape[2] - y.shape[2]))
        return F.relu(short + y)

    def __call__(self, images):
        """images [B,3,S,S] in FFHQ's frame, [-1,1] -> embedding [B,128], list of features"""
        size = images.shape[-1]
        y, x, side = round(TOP * size), round(LEFT * size), round(SHARE * size)
        chip = F.interpolate(images[:, :, y:y + side, x:x + side], size=(SIDE, SIDE), mode="bilinear")
        x = ((chip.float() + 1) * 127.5 - self.mean) / 256
        x = F.max_pool2d(F.relu(self.conv("conv32_down", x, 2)), 3, 2)
        features = []
        for name in BLOCKS:
            x = self.block(name, x)
            if name in FEATURES:
                features.append(x)
        return x.float().mean((2, 3)) @ self.fc, features


def distances(a, b):
    """Of two results of a recogniser: squared distance of identities, mean relative L1 of features"""
    identity = (a[0] - b[0]).square().sum(1).mean()
    features = sum((x.float() - y.float()).abs().mean() / y.float().abs().mean() for x, y in zip(a[1], b[1]))
    return identity, features / len(FEATURES)
