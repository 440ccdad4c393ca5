"""The flow of PluGeN4Faces: SimpleRealNVP with row context (keys as in nflows).

Couplings alternate even and odd coordinates; z[:, :8] are the attributes in the order ATTRS8.
"""
import math

import torch
from torch import nn
from torch.nn import functional as F

CONFIG = {"features": 128, "hidden_features": 128, "context_features": 12, "num_layers": 6,
          "num_blocks_per_layer": 2, "use_volume_preserving": False, "activation": F.relu,
          "dropout_probability": 0.0, "batch_norm_within_layers": False, "batch_norm_between_layers": True}


class ResidualBlock(nn.Module):
    def __init__(self, hidden, context):
        super().__init__()
        self.context_layer = nn.Linear(context, hidden)
        self.linear_layers = nn.ModuleList(nn.Linear(hidden, hidden) for _ in range(2))
        nn.init.uniform_(self.linear_layers[1].weight, -1e-3, 1e-3)
        nn.init.uniform_(self.linear_layers[1].bias, -1e-3, 1e-3)

    def forward(self, h, context):
        t = self.linear_layers[0](F.relu(h))
        t = self.linear_layers[1](F.relu(t))
        return h + t * torch.sigmoid(self.context_layer(context))


class TransformNet(nn.Module):
    def __init__(self, inputs, outputs, hidden, context, blocks):
        super().__init__()
        self.initial_layer = nn.Linear(inputs + context, hidden)
        self.blocks = nn.ModuleList(ResidualBlock(hidden, context) for _ in range(blocks))
        self.final_layer = nn.Linear(hidden, outputs)

    def forward(self, x, context):
        h = self.initial_layer(torch.cat([x, context], 1))
        for block in self.blocks:
            h = block(h, context)
        return self.final_layer(h)


class Coupling(nn.Module):
    def __init__(self, config, odd):
        super().__init__()
        index = torch.arange(config["features"])
        self.register_buffer("identity_features", index[index % 2 == (1 if odd else 0)])
        self.register_buffer("transform_features", index[index % 2 == (0 if odd else 1)])
        self.transform_net = TransformNet(len(self.identity_features), 2 * len(self.transform_features),
                                          config["hidden_features"], config["context_features"],
                                          config["num_blocks_per_layer"])

    def parts(self, x, context):
        u, v = x[:, self.identity_features], x[:, self.transform_features]
        shift, raw = self.transform_net(u, context).chunk(2, 1)
        return u, v, shift, torch.sigmoid(raw + 2) + 1e-3

    def join(self, u, v):
        order = torch.cat([self.identity_features, self.transform_features])
        return torch.cat([u, v], 1)[:, torch.argsort(order)]

    def forward(self, x, context):
        u, v, shift, scale = self.parts(x, context)
        return self.join(u, v * scale + shift), scale.log().sum(1)

    def inverse(self, x, context):
        u, v, shift, scale = self.parts(x, context)
        return self.join(u, (v - shift) / scale)


class BatchNorm(nn.Module):
    """One forward pass a step stands for the two of the original: running statistics move by 0.19."""
    eps, momentum = 1e-5, 0.19

    def __init__(self, features):
        super().__init__()
        self.unconstrained_weight = nn.Parameter(torch.full((features,), math.log(math.exp(1 - 1e-5) - 1)))
        self.bias = nn.Parameter(torch.zeros(features))
        self.register_buffer("running_mean", torch.zeros(features))
        self.register_buffer("running_var", torch.zeros(features))

    @property
    def weight(self):
        return F.softplus(self.unconstrained_weight) + self.eps

    def forward(self, x, context):
        mean, var = self.running_mean, self.running_var
        if self.training:
            mean, var = x.mean(0), x.var(0)
            self.running_mean.lerp_(mean.detach(), self.momentum)
            self.running_var.lerp_(var.detach(), self.momentum)
        y = self.weight * (x - mean) / torch.sqrt(var + self.eps) + self.bias
        return y, (self.weight.log() - 0.5 * torch.log(var + self.eps)).sum()

    def inverse(self, y, context):
        return torch.sqrt(self.running_var + self.eps) * (y - self.bias) / self.weight + self.running_mean


class Composite(nn.Module):
    def __init__(self, config):
        super().__init__()
        layers = []
        for i in range(config["num_layers"]):
            layers += [Coupling(config, i % 2 == 1), BatchNorm(config["features"])]
        self._transforms = nn.ModuleList(layers)


class Flow(nn.Module):
    def __init__(self, config=CONFIG):
        super().__init__()
        self._transform = Composite(config)
        self.rows = config["context_features"]

    def context(self, batch):
        return torch.eye(self.rows).repeat(batch, 1)

    def forward(self, w_plus):
        """[B,12,128] -> z [B,12,128], logabsdet [B*12]"""
        batch = len(w_plus)
        x, context, total = w_plus.reshape(-1, w_plus.shape[-1]), self.context(batch), 0
        for layer in self._transform._transforms:
            x, logdet = layer(x, context)
            total = total + logdet
        return x.view_as(w_plus), total

    def inverse(self, z):
        x, context = z.reshape(-1, z.shape[-1]), self.context(len(z))
        for layer in reversed(self._transform._transforms):
            x = layer.inverse(x, context)
        return x.view_as(z)
