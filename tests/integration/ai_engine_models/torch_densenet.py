"""DenseNet-121 in PyTorch with torchvision's names, written from the publication's table 1."""

from typing import Any

import torch
from torch import nn
from torch.nn import functional

BLOCKS = (6, 12, 24, 16)


class DenseLayer(nn.Module):  # type: ignore[misc]  # PyTorch is untyped here
    """Bottleneck and 3 x 3 convolution; adds 32 channels."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm1 = nn.BatchNorm2d(channels)
        self.conv1 = nn.Conv2d(channels, 128, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(128)
        self.conv2 = nn.Conv2d(128, 32, 3, padding=1, bias=False)

    def forward(self, x: Any) -> Any:
        y = self.conv1(functional.relu(self.norm1(x)))
        return torch.cat([x, self.conv2(functional.relu(self.norm2(y)))], 1)


def transition(channels: int) -> nn.Sequential:
    """Half the channels, half the map."""
    result = nn.Sequential()
    result.add_module("norm", nn.BatchNorm2d(channels))
    result.add_module("relu", nn.ReLU())
    result.add_module("conv", nn.Conv2d(channels, channels // 2, 1, bias=False))
    result.add_module("pool", nn.AvgPool2d(2))
    return result


class DenseNet(nn.Module):  # type: ignore[misc]  # PyTorch is untyped here
    """Input (n, channels, h, w); output: logits (n, labels)."""

    def __init__(self, *, labels: int, channels: int, sequential_head: bool = False) -> None:
        super().__init__()
        self.features = nn.Sequential()
        self.features.add_module("conv0", nn.Conv2d(channels, 64, 7, 2, 3, bias=False))
        self.features.add_module("norm0", nn.BatchNorm2d(64))
        self.features.add_module("relu0", nn.ReLU())
        self.features.add_module("pool0", nn.MaxPool2d(3, 2, 1))
        width = 64
        for block, depth in enumerate(BLOCKS, start=1):
            layers = nn.Sequential()
            for index in range(1, depth + 1):
                layers.add_module(f"denselayer{index}", DenseLayer(width))
                width += 32
            self.features.add_module(f"denseblock{block}", layers)
            if block < len(BLOCKS):
                self.features.add_module(f"transition{block}", transition(width))
                width //= 2
        self.features.add_module("norm5", nn.BatchNorm2d(width))
        head = nn.Linear(width, labels)
        self.classifier = nn.Sequential(head, nn.Sigmoid()) if sequential_head else head

    def forward(self, x: Any) -> Any:
        return self.classifier(functional.relu(self.features(x)).mean((2, 3)))


class Wrapped(nn.Module):  # type: ignore[misc]  # PyTorch is untyped here
    """As CheXNet's checkpoint holds it: ``module.densenet121.…``, a sigmoid in the head."""

    def __init__(self, network: DenseNet) -> None:
        super().__init__()
        self.module = nn.Module()
        self.module.densenet121 = network


def randomized(network: DenseNet, seed: int) -> DenseNet:
    """Random weights and moments that keep the values in range."""
    generator = torch.Generator().manual_seed(seed)
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            nn.init.kaiming_normal_(module.weight, generator=generator)
        if isinstance(module, nn.BatchNorm2d):
            for tensor, low, high in (
                (module.weight, 0.7, 1.3),
                (module.bias, -0.2, 0.2),
                (module.running_mean, -0.2, 0.2),
                (module.running_var, 0.7, 1.3),
            ):
                nn.init.uniform_(tensor, low, high, generator=generator)
    network.eval()
    return network
