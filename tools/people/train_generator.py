"""Generator by paired regression: w of a picture's factors -> the picture; small pictures first.

The mapping z -> w is trained apart (train_mapping.py), since w of every picture is known.
"""
import copy

import torch

from common import DEVICE, autocast, falling, follow, image_loss, psnr, save_sheet, shrink
from generator import Generator
from optimizer import Muon

# side of the picture from this count on: geometry and colours are learnt while it is cheap
SIDES = ((0, 32), (60_000, 64), (130_000, 128))


class GeneratorStage:
    NAME, PICTURES, BATCH, RATE, RESULT = "generator", 220_000, 32, 1e-2, ("average",)

    def __init__(self, pictures, snapshot, faces):
        torch.manual_seed(0)
        self.pictures = pictures
        model = Generator()
        for name, parameter in model.named_parameters():
            # near-constant styles make the first function of w a smooth one: regression then starts at once
            if name.endswith("modulation.weight"):
                parameter.data *= 0.2
            # a finer picture begins as the coarser one
            if name.startswith("to_rgbs") and name.endswith("conv.weight"):
                parameter.data.zero_()
        model = model.to(DEVICE)
        self.modules = {"model": model, "average": copy.deepcopy(model)}
        synthesis = {n: p for n, p in model.named_parameters() if not n.startswith("style.") and p.requires_grad}
        self.parameters = list(synthesis.values())
        kernels = [p for p in self.parameters if p.shape[-1] == 3]
        others = [p for p in self.parameters if p.shape[-1] != 3]
        self.optimizers = {"muon": Muon(kernels, others)}
        self.loss = torch.compile(self.loss_of, dynamic=False)

    def loss_of(self, w, target, size):
        with autocast():
            images = self.modules["model"](w, size)
        return image_loss(images, target), images

    @staticmethod
    def size(count):
        return max(side for begin, side in SIDES if count >= begin)

    def describe(self, count):
        return {"size": self.size(count), "rate": self.RATE * falling(count, self.PICTURES)}

    def step(self, index, count, workers):
        size = self.size(count)
        target, w = shrink(self.pictures.images(index), size), self.pictures.w(index).to(DEVICE)
        loss, images = self.loss(w, target, size)
        self.optimizers["muon"].zero_grad(set_to_none=True)
        loss.backward()
        workers.average_gradients(self.parameters)
        self.optimizers["muon"].step(self.RATE * falling(count, self.PICTURES))
        steps = count // self.BATCH
        follow(self.modules["average"], self.modules["model"], min(0.998, (steps + 1) / (steps + 10)))
        self.shown = w[:8], target[:8]
        return {"loss": loss, "psnr": psnr(images.detach(), target).mean()}

    @torch.no_grad()
    def sheet(self, path):
        w, target = self.shown
        with autocast():
            images = self.modules["average"](w, target.shape[-1])
        save_sheet(path, torch.cat([images.float(), target]).cpu(), len(w))
