"""The jobs of gpu-check with Python's PyTorch: see job.mjs. Takes the same JSON, prints the same JSON."""
import hashlib
import json
import os
import sys
import time

import torch
import torch.nn.functional as F

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "test", "parity", "models"))

job = json.loads(sys.argv[1])
on_cuda = job["device"].startswith("cuda")
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
    from torchvision.models import densenet121

    net = densenet121()
images = torch.randn(job["batch"], 3, job["side"], job["side"])
labels = torch.randint(0, 10, (job["batch"],))
layout = torch.channels_last if job["channelsLast"] else torch.contiguous_format
net.to(job["device"], memory_format=layout)
images = images.to(job["device"], memory_format=layout)
labels = labels.to(job["device"])
optimizer = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9, nesterov=True, weight_decay=1e-4)
kind = "cuda" if on_cuda else "cpu"


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
for _ in range(job["steps"]):
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
print(json.dumps({
    "losses": losses,
    "digest": digest.hexdigest(),
    "medianMs": sorted(times)[len(times) // 2],
    "peakBytes": torch.cuda.max_memory_allocated() if on_cuda else None,
    "torch": torch.__version__,
    "device": torch.cuda.get_device_name() if on_cuda else "cpu",
}))
