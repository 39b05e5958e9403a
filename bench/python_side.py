"""The other side of the benchmarks: the same cases in PyTorch. See node-side.mjs."""

import os
import sys
import time

import torch
import torch.nn.functional as F

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "test", "parity", "models"))
from cifar_densenet import of_depth  # noqa: E402


def dispatch_cases():
    a, b, leaf = torch.tensor([1.0]), torch.tensor([2.0]), torch.tensor([1.0], requires_grad=True)
    x, w, weight = torch.randn(1, 3, 8, 8), torch.randn(4, 3, 3, 3), torch.randn(4, 3, 3, 3, requires_grad=True)
    plain = {"add": lambda: a.add(b), "relu": lambda: a.relu(), "view": lambda: a.view(1, 1), "cat": lambda: torch.cat([a, b]), "conv2d": lambda: F.conv2d(x, w, None, 1, 1)}
    grad = {"add": lambda: leaf.add(b), "relu": lambda: leaf.relu(), "view": lambda: leaf.view(1, 1), "cat": lambda: torch.cat([leaf, b]), "conv2d": lambda: F.conv2d(x, weight, None, 1, 1)}

    def loop(fn, recording):
        def run(n):
            with torch.set_grad_enabled(recording):
                for _ in range(n):
                    fn()

        return run

    cases = {f"{name} noGrad": loop(fn, False) for name, fn in plain.items()}
    cases.update({f"{name} grad": loop(fn, True) for name, fn in grad.items()})
    return cases


def step_case(depth):
    state = {}

    def run(n):
        if not state:
            state["model"] = of_depth(depth, bottleneck=True)
            state["optimizer"] = torch.optim.SGD(state["model"].parameters(), lr=0.1, momentum=0.9, nesterov=True, weight_decay=1e-4)
            state["batch"] = torch.randn(64, 3, 32, 32), torch.randint(0, 10, (64,))
        model, optimizer = state["model"], state["optimizer"]
        inputs, target = state["batch"]
        for _ in range(n):
            loss = F.cross_entropy(model(inputs), target)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()

    return run


CASES = {**dispatch_cases(), "step BC-40": step_case(40), "step BC-100": step_case(100)}

for line in sys.stdin:
    name, iterations, threads = line.rstrip("\n").split("\t")
    torch.set_num_threads(int(threads))
    start = time.perf_counter_ns()
    CASES[name](int(iterations))
    print((time.perf_counter_ns() - start) / int(iterations), flush=True)
