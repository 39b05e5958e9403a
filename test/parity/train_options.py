"""A training loop with the options that people expect, beside `train` with the same options.

    python train_options.py '{"data": "...", "save": "model.pth", "optimizer": "AdamW", ...}'

prints as JSON the loss of every iteration (hex), the learning rates, and the validation losses.
"""

import json
import sys

import torch
import torch.nn.functional as F
from densenet_program import AverageMeter, data_sets, of_depth
from torch.optim import lr_scheduler
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn


def schedule_of(name, optimizer, options, steps_per_epoch):
    n_epochs, warmup = options["n_epochs"], options.get("warmup_epochs", 0)
    if name == "plateau":
        return lr_scheduler.ReduceLROnPlateau(optimizer, factor=0.1, patience=options["patience"])
    if name == "one-cycle":
        return lr_scheduler.OneCycleLR(optimizer, max_lr=options["kwargs"]["lr"], total_steps=n_epochs * steps_per_epoch)
    warm = lr_scheduler.LinearLR(optimizer, start_factor=0.01, total_iters=warmup * steps_per_epoch)
    main = lr_scheduler.CosineAnnealingLR(optimizer, T_max=(n_epochs - warmup) * steps_per_epoch, eta_min=0)
    return lr_scheduler.SequentialLR(optimizer, [warm, main], milestones=[warmup * steps_per_epoch])


def main(options):
    torch.set_num_threads(1)
    torch.manual_seed(options["seed"])
    train_set, valid_set, _ = data_sets(options)
    model = of_depth(options["depth"], True, 0, options["growth_rate"])
    train_loader = torch.utils.data.DataLoader(train_set, batch_size=options["batch_size"], shuffle=True)
    valid_loader = torch.utils.data.DataLoader(valid_set, batch_size=options["batch_size"])
    optimizer = getattr(torch.optim, options["optimizer"])(model.parameters(), **options["kwargs"])
    accumulate, name = options.get("accumulate", 1), options["schedule"]
    schedule = schedule_of(name, optimizer, options, -(-len(train_loader) // accumulate))
    ema = options.get("ema")
    averaged = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(ema), use_buffers=True) if ema else None
    losses, rates, valid_losses = [], [], []
    for _ in range(options["n_epochs"]):
        model.train()
        for index, (input, target) in enumerate(train_loader):
            rates.append(optimizer.param_groups[0]["lr"])
            loss = F.cross_entropy(model(input), target, label_smoothing=options.get("label_smoothing", 0.0))
            losses.append(loss.item().hex())
            (loss / accumulate).backward()
            if (index + 1) % accumulate == 0 or index + 1 == len(train_loader):
                if "clip" in options:
                    torch.nn.utils.clip_grad_norm_(model.parameters(), options["clip"])
                optimizer.step()
                optimizer.zero_grad()
                if averaged is not None:
                    averaged.update_parameters(model)
                if name != "plateau":
                    schedule.step()
        kept = model if averaged is None else averaged.module
        kept.eval()
        meter = AverageMeter()
        with torch.no_grad():
            for input, target in valid_loader:
                meter.update(F.cross_entropy(kept(input), target).item(), target.size(0))
        valid_losses.append(meter.avg)
        if name == "plateau":
            schedule.step(meter.avg)
    torch.save({"model": model.state_dict(), "averaged": None if averaged is None else averaged.state_dict()}, options["save"])
    print(json.dumps({"losses": losses, "rates": rates, "validLosses": valid_losses}))


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
