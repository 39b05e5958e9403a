"""A DenseNet of torchvision: its initialisation, one training pass and one evaluation, as digests."""
import json
import sys
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from digest import digest, digests, report
from with_torchvision import torchvision

case = json.loads(sys.argv[1])
torch.set_num_threads(case["threads"])
torch.manual_seed(case["seed"])
model = getattr(torchvision.models, case["name"])(drop_rate=case["dropRate"])
images = torch.randn(2, 3, 64, 64)
labels = torch.randint(0, 1000, (2,))
state = model.state_dict()
result = {
    "print": str(model),
    "versions": {path: dict(entry) for path, entry in state._metadata.items()},
    "init": digests(state),
}
logits = model(images)
loss = torch.nn.functional.cross_entropy(logits, labels)
loss.backward()
result["logits"] = digest(logits)
result["loss"] = digest(loss)
result["gradients"] = digests((name, p.grad) for name, p in model.named_parameters())
result["state"] = digests(model.state_dict())
model.eval()
with torch.no_grad():
    result["evaluated"] = digest(model(images))
report(result)
