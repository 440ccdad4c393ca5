"""The public training step of the flow (docs/networks.md, "Flow training") as a replica, and its values in float64.

/usr/bin/python3 tests/oracle/flow_training.py     writes tests/data/oracle/train_*.safetensors

The public steps were recorded in float32 alone (tests/data/golden/train_*). The replica takes the same steps in both
precisions: in float32 it has to reproduce the recorded losses, which proves it; in float64 it says what they should
have been.
"""
import math
import os

import torch

DATA = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "data")
FILES = ["train_a_cond_epoch40", "train_b_std_epoch0"]


def is_trained(name):
    return not name.endswith(("_features", "running_mean", "running_var"))


class Training:
    """State and steps. `state`: name -> tensor, in a checkpoint's names; `rules`: the metadata of a recorded file."""

    def __init__(self, state, rules, dtype, passes=2):
        self.state = {k: v.clone() if k.endswith("_features") else v.to(dtype, copy=True) for k, v in state.items()}
        self.trained = [k for k in state if is_trained(k)]
        for name in self.trained:
            self.state[name] = self.state[name].clone().requires_grad_(True)
        self.rules = {k: float(v) for k, v in rules.items() if k not in ("distribution", "torch", "dtype")}
        self.conditional = rules["distribution"] == "conditional"
        self.passes = passes
        self.adam = torch.optim.Adam([self.state[k] for k in self.trained], lr=self.rules["lr"],
                                     weight_decay=self.rules["weight_decay"])
        self.layers = sum(k.endswith(".identity_features") for k in state)
        self.blocks = sum(k.endswith(".context_layer.bias") for k in state) // self.layers

    def linear(self, name, x):
        return torch.nn.functional.linear(x, self.state[name + ".weight"], self.state[name + ".bias"])

    def net(self, name, u, context):
        h = self.linear(name + ".initial_layer", torch.cat([u, context], 1))
        for b in range(self.blocks):
            block = f"{name}.blocks.{b}"
            t = self.linear(block + ".linear_layers.0", torch.relu(h))
            t = self.linear(block + ".linear_layers.1", torch.relu(t))
            h = h + t * torch.sigmoid(self.linear(block + ".context_layer", context))
        return self.linear(name + ".final_layer", h)

    def flow(self, x, context):
        total = torch.zeros(x.shape[0], dtype=x.dtype)
        for layer in range(self.layers):
            name = f"_transform._transforms.{2 * layer}"
            identity, transform = self.state[name + ".identity_features"], self.state[name + ".transform_features"]
            p = self.net(name + ".transform_net", x[:, identity], context)
            shift, raw = p.chunk(2, 1)
            scale = torch.sigmoid(raw + 2) + 1e-3
            y = torch.empty_like(x)
            y[:, identity] = x[:, identity]
            y[:, transform] = x[:, transform] * scale + shift
            total = total + scale.log().sum(1)
            name = f"_transform._transforms.{2 * layer + 1}"
            mean, var = y.mean(0), y.var(0)
            with torch.no_grad():
                for part, value in (("running_mean", mean), ("running_var", var)):
                    self.state[f"{name}.{part}"].mul_(0.9).add_(value * 0.1)
            weight = torch.nn.functional.softplus(self.state[name + ".unconstrained_weight"]) + 1e-5
            x = weight * (y - mean) / (var + 1e-5).sqrt() + self.state[name + ".bias"]
            total = total + (weight.log() - 0.5 * (var + 1e-5).log()).sum()
        return x, total

    def log_base(self, z, context, attributes):
        features = z.shape[1]
        constant = 0.5 * features * math.log(2 * math.pi)
        rest = z[:, attributes:]
        if not self.conditional:
            return -0.5 * (rest ** 2).sum(1) - constant
        mean, log_deviation = self.linear("_distribution._context_encoder", context).chunk(2, 1)
        mean, log_deviation = mean[:, attributes:], log_deviation[:, attributes:]
        return -0.5 * (((rest - mean) * torch.exp(-log_deviation)) ** 2).sum(1) - log_deviation.sum(1) - constant

    def step(self, w_plus, people, labels):
        """Losses [flow, identity, attributes, total], the gradients' norm, z and the gradients before clipping."""
        epoch, (images, rows, features), attributes = self.rules["epoch_index"], w_plus.shape, labels.shape[1]
        x = w_plus.reshape(-1, features)
        context = torch.eye(rows, dtype=x.dtype).repeat(images, 1)
        z, determinant = self.flow(x, context)
        latent = z.detach().reshape(w_plus.shape)
        identity = z.reshape(w_plus.shape)[..., attributes:]
        attribute = z.reshape(w_plus.shape)[..., :attributes]
        if self.passes == 2:
            z, determinant = self.flow(x, context)
        flow = -(self.log_base(z, context, attributes) + determinant).mean() / self.rules["flow_divisor"]
        same = (people[:, None] == people[None, :]).to(x.dtype)
        mean = torch.einsum("ij,jlk->ilk", same / same.sum(1, keepdim=True), identity)
        contrast = (epoch + 1) * ((identity - mean) ** 2).mean()
        likelihood = torch.zeros((), dtype=x.dtype)
        if epoch >= 30:
            sigma = self.rules["sigma0"] * self.rules["decay"] ** (epoch + 1)
            distance = (attribute - labels[:, None]) / sigma
            likelihood = (0.5 * distance ** 2 + math.log(sigma) + 0.5 * math.log(2 * math.pi)).mean()
            likelihood = likelihood / self.rules["attr_divisor"]
        total = flow + contrast + likelihood
        self.adam.zero_grad()
        total.backward()
        gradients = {k: self.state[k].grad.clone() for k in self.trained}
        norm = torch.nn.utils.clip_grad_norm_([self.state[k] for k in self.trained], self.rules["clip"])
        self.adam.step()
        return [v.item() for v in (flow, contrast, likelihood, total)], norm.item(), latent, gradients


