"""Encoder.  First trunk and first head regress w, the generator only tells how much each factor matters to a picture;
then all heads train, and the picture must come back through the frozen generator: its pixels, the features a face
recogniser sees in it, and the identity.
"""
import copy

import numpy as np
import torch

from common import (ATTRS8, DEVICE, autocast, factors_of_w, falling, follow, image_loss, psnr, save_sheet, shrink,
                    w_of_factors)
from encoder import INPUT, ROWS, Encoder
from generator import Generator
from optimizer import Muon
from recogniser import Recogniser, distances

W_ONLY = 0.7  # share of the pictures before the generator takes part
W_WEIGHT, IMAGE_WEIGHT, FEATURE_WEIGHT, IDENTITY_WEIGHT, DELTA_WEIGHT = 1.0, 2.0, 0.5, 1.0, 0.2


def load_generator(snapshot):
    generator = Generator()
    generator.load_state_dict(snapshot.load_finished("finish")["average"])
    return generator.to(DEVICE).requires_grad_(False).eval()


@torch.no_grad()
def importance(pictures, generator):
    """[FACTORS] weights: how far each factor moves the (64 px) picture, attributes at least 2"""
    factors = pictures.factors[:3000:250].to(DEVICE)
    before = generator(w_of_factors(factors), 64)
    moved = []
    for k in range(factors.shape[1]):
        other = factors.clone()
        other[:, k] -= 0.7 * torch.sign(factors[:, k])
        moved.append((generator(w_of_factors(other), 64) - before).square().mean())
    moved = torch.stack(moved)
    weights = 0.25 + 0.75 * (moved / moved.mean()).clamp(max=4)
    weights[:len(ATTRS8)].clamp_(min=2)
    return weights


def w_error(w, factors, weights):
    """Squared error of the factors w stands for, by importance, plus what lies outside their span"""
    found = factors_of_w(w)
    outside = (w - w_of_factors(found)).square().mean()
    return (weights * (found - factors).square()).mean() + 0.3 * outside


class EncoderStage:
    NAME, PICTURES, BATCH, RATE, RESULT = "encoder", 90_000, 32, 1e-3, ("average",)

    def __init__(self, pictures, snapshot, faces):
        torch.manual_seed(0)
        self.pictures, self.generator, self.recogniser = pictures, load_generator(snapshot), Recogniser(faces, DEVICE)
        self.weights = importance(pictures, self.generator)
        model = Encoder().to(DEVICE)
        self.modules = {"model": model, "average": copy.deepcopy(model).eval()}
        self.parameters = [p for p in model.parameters() if p.requires_grad]
        kernels = [p for p in self.parameters if p.dim() == 4 and p.shape[-1] == 3]
        self.optimizers = {"muon": Muon(kernels, [p for p in self.parameters if p.dim() != 4 or p.shape[-1] != 3])}
        self.loss = torch.compile(self.loss_of, dynamic=False)

    def describe(self, count):
        return {"rate": self.RATE * falling(count, self.PICTURES)}

    def loss_of(self, x, factors, with_images):
        with autocast():
            codes = self.modules["model"](x, ROWS - 1 if with_images else 0).float()
        error = w_error(codes[:, 0], factors, self.weights)
        loss, metrics = W_WEIGHT * error, {"w": error}
        if with_images:
            with autocast():
                again = self.generator(codes, INPUT)
                identity, features = distances(self.recogniser(again), self.recogniser(x))
            deltas = (codes[:, 1:] - codes[:, :1]).square().mean()
            loss = (loss + IMAGE_WEIGHT * image_loss(again, x) + FEATURE_WEIGHT * features + IDENTITY_WEIGHT * identity
                    + DELTA_WEIGHT * deltas)
            metrics.update(psnr=psnr(again, x).mean(), identity=identity, features=features, deltas=deltas)
        return loss, metrics

    def step(self, index, count, workers):
        x = shrink(self.pictures.images(index), INPUT)
        loss, metrics = self.loss(x, self.pictures.factors[index].to(DEVICE), count >= W_ONLY * self.PICTURES)
        self.optimizers["muon"].zero_grad(set_to_none=True)
        loss.backward()
        workers.average_gradients(self.parameters)
        torch.nn.utils.clip_grad_norm_(self.parameters, 5.0)
        self.optimizers["muon"].step(self.RATE * falling(count, self.PICTURES))
        steps = count // self.BATCH
        follow(self.modules["average"], self.modules["model"], min(0.998, (steps + 1) / (steps + 10)))
        self.shown = x[:8]
        return {"loss": loss, **metrics}

    @torch.no_grad()
    def sheet(self, path):
        with autocast():
            again = self.generator(self.modules["average"](self.shown).float(), INPUT)
        save_sheet(path, torch.cat([self.shown, again.float()]).cpu(), len(self.shown))
