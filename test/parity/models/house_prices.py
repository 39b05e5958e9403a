"""The k-fold regression of the notes on a table: a dense block of linear layers, Adam, and the error of the logarithms."""
import sys
from pathlib import Path

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from digest import digests, double_bits, report

torch.set_num_threads(1)
K, EPOCHS, LR, BATCH = 5, 4, 0.05, 16


def conv_block(from_, to):
    return nn.Sequential(nn.BatchNorm1d(from_), nn.ReLU(), nn.Linear(from_, to))


class DenseBlock(nn.Module):
    def __init__(self, convs, inputs, growth):
        super().__init__()
        self.net = nn.Sequential(*(conv_block(growth * i + inputs, growth) for i in range(convs)))

    def forward(self, x):
        for block in self.net:
            x = torch.cat((x, block(x)), dim=1)
        return x


def network(columns):
    channels, growth = 32, 8
    layers = [nn.Sequential(nn.Linear(columns, 24), nn.ReLU(), nn.Linear(24, channels), nn.ReLU())]
    for i, convs in enumerate([2, 2]):
        layers.append(DenseBlock(convs, channels, growth))
        channels += convs * growth
        if i == 0:
            half = channels // 2
            layers.append(nn.Sequential(nn.BatchNorm1d(channels), nn.ReLU(), nn.Linear(channels, half), nn.ReLU()))
            channels = half
    return nn.Sequential(*layers, nn.BatchNorm1d(channels), nn.ReLU(), nn.Linear(channels, 1))


def log_rmse(net, features, labels):
    clipped = torch.clamp(net(features), 1, float("inf"))
    return torch.sqrt(nn.functional.mse_loss(torch.log(clipped), torch.log(labels))).item()


def train(net, train_set, valid_set):
    optimizer = torch.optim.Adam(net.parameters(), lr=LR, weight_decay=0)
    errors = []
    for _ in range(EPOCHS):
        for x, y in DataLoader(TensorDataset(*train_set), BATCH, shuffle=True):
            optimizer.zero_grad()
            nn.functional.mse_loss(net(x), y).backward()
            optimizer.step()
        errors.append([double_bits(log_rmse(net, *train_set)), double_bits(log_rmse(net, *valid_set))])
    return errors


features, labels = torch.load(sys.argv[1])
size = len(features) // K
torch.manual_seed(0)
folds = []
for i in range(K):
    parts = [(features[j * size : (j + 1) * size], labels[j * size : (j + 1) * size]) for j in range(K)]
    rest = [torch.cat([part[n] for j, part in enumerate(parts) if j != i]) for n in (0, 1)]
    net = network(features.shape[1])
    errors = train(net, rest, parts[i])
    folds.append({"errors": errors, "state": digests(net.state_dict())})
report(folds)
