"""Training on folders of pictures as torchvision's reference program does, beside `train` with the same options.

    python train_folder.py '{"data": "...", "save": "model.pth", ...}'

The pictures are PIL's, random parts and mirrors are drawn by a worker of PyTorch's loader. Prints as JSON the loss of every
iteration (hex), the learning rates, and the validation losses.
"""

import json
import sys

import torch
import torch.nn.functional as F
from densenet_program import AverageMeter, datasets, transforms
from cifar_densenet import DenseNet
from torch.optim import lr_scheduler

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def prepared(options):
    """The pictures to train on, those to validate on, and the network."""
    ready = [transforms.ToTensor(), transforms.Normalize(MEAN, STD)]
    train_transforms = [transforms.RandomResizedCrop(options["crop"]), transforms.RandomHorizontalFlip(), *ready]
    valid_transforms = [transforms.Resize(options["resize"]), transforms.CenterCrop(options["crop"]), *ready]
    train_set = datasets.ImageFolder(options["data"] + "/train", transforms.Compose(train_transforms))
    valid_set = datasets.ImageFolder(options["data"] + "/val", transforms.Compose(valid_transforms))
    network = DenseNet(
        growth_rate=4,
        block_config=(1, 1, 1),
        compression=0.5,
        num_init_features=8,
        drop_rate=options["drop_rate"],
        num_classes=len(train_set.classes),
    )
    return train_set, valid_set, network


def validated(net, loader):
    """The mean loss over the pictures of a loader."""
    net.eval()
    meter = AverageMeter()
    with torch.no_grad():
        for input, target in loader:
            meter.update(F.cross_entropy(net(input), target).item(), target.size(0))
    return meter.avg


def main(options):
    torch.set_num_threads(1)
    torch.manual_seed(options["seed"])
    train_set, valid_set, model = prepared(options)
    batch_size = options["batch_size"]
    train_loader = torch.utils.data.DataLoader(train_set, batch_size=batch_size, shuffle=True, num_workers=1)
    valid_loader = torch.utils.data.DataLoader(valid_set, batch_size=batch_size)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, nesterov=True, weight_decay=1e-4)
    warm, steps = options["warmup_steps"], options["n_epochs"] * len(train_loader)
    schedules = [
        lr_scheduler.LinearLR(optimizer, start_factor=0.01, total_iters=warm),
        lr_scheduler.CosineAnnealingLR(optimizer, T_max=steps - warm, eta_min=0),
    ]
    schedule = lr_scheduler.SequentialLR(optimizer, schedules, milestones=[warm])
    losses, rates, valid_losses = [], [], []
    for _ in range(options["n_epochs"]):
        model.train()
        for input, target in train_loader:
            rates.append(optimizer.param_groups[0]["lr"])
            loss = F.cross_entropy(model(input), target)
            losses.append(loss.item().hex())
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
        valid_losses.append(validated(model, valid_loader))
    torch.save(model.state_dict(), options["save"])
    print(json.dumps({"losses": losses, "rates": rates, "validLosses": valid_losses}))


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
