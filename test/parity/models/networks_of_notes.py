"""The notes' networks, written down again for networks.py."""
import torch
import torch.nn.functional as F
from torch import nn


def softmax(on):
    return [nn.Softmax(dim=1)] if on else []


class LeNet(nn.Module):
    def __init__(self, padding=0, softmax_at_end=True):
        super().__init__()
        self.conv = nn.Sequential(
            nn.Conv2d(1, 6, 5, padding=padding), nn.MaxPool2d(2), nn.Conv2d(6, 16, 5), nn.MaxPool2d(2)
        )
        self.linear = nn.Sequential(
            nn.Flatten(),
            nn.Linear(400, 120),
            nn.ReLU(),
            nn.Linear(120, 84),
            nn.ReLU(),
            nn.Linear(84, 10),
            *softmax(softmax_at_end),
        )

    def forward(self, x):
        return self.linear(self.conv(x))


def classic_lenet():
    return nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2),
        nn.Sigmoid(),
        nn.AvgPool2d(2, stride=2),
        nn.Conv2d(6, 16, 5),
        nn.Sigmoid(),
        nn.AvgPool2d(2, stride=2),
        nn.Flatten(),
        nn.Linear(400, 120),
        nn.Sigmoid(),
        nn.Linear(120, 84),
        nn.Sigmoid(),
        nn.Linear(84, 10),
    )


