"""
The network of the efficient_densenet_pytorch script in plain modules, for comparison: same layers, same names, same
order of construction and of initialisation. Without a bottleneck a layer is BN, ReLU, 3x3 convolution.
"""
import math

import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint


class _DenseLayer(nn.Module):
    def __init__(self, inputs, growth, bn_size, drop_rate, bottleneck, efficient):
        super().__init__()
        self.norm1 = nn.BatchNorm2d(inputs)
        self.relu1 = nn.ReLU(inplace=True)
        if bottleneck:
            self.conv1 = nn.Conv2d(inputs, bn_size * growth, kernel_size=1, stride=1, bias=False)
            self.norm2 = nn.BatchNorm2d(bn_size * growth)
            self.relu2 = nn.ReLU(inplace=True)
            self.conv2 = nn.Conv2d(bn_size * growth, growth, kernel_size=3, stride=1, padding=1, bias=False)
        else:
            self.conv1 = nn.Conv2d(inputs, growth, kernel_size=3, stride=1, padding=1, bias=False)
        self.bottleneck = bottleneck
        self.drop_rate = drop_rate
        self.efficient = efficient

    def joined(self, *features):
        return self.conv1(self.relu1(self.norm1(torch.cat(features, 1))))

    def forward(self, *features):
        if self.efficient and any(feature.requires_grad for feature in features):
            out = checkpoint(self.joined, *features, use_reentrant=True)
        else:
            out = self.joined(*features)
        if self.bottleneck:
            out = self.conv2(self.relu2(self.norm2(out)))
        if self.drop_rate > 0:
            out = F.dropout(out, p=self.drop_rate, training=self.training)
        return out


class _Transition(nn.Sequential):
    def __init__(self, inputs, outputs):
        super().__init__()
        self.add_module("norm", nn.BatchNorm2d(inputs))
        self.add_module("relu", nn.ReLU(inplace=True))
        self.add_module("conv", nn.Conv2d(inputs, outputs, kernel_size=1, stride=1, bias=False))
        self.add_module("pool", nn.AvgPool2d(kernel_size=2, stride=2))


class _DenseBlock(nn.Module):
    def __init__(self, layers, inputs, **options):
        super().__init__()
        for index in range(layers):
            layer = _DenseLayer(inputs + index * options["growth"], **options)
            self.add_module(f"denselayer{index + 1}", layer)

    def forward(self, x):
        features = [x]
        for _, layer in self.named_children():
            features.append(layer(*features))
        return torch.cat(features, 1)


class DenseNet(nn.Module):
    def __init__(
        self,
        growth_rate=12,
        block_config=(16, 16, 16),
        compression=0.5,
        num_init_features=24,
        bn_size=4,
        drop_rate=0,
        num_classes=10,
        small_inputs=True,
        bottleneck=True,
        efficient=False,
    ):
        super().__init__()
        self.features = nn.Sequential()
        if small_inputs:
            first = nn.Conv2d(3, num_init_features, kernel_size=3, stride=1, padding=1, bias=False)
            self.features.add_module("conv0", first)
        else:
            first = nn.Conv2d(3, num_init_features, kernel_size=7, stride=2, padding=3, bias=False)
            self.features.add_module("conv0", first)
            self.features.add_module("norm0", nn.BatchNorm2d(num_init_features))
            self.features.add_module("relu0", nn.ReLU(inplace=True))
            self.features.add_module("pool0", nn.MaxPool2d(kernel_size=3, stride=2, padding=1, ceil_mode=False))
        channels = num_init_features
        for index, layers in enumerate(block_config):
            options = {"growth": growth_rate, "bn_size": bn_size, "drop_rate": drop_rate, "bottleneck": bottleneck}
            block = _DenseBlock(layers, channels, efficient=efficient, **options)
            self.features.add_module(f"denseblock{index + 1}", block)
            channels += layers * growth_rate
            if index != len(block_config) - 1:
                self.features.add_module(f"transition{index + 1}", _Transition(channels, int(channels * compression)))
                channels = int(channels * compression)
        self.features.add_module("norm_final", nn.BatchNorm2d(channels))
        self.classifier = nn.Linear(channels, num_classes)

        for name, parameter in self.named_parameters():
            if "conv" in name and "weight" in name:
                n = parameter.size(0) * parameter.size(2) * parameter.size(3)
                parameter.data.normal_().mul_(math.sqrt(2.0 / n))
            elif "norm" in name and "weight" in name:
                parameter.data.fill_(1)
            elif "norm" in name and "bias" in name:
                parameter.data.fill_(0)
            elif "classifier" in name and "bias" in name:
                parameter.data.fill_(0)

    def forward(self, x):
        out = F.relu(self.features(x), inplace=True)
        out = F.adaptive_avg_pool2d(out, (1, 1))
        return self.classifier(torch.flatten(out, 1))


def of_depth(depth, bottleneck, drop_rate=0.0, growth_rate=12):
    layers = (depth - 4) // (6 if bottleneck else 3)
    return DenseNet(
        growth_rate=growth_rate,
        block_config=(layers, layers, layers),
        compression=0.5 if bottleneck else 1.0,
        num_init_features=2 * growth_rate if bottleneck else 16,
        drop_rate=drop_rate,
        bottleneck=bottleneck,
    )
