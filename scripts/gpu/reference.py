"""The jobs of gpu-check with Python's PyTorch: see job.mjs. Takes the same JSON, prints the same lines."""
import gc
import hashlib
import json
import os
import sys
import time
from collections import OrderedDict

import torch
import torch.nn as nn
import torch.nn.functional as F

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "test", "parity", "models"))


class Layer(nn.Module):
    """A layer of torchvision's DenseNet, for machines without torchvision."""

    def __init__(self, inputs, growth=32):
        super().__init__()
        self.norm1, self.relu1 = nn.BatchNorm2d(inputs), nn.ReLU(inplace=True)
        self.conv1 = nn.Conv2d(inputs, 4 * growth, 1, bias=False)
        self.norm2, self.relu2 = nn.BatchNorm2d(4 * growth), nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(4 * growth, growth, 3, padding=1, bias=False)

    def forward(self, features):
        return self.conv2(self.relu2(self.norm2(self.conv1(self.relu1(self.norm1(torch.cat(features, 1)))))))


class Block(nn.ModuleDict):
    def __init__(self, layers, inputs):
        super().__init__({f"denselayer{i + 1}": Layer(inputs + 32 * i) for i in range(layers)})

    def forward(self, x):
        features = [x]
        for layer in self.values():
            features.append(layer(features))
        return torch.cat(features, 1)


class DenseNet121(nn.Module):
    def __init__(self):
        super().__init__()
        parts = [("conv0", nn.Conv2d(3, 64, 7, stride=2, padding=3, bias=False)), ("norm0", nn.BatchNorm2d(64)),
                 ("relu0", nn.ReLU(inplace=True)), ("pool0", nn.MaxPool2d(3, stride=2, padding=1))]
        channels = 64
        for i, layers in enumerate((6, 12, 24, 16)):
            parts.append((f"denseblock{i + 1}", Block(layers, channels)))
            channels += 32 * layers
            if i < 3:
                parts.append((f"transition{i + 1}", nn.Sequential(OrderedDict(
                    norm=nn.BatchNorm2d(channels), relu=nn.ReLU(inplace=True),
                    conv=nn.Conv2d(channels, channels // 2, 1, bias=False), pool=nn.AvgPool2d(2, 2)))))
                channels //= 2
        parts.append(("norm5", nn.BatchNorm2d(channels)))
        self.features = nn.Sequential(OrderedDict(parts))
        self.classifier = nn.Linear(channels, 1000)
        for m in self.modules():
            if isinstance(m, nn.Conv2d):
                nn.init.kaiming_normal_(m.weight)
        nn.init.zeros_(self.classifier.bias)

    def forward(self, x):
        x = F.relu(self.features(x), inplace=True)
        return self.classifier(torch.flatten(F.adaptive_avg_pool2d(x, (1, 1)), 1))


def densenet121():
    try:
        from torchvision.models import densenet121 as published
    except Exception:  # none, or one of another PyTorch
        return DenseNet121()
    return published()


def build(job):
    torch.set_num_threads(job["threads"])
    torch.use_deterministic_algorithms(job["deterministic"])
    torch.backends.cudnn.deterministic = job["deterministic"]
    torch.backends.cudnn.benchmark = job["benchmark"]
    torch.backends.cudnn.allow_tf32 = job["tf32"]
    torch.backends.cuda.matmul.allow_tf32 = job["tf32"]
    torch.manual_seed(job["seed"])
    if job["net"] == "bc":
        from cifar_densenet import of_depth

        net = of_depth(job["depth"], True, 0, job["growth"])
    else:
        net = densenet121()
    images = torch.randn(job["batch"], 3, job["side"], job["side"])
    labels = torch.randint(0, 10, (job["batch"],))
    layout = torch.channels_last if job["channelsLast"] else torch.contiguous_format
    net.to(job["device"], memory_format=layout)
    return net, images.to(job["device"], memory_format=layout), labels.to(job["device"])


def run(job):
    on_cuda = job["device"].startswith("cuda")
    kind = "cuda" if on_cuda else "cpu"
    net, images, labels = build(job)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9, nesterov=True, weight_decay=1e-4)

    def step():
        optimizer.zero_grad()
        with torch.autocast(kind, dtype=torch.bfloat16, enabled=job["amp"] == "bf16"):
            loss = F.cross_entropy(net(images), labels)
        loss.backward()
        optimizer.step()
        return loss.item()

    losses, times = [], []
    for _ in range(job["warmup"]):
        losses.append(step())
    if on_cuda:
        torch.cuda.synchronize()
        torch.cuda.reset_peak_memory_stats()
    until = time.perf_counter() + job["seconds"]
    while len(times) < job["steps"] and (len(times) < 3 or time.perf_counter() < until):
        began = time.perf_counter()
        loss = step()
        if on_cuda:
            torch.cuda.synchronize()
        times.append((time.perf_counter() - began) * 1000)
        if len(losses) < 100:
            losses.append(loss)
    digest = hashlib.sha256()
    for name, value in net.state_dict().items():
        digest.update(name.encode())
        digest.update(value.detach().cpu().contiguous().numpy().tobytes())
    return {
        "losses": losses,
        "digest": digest.hexdigest(),
        "steps": len(times),
        "medianMs": sorted(times)[len(times) // 2],
        "peakBytes": torch.cuda.max_memory_allocated() if on_cuda else None,
        "reservedBytes": torch.cuda.max_memory_reserved() if on_cuda else None,
    }


for job in json.loads(sys.argv[1]):
    try:
        outcome = run(job)
    except Exception as error:
        outcome = {"error": str(error).split("\n")[0]}
    print(json.dumps(outcome), flush=True)
    gc.collect()
    if job["device"].startswith("cuda"):
        torch.cuda.empty_cache()
