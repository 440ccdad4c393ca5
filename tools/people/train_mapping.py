"""Mapping network by regression: z = R u of a random u -> w = M f(u)."""
import copy

import torch

from common import DEVICE, LATENT, ROTATION, factors_of_u, falling, follow, w_of_factors
from generator import MAPPING_LR, Generator


class MappingStage:
    """Counts codes, not pictures."""

    NAME, PICTURES, BATCH, RATE, RESULT = "mapping", 20_000_000, 2048, 2e-3 / MAPPING_LR, ("average",)

    def __init__(self, pictures, snapshot, faces):
        torch.manual_seed(0)
        # the stored weights are 1 / MAPPING_LR times larger than the effective ones
        model = Generator().style.to(DEVICE)
        self.modules = {"model": model, "average": copy.deepcopy(model)}
        self.parameters = list(model.parameters())
        self.optimizers = {"adam": torch.optim.Adam(self.parameters, self.RATE, betas=(0.9, 0.99))}

    def describe(self, count):
        return {}

    def step(self, index, count, workers):
        u = torch.randn(len(index), LATENT)
        u = u * torch.rsqrt(u.square().mean(1, keepdim=True) + 1e-8)
        w = w_of_factors(factors_of_u(u)).to(DEVICE)
        loss = (self.modules["model"]((u @ ROTATION.t()).to(DEVICE)) - w).square().mean()
        optimizer = self.optimizers["adam"]
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        workers.average_gradients(self.parameters)
        optimizer.param_groups[0]["lr"] = self.RATE * falling(count, self.PICTURES)
        optimizer.step()
        follow(self.modules["average"], self.modules["model"], min(0.999, (count + 1) / (count + 10 * self.BATCH)))
        return {"loss": loss}

    def sheet(self, path):
        pass
