"""Muon for convolutions, Adam for all other parameters."""
import math

import torch

ITERATIONS = 5


def orthogonalised(m):
    """Newton-Schulz iteration: the matrix with the singular vectors of m and all singular values near 1. The steps
    x <- p(x x') x act on the small side alone, so they are gathered there and x is multiplied once, at the end."""
    a, b, c = 3.4445, -4.7750, 2.0315
    wide = m.shape[0] <= m.shape[1]
    x = m if wide else m.t()
    x = x / (x.norm() + 1e-12)
    gram = x @ x.t()
    unit = torch.eye(len(gram), device=m.device)
    gathered = unit
    for _ in range(ITERATIONS):
        step = a * unit + b * gram + c * gram @ gram
        gathered = step @ gathered
        gram = step @ gram @ step
    x = gathered @ x
    return x if wide else x.t()


class Muon(torch.optim.Optimizer):
    """Steps of parameters with `matrix` groups are orthogonalised momenta scaled to rms 1, those of the others are
    Adam's, which have about that size, so that one learning rate suits both."""

    def __init__(self, matrices, others, betas=(0.9, 0.99), momentum=0.9, matrix_factor=1.0):
        groups = [{"params": list(matrices), "matrix": True}, {"params": list(others), "matrix": False}]
        super().__init__(groups, { "betas": betas, "momentum": momentum, "matrix_factor": matrix_factor})

    @torch.no_grad()
    def step(self, rate):
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is None:
                    continue
                if group["matrix"]:
                    self.matrix_step(p, group, rate)
                else:
                    self.adam_step(p, group, rate)

    def matrix_step(self, p, group, rate):
        state = self.state[p]
        if not state:
            state["momentum"] = torch.zeros_like(p)
        grad, m = p.grad, state["momentum"]
        m.lerp_(grad, 1 - group["momentum"])
        shape = p.shape[-4:]
        update = orthogonalised(grad.lerp(m, group["momentum"]).reshape(shape[0], -1))
        scale = math.sqrt(max(update.shape))
        p.add_(update.reshape(p.shape), alpha=-rate * group["matrix_factor"] * scale)

    def adam_step(self, p, group, rate):
        state, (b1, b2) = self.state[p], group["betas"]
        if not state:
            state.update(step=0, mean=torch.zeros_like(p), square=torch.zeros_like(p))
        state["step"] += 1
        state["mean"].lerp_(p.grad, 1 - b1)
        state["square"].lerp_(p.grad.square(), 1 - b2)
        mean = state["mean"] / (1 - b1 ** state["step"])
        square = state["square"] / (1 - b2 ** state["step"])
        p.addcdiv_(mean, square.sqrt() + 1e-8, value=-rate)