def record(name):
    import numpy as np
    import tensor_io
    recorded, rules = tensor_io.read(os.path.join(DATA, "golden", name + ".safetensors"))
    tensors = {k: torch.from_numpy(np.array(v)) for k, v in recorded.items()}
    state = {k[5:]: v for k, v in tensors.items() if k.startswith("init/")}
    exact = {}
    for dtype in (torch.float32, torch.float64):
        training, losses, norms = Training(state, rules, dtype), [], []
        for s in range(5):
            batch = [tensors[f"step{s}/{part}"] for part in ("ws", "char_idx", "attrs_norm")]
            loss, norm, latent, gradients = training.step(batch[0].to(dtype), batch[1], batch[2].to(dtype))
            losses.append(loss)
            norms.append(norm)
            if dtype == torch.float32:
                worst = np.abs(np.array(loss) - recorded[f"step{s}/losses_flow_ident_attr_total"]).max()
                assert worst <= 1e-6 * abs(loss[3]), (name, s, worst)
                for k in state if s == 4 else []:
                    if "running_" in k:
                        assert np.abs(training.state[k].numpy() - recorded["after5/" + k]).max() <= 1e-4, (name, k)
                continue
            if s == 0:
                exact["f64/z"] = latent.numpy()
                exact.update({"f64/grad/" + k: v.numpy() for k, v in gradients.items()})
            if s in (0, 4):
                exact.update({f"f64/after{s + 1}/{k}": v.detach().numpy().copy() for k, v in training.state.items()
                              if not k.endswith("_features")})
    exact["f64/loss"], exact["f64/grad_norm"] = np.array(losses), np.array(norms)
    tensor_io.write(os.path.join(DATA, "oracle", name + ".safetensors"), exact)
    print(name, "losses in float64:", losses[0], "norms:", norms)


if __name__ == "__main__":
    for file in FILES:
        record(file)
