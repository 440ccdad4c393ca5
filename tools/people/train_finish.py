"""Sharpens the generator: the pairs go on, and a discriminator asks for what the mean of many pictures lacks.

The discriminator compares a render with the generator's picture of the same code (relativistic pairs), its features
are matched between the two, and a recogniser sees to it that the person stays.
"""
import copy
import math

import torch
from torch import nn
from torch.nn import functional as F

from common import DEVICE, autocast, falling, follow, image_loss, psnr, save_sheet
from generator import SIZE, Generator
from optimizer import Muon
from recogniser import Recogniser, distances

WIDTHS = (64, 96, 160, 256, 256)
PIXEL_WEIGHT, FEATURE_WEIGHT, IDENTITY_WEIGHT, MATCH_WEIGHT, ADVERSARIAL_WEIGHT = 2.0, 0.5, 1.0, 1.0, 0.02
# The gradient penalty R1 by finite differences: how much noise of this size moves the answer
NOISE, PENALTY = 0.05, 0.5


class Discriminator(nn.Module):
    """Answers for patches; pixels of 2x2 become channels, so that it sees the finest detail and costs little."""

    def __init__(self):
        super().__init__()
        widths = (12, *WIDTHS)
        self.convs = nn.ModuleList(nn.Conv2d(a, b, 3, 1 if i == 0 else 2, 1)
                                   for i, (a, b) in enumerate(zip(widths, widths[1:])))
        self.answers = nn.ModuleList(nn.Conv2d(c, 1, 1) for c in WIDTHS[2:])
        for conv in self.convs:
            nn.init.normal_(conv.weight, std=math.sqrt(2 / (conv.in_channels * 9)))
            nn.init.zeros_(conv.bias)

    def forward(self, x):
        """answers [B,N], features"""
        x, answers, features = F.pixel_unshuffle(x, 2), [], []
        for i, conv in enumerate(self.convs):
            x = F.leaky_relu(conv(x), 0.2)
            features.append(x)
            if i >= 2:
                answers.append(self.answers[i - 2](x).float().flatten(1))
        return torch.cat(answers, 1), features


class FinishStage:
    NAME, PICTURES, BATCH, RATE, RESULT = "finish", 20_000, 16, 1e-3, ("average",)
    DISCRIMINATOR_RATE = 2e-4

    def __init__(self, pictures, snapshot, faces):
        torch.manual_seed(0)
        self.pictures, self.recogniser = pictures, Recogniser(faces, DEVICE)
        model = Generator().to(DEVICE)
        model.load_state_dict(snapshot.load_finished("generator")["average"])
        discriminator = Discriminator().to(DEVICE)
        self.modules = {"model": model, "average": copy.deepcopy(model), "discriminator": discriminator}
        self.parameters = [p for n, p in model.named_parameters() if not n.startswith("style.") and p.requires_grad]
        self.rivals = list(discriminator.parameters())
        kernels, others = ([p for p in self.parameters if (p.shape[-1] == 3) == k] for k in (True, False))
        self.optimizers = {"muon": Muon(kernels, others),
                           "discriminator": torch.optim.Adam(self.rivals, self.DISCRIMINATOR_RATE, betas=(0.5, 0.99))}
        self.generator_loss = torch.compile(self.generator_loss_of, dynamic=False)
        self.discriminator_loss = torch.compile(self.discriminator_loss_of, dynamic=False)

    def describe(self, count):
        return {"rate": self.RATE * falling(count, self.PICTURES)}

    def generator_loss_of(self, w, target):
        with autocast():
            images = self.modules["model"](w)
            identity, features = distances(self.recogniser(images), self.recogniser(target))
            true, true_features = self.modules["discriminator"](target)
            drawn, drawn_features = self.modules["discriminator"](images)
        match = sum((a.float() - b.detach().float()).abs().mean() for a, b in zip(drawn_features, true_features))
        adversarial = F.softplus(true.detach() - drawn).mean()
        loss = (PIXEL_WEIGHT * image_loss(images, target) + FEATURE_WEIGHT * features + IDENTITY_WEIGHT * identity
                + MATCH_WEIGHT * match / len(WIDTHS) + ADVERSARIAL_WEIGHT * adversarial)
        return loss, images.detach(), {"psnr": psnr(images, target).mean(), "identity": identity, "features": features,
                                       "match": match, "adversarial": adversarial}

    def discriminator_loss_of(self, images, target, noise):
        discriminator = self.modules["discriminator"]
        with autocast():
            both = torch.cat([images, target])
            answers, moved = discriminator(both)[0], discriminator(both + NOISE * noise)[0]
        drawn, true = answers.chunk(2)
        penalty = ((answers - moved) / NOISE).square().mean()
        return F.softplus(drawn - true).mean() + PENALTY * penalty

    def step(self, index, count, workers):
        target, w = self.pictures.images(index), self.pictures.w(index).to(DEVICE)
        factor = falling(count, self.PICTURES)
        loss, images, metrics = self.generator_loss(w, target)
        self.optimizers["muon"].zero_grad(set_to_none=True)
        loss.backward()
        workers.average_gradients(self.parameters)
        self.optimizers["muon"].step(self.RATE * factor)
        noise = torch.randn(2 * len(index), 3, SIZE, SIZE, device=DEVICE)
        rival_loss = self.discriminator_loss(images, target, noise)
        rival = self.optimizers["discriminator"]
        rival.zero_grad(set_to_none=True)
        rival_loss.backward()
        workers.average_gradients(self.rivals)
        rival.param_groups[0]["lr"] = self.DISCRIMINATOR_RATE * factor
        rival.step()
        follow(self.modules["average"], self.modules["model"], 0.998)
        self.shown = w[:8], target[:8]
        return {"loss": loss, "discriminator": rival_loss, **metrics}

    @torch.no_grad()
    def sheet(self, path):
        w, target = self.shown
        with autocast():
            images = self.modules["average"](w)
        save_sheet(path, torch.cat([images.float(), target]).cpu(), len(w))
