"""Attribute classifier on rendered pictures and, as many, the generator's.

The network learns normalised targets; export.py folds mean and spread into the last layer.
"""
import copy

import torch

from classifier import INPUT, Classifier
from common import (ATTRS8, ATTRS9, DEVICE, LATENT, ROLL, attributes_of_factors, autocast, factors_of_u, falling,
                    follow, roll_degrees, shrink, w_of_factors)
from train_encoder import load_generator

MEAN = torch.tensor([0.5, 0.5, 0.3, 0.3, 0.5, 40.0, 0, 0, 0])
SPREAD = torch.tensor([0.5, 0.5, 0.35, 0.35, 0.4, 20.0, 10.0, 3.0, 20.0])


def synthetic(generator, count):
    """Pictures of the generator with the targets of their factors"""
    u = torch.randn(count, LATENT)
    factors = factors_of_u(u * torch.rsqrt(u.square().mean(1, keepdim=True)))
    raw = dict(zip(ATTRS8, attributes_of_factors(factors).t()), roll=roll_degrees(factors[:, ROLL]))
    with torch.no_grad(), autocast():
        images = generator(w_of_factors(factors).to(DEVICE), INPUT)
    return images, torch.stack([raw[n] for n in ATTRS9], 1)


class ClassifierStage:
    NAME, PICTURES, BATCH, RATE, RESULT = "classifier", 80_000, 64, 2e-3, ("average",)

    def __init__(self, pictures, snapshot, faces):
        torch.manual_seed(0)
        self.pictures, self.generator = pictures, load_generator(snapshot)
        model = Classifier().to(DEVICE)
        self.modules = {"model": model, "average": copy.deepcopy(model).eval()}
        self.parameters = list(model.parameters())
        self.optimizers = {"adam": torch.optim.Adam(self.parameters, self.RATE)}
        self.net = torch.compile(model, dynamic=False)

    def describe(self, count):
        return {}

    def batch(self, index):
        x, target = shrink(self.pictures.images(index), INPUT), self.pictures.targets9(index)
        more, more_target = synthetic(self.generator, len(index))
        x, target = torch.cat([x, more]), torch.cat([target, more_target])
        # light and sharpness must not matter
        contrast, light, soft = torch.rand(3, len(x), 1, 1, 1, device=DEVICE)
        x = x * (0.9 + 0.2 * contrast) + 0.3 * (light - 0.5)
        x = torch.where(soft < 0.3, torch.nn.functional.avg_pool2d(x, 3, 1, 1, count_include_pad=False), x)
        return x, ((target - MEAN) / SPREAD).to(DEVICE)

    def step(self, index, count, workers):
        x, target = self.batch(index)
        with autocast():
            error = (self.net(x).float() - target).square().mean(0)
        optimizer = self.optimizers["adam"]
        optimizer.zero_grad(set_to_none=True)
        error.mean().backward()
        workers.average_gradients(self.parameters)
        optimizer.param_groups[0]["lr"] = self.RATE * falling(count, self.PICTURES)
        optimizer.step()
        steps = count // self.BATCH
        follow(self.modules["average"], self.modules["model"], min(0.998, (steps + 1) / (steps + 10)))
        return dict(zip(ATTRS9, error.detach()), loss=error.mean())

    def sheet(self, path):
        pass