class AlexNet(nn.Module):
    def __init__(self, hidden=4096):
        super().__init__()
        self.conv = nn.Sequential(
            nn.Conv2d(1, 96, 11, stride=4),
            nn.ReLU(),
            nn.BatchNorm2d(96),
            nn.MaxPool2d(3, stride=2),
            nn.Conv2d(96, 256, 5, padding=2),
            nn.ReLU(),
            nn.BatchNorm2d(256),
            nn.MaxPool2d(3, stride=2),
            nn.Conv2d(256, 384, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(384, 384, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(384, 256, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(3, stride=2),
        )
        self.linear = nn.Sequential(
            nn.Flatten(),
            nn.Linear(6400, hidden),
            nn.ReLU(),
            nn.Dropout1d(0.5),
            nn.Linear(hidden, hidden),
            nn.ReLU(),
            nn.Dropout1d(0.5),
            nn.Linear(hidden, 10),
            nn.Softmax(dim=1),
        )

    def forward(self, x):
        return self.linear(self.conv(x))


def notes_vgg(arch, hidden=4096):
    blocks, channels = [], 1
    for count, outputs in arch:
        layers = []
        for _ in range(count):
            layers += [nn.Conv2d(channels, outputs, 3, padding=1), nn.ReLU()]
            channels = outputs
        blocks.append(nn.Sequential(*layers, nn.MaxPool2d(2, 2)))
    return nn.Sequential(
        *blocks,
        nn.Flatten(),
        nn.Linear(channels * 49, hidden),
        nn.ReLU(),
        nn.Dropout(0.5),
        nn.Linear(hidden, hidden),
        nn.ReLU(),
        nn.Dropout(0.5),
        nn.Linear(hidden, 10),
        nn.Softmax(dim=1),
    )


def nin():
    def block(inputs, outputs, kernel, stride, padding):
        return nn.Sequential(
            nn.Conv2d(inputs, outputs, kernel, stride, padding),
            nn.ReLU(),
            nn.Conv2d(outputs, outputs, 1),
            nn.ReLU(),
            nn.Conv2d(outputs, outputs, 1),
            nn.ReLU(),
        )

    return nn.Sequential(
        block(1, 96, 11, 4, 0),
        nn.MaxPool2d(3, stride=2),
        block(96, 256, 5, 1, 2),
        nn.MaxPool2d(3, stride=2),
        block(256, 384, 3, 1, 1),
        nn.MaxPool2d(3, stride=2),
        nn.Dropout(0.5),
        block(384, 10, 3, 1, 1),
        nn.AdaptiveAvgPool2d((1, 1)),
        nn.Flatten(),
        nn.Softmax(dim=1),
    )


class Inception(nn.Module):
    def __init__(self, inputs, c1, c2, c3, c4):
        super().__init__()
        self.p1 = nn.Sequential(nn.Conv2d(inputs, c1, 1), nn.ReLU())
        self.p2 = nn.Sequential(nn.Conv2d(inputs, c2[0], 1), nn.Conv2d(*c2, 3, padding=1), nn.ReLU())
        self.p3 = nn.Sequential(nn.Conv2d(inputs, c3[0], 1), nn.Conv2d(*c3, 5, padding=2), nn.ReLU())
        self.p4 = nn.Sequential(nn.MaxPool2d(3, stride=1, padding=1), nn.Conv2d(inputs, c4, 1), nn.ReLU())

    def forward(self, x):
        return torch.cat((self.p1(x), self.p2(x), self.p3(x), self.p4(x)), dim=1)


def notes_googlenet():
    def pool():
        return nn.MaxPool2d(3, stride=2, padding=1)

    return nn.Sequential(
        nn.Sequential(nn.Conv2d(1, 64, 7, stride=2, padding=3), nn.ReLU(), pool()),
        nn.Sequential(nn.Conv2d(64, 64, 1), nn.ReLU(), nn.Conv2d(64, 192, 3, padding=1), nn.ReLU(), pool()),
        nn.Sequential(
            Inception(192, 64, (96, 128), (16, 32), 32), Inception(256, 128, (128, 192), (32, 96), 64), pool()
        ),
        nn.Sequential(
            Inception(480, 192, (96, 208), (16, 48), 64),
            Inception(512, 160, (112, 224), (24, 64), 64),
            Inception(512, 128, (128, 256), (24, 64), 64),
            Inception(512, 112, (144, 288), (32, 64), 64),
            Inception(528, 256, (160, 320), (32, 128), 128),
            pool(),
        ),
        nn.Sequential(
            Inception(832, 256, (160, 320), (32, 128), 128),
            Inception(832, 384, (192, 384), (48, 128), 128),
            nn.AdaptiveAvgPool2d((1, 1)),
            nn.Flatten(),
            nn.Linear(1024, 10),
            nn.Softmax(dim=1),
        ),
    )


class Residual(nn.Module):
    def __init__(self, inputs, channels, halve):
        super().__init__()
        stride = 2 if halve else 1
        self.conv1 = nn.Conv2d(inputs, channels, 3, padding=1, stride=stride)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1)
        self.conv3 = nn.Conv2d(inputs, channels, 1, stride=stride) if halve else None
        self.bn1 = nn.BatchNorm2d(channels)
        self.bn2 = nn.BatchNorm2d(channels)

    def forward(self, x):
        y = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        y += x if self.conv3 is None else self.conv3(x)
        return F.relu(y)


def notes_resnet(counts):
    stem = nn.Sequential(
        nn.Conv2d(1, 64, 7, stride=2, padding=3), nn.BatchNorm2d(64), nn.ReLU(), nn.MaxPool2d(3, stride=2, padding=1)
    )
    stages, inputs = [], 64
    for stage, count in enumerate(counts):
        channels = 64 * 2**stage
        blocks = []
        for index in range(count):
            blocks.append(Residual(inputs, channels, index == 0 and stage > 0))
            inputs = channels
        stages.append(nn.Sequential(*blocks))
    return nn.Sequential(stem, *stages, nn.AdaptiveAvgPool2d((1, 1)), nn.Flatten(), nn.Linear(inputs, 10))


class DenseBlock(nn.Module):
    def __init__(self, layer, count, inputs, growth):
        super().__init__()
        self.net = nn.Sequential(*(layer(inputs + index * growth, growth) for index in range(count)))

    def forward(self, x):
        for layer in self.net:
            x = torch.cat((x, layer(x)), dim=1)
        return x


def dense_blocks(layer, transition, channels, growth, counts):
    blocks = []
    for index, count in enumerate(counts):
        blocks.append(DenseBlock(layer, count, channels, growth))
        channels += count * growth
        if index != len(counts) - 1:
            blocks.append(transition(channels, channels // 2))
            channels = channels // 2
    return blocks, channels


def notes_densenet(counts=(4, 4, 4, 4)):
    stem = nn.Sequential(
        nn.Conv2d(1, 64, 7, stride=2, padding=3), nn.BatchNorm2d(64), nn.ReLU(), nn.MaxPool2d(3, stride=2, padding=1)
    )
    blocks, channels = dense_blocks(
        lambda i, o: nn.Sequential(nn.BatchNorm2d(i), nn.ReLU(), nn.Conv2d(i, o, 3, padding=1)),
        lambda i, o: nn.Sequential(nn.BatchNorm2d(i), nn.ReLU(), nn.Conv2d(i, o, 1), nn.AvgPool2d(2, stride=2)),
        64,
        32,
        counts,
    )
    head = nn.Sequential(
        nn.BatchNorm2d(channels),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d((1, 1)),
        nn.Flatten(),
        nn.Linear(channels, 10),
        nn.Softmax(dim=1),
    )
    return nn.Sequential(stem, *blocks, head)


def dense_mlp():
    stem = nn.Sequential(nn.Linear(330, 512), nn.ReLU(), nn.Linear(512, 1024), nn.ReLU())
    blocks, channels = dense_blocks(
        lambda i, o: nn.Sequential(nn.BatchNorm1d(i), nn.ReLU(), nn.Linear(i, o)),
        lambda i, o: nn.Sequential(nn.BatchNorm1d(i), nn.ReLU(), nn.Linear(i, o), nn.ReLU()),
        1024,
        128,
        (2, 2, 2, 2),
    )
    return nn.Sequential(stem, *blocks, nn.BatchNorm1d(channels), nn.ReLU(), nn.Linear(channels, 1))
