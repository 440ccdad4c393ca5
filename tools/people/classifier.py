"""ResNet18 for the nine attributes: CIFAR naming, 7x7 stride-2 stem, no max-pool, narrow; 128 px."""
from torch import nn
from torch.nn import functional as F

INPUT, WIDTHS = 128, (16, 32, 64, 128)


class BasicBlock(nn.Module):
    def __init__(self, inputs, width, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, width, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.shortcut = nn.Sequential()
        if stride != 1 or inputs != width:
            self.shortcut = nn.Sequential(nn.Conv2d(inputs, width, 1, stride, bias=False), nn.BatchNorm2d(width))

    def forward(self, x):
        y = F.relu(self.bn1(self.conv1(x)))
        return F.relu(self.bn2(self.conv2(y)) + self.shortcut(x))


class Classifier(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, WIDTHS[0], 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(WIDTHS[0])
        width = WIDTHS[0]
        for i, depth in enumerate(WIDTHS):
            layer = nn.Sequential(BasicBlock(width, depth, 1 if i == 0 else 2), BasicBlock(depth, depth, 1))
            setattr(self, f"layer{i + 1}", layer)
            width = depth
        self.linear = nn.Linear(width, 9)

    def forward(self, x):
        x = F.relu(self.bn1(self.conv1(x)))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.linear(x.mean((2, 3)))
