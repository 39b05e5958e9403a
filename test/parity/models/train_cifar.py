"""Three steps of training on drawn pictures; prints digests of all state after each."""
import json
import sys
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from cifar_densenet import of_depth
from digest import digest, digests, report

case = json.loads(sys.argv[1])
torch.set_num_threads(case["threads"])
torch.manual_seed(case["seed"])
model = of_depth(case["depth"], case["bottleneck"], case["dropRate"])
optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, nesterov=True, weight_decay=1e-4)
result = {"print": str(model), "init": digests(model.state_dict()), "steps": []}
for _ in range(3):
    images = torch.randn(case["batch"], 3, 32, 32)
    labels = torch.randint(0, 10, (case["batch"],))
    logits = model(images)
    loss = torch.nn.functional.cross_entropy(logits, labels)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    result["steps"].append(
        {
            "images": digest(images),
            "logits": digest(logits),
            "loss": digest(loss),
            "gradients": digests((name, p.grad) for name, p in model.named_parameters()),
            "state": digests(model.state_dict()),
            "buffers": digests((name, optimizer.state[p]["momentum_buffer"]) for name, p in model.named_parameters()),
        }
    )
model.eval()
with torch.no_grad():
    result["evaluated"] = digest(model(torch.randn(4, 3, 32, 32)))
result["next draw"] = digest(torch.rand(4))
report(result)
