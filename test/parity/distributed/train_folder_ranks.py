"""Training on folders of pictures by several processes, launched by torchrun, beside `train --nproc` with the same options.

    torchrun --nproc-per-node 2 train_folder_ranks.py '{"data": "...", "save": "theirs", ...}'

DistributedDataParallel, DistributedSampler and a DataLoader with one worker on PIL's pictures. Rank 0 writes `theirs.pth`, and as
`theirs.json` the mean loss of every iteration (hex), the learning rates and the validation losses.
"""

import json
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

import torch
import torch.distributed as dist
import torch.nn.functional as F
from train_folder import prepared, validated


def main(options):
    torch.set_num_threads(1)
    dist.init_process_group("gloo")
    rank, size = dist.get_rank(), dist.get_world_size()
    torch.manual_seed(options["seed"])
    train_set, valid_set, net = prepared(options)
    model = torch.nn.parallel.DistributedDataParallel(net)
    # Each rank augments in its own way.
    if rank > 0:
        torch.manual_seed(options["seed"] + rank)
    batch_size = options["batch_size"]
    sampler = torch.utils.data.DistributedSampler(train_set, seed=options["seed"])
    train_loader = torch.utils.data.DataLoader(train_set, batch_size=batch_size, sampler=sampler, num_workers=1)
    valid_loader = torch.utils.data.DataLoader(valid_set, batch_size=batch_size)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, nesterov=True, weight_decay=1e-4)
    # Gradients are averaged before they are unscaled: all ranks find the same infinities.
    amp = options.get("amp") == "fp16"
    scaler = torch.amp.GradScaler("cpu", init_scale=65536.0, enabled=amp)
    narrow = lambda: torch.autocast("cpu", dtype=torch.float16, enabled=amp)  # noqa: E731
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=options["n_epochs"], eta_min=0)
    losses, rates, valid_losses, scales = [], [], [], []
    for epoch in range(options["n_epochs"]):
        sampler.set_epoch(epoch)
        model.train()
        for input, target in train_loader:
            rates.append(optimizer.param_groups[0]["lr"])
            with narrow():
                loss = F.cross_entropy(model(input), target)
            mean = torch.tensor(loss.item(), dtype=torch.float64)
            dist.all_reduce(mean)
            losses.append((mean / size).float().item().hex())
            optimizer.zero_grad()
            scaler.scale(loss).backward()
            scaler.step(optimizer)
            scaler.update()
            scales.append(scaler.get_scale())
        schedule.step()
        # All validate the network of rank 0, its running statistics included.
        for buffer in net.buffers():
            dist.broadcast(buffer, 0)
        with narrow():
            valid_losses.append(validated(net, valid_loader))
    if rank == 0:
        torch.save(net.state_dict(), options["save"] + ".pth")
        with open(options["save"] + ".json", "w") as file:
            json.dump({"losses": losses, "rates": rates, "validLosses": valid_losses, "scales": scales}, file)
    dist.barrier()
    dist.destroy_process_group()


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
