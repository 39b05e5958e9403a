"""A training loop with torch.autocast, torch.amp.GradScaler and channels_last on the CPU, beside `train` with the same options.

    python amp.py '{"data": "...", "amp": "bf16", "channels_last": false, "accumulate": 1, ...}'

prints as JSON the loss of every iteration (hex), the validation losses, the scales, and what differs in the run named "ours".
"""

import json
import sys

import torch
import torch.nn.functional as F
from compare_runs import compare_states
from densenet_program import AverageMeter, data_sets, of_depth

DTYPES = {"bf16": torch.bfloat16, "fp16": torch.float16, "none": torch.float32}


def main(options):
    torch.set_num_threads(1)
    torch.manual_seed(options["seed"])
    train_set, valid_set, _ = data_sets(options)
    model = of_depth(options["depth"], True, 0, options["growth_rate"])
    layout = torch.channels_last if options["channels_last"] else torch.contiguous_format
    model.to(memory_format=layout)
    train_loader = torch.utils.data.DataLoader(train_set, batch_size=options["batch_size"], shuffle=True)
    valid_loader = torch.utils.data.DataLoader(valid_set, batch_size=options["batch_size"])
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, nesterov=True, weight_decay=1e-4)
    amp, accumulate = options["amp"], options["accumulate"]
    scaler = torch.amp.GradScaler("cpu", enabled=amp == "fp16")
    narrow = lambda: torch.autocast("cpu", dtype=DTYPES[amp], enabled=amp != "none")  # noqa: E731
    losses, valid_losses, scales = [], [], []
    for _ in range(options["n_epochs"]):
        model.train()
        for index, (input, target) in enumerate(train_loader):
            with narrow():
                loss = F.cross_entropy(model(input.contiguous(memory_format=layout)), target)
            losses.append(loss.item().hex())
            scaler.scale(loss / accumulate if accumulate > 1 else loss).backward()
            if (index + 1) % accumulate == 0 or index + 1 == len(train_loader):
                if options["clip"] is not None:
                    scaler.unscale_(optimizer)
                    torch.nn.utils.clip_grad_norm_(model.parameters(), options["clip"])
                scaler.step(optimizer)
                scaler.update()
                scales.append(scaler.get_scale())
                optimizer.zero_grad()
        model.eval()
        meter = AverageMeter()
        with torch.no_grad():
            for input, target in valid_loader:
                with narrow():
                    meter.update(F.cross_entropy(model(input.contiguous(memory_format=layout)), target).item(), target.size(0))
        valid_losses.append(meter.avg)
    differences = []
    checkpoint = torch.load(options["ours"] + "/checkpoint.pth", weights_only=True)
    compared = compare_states("model", checkpoint["model"], model.state_dict(), differences)
    if checkpoint.get("scaler", {}) != scaler.state_dict():
        differences.append("scaler: %r, not %r" % (checkpoint.get("scaler"), scaler.state_dict()))
    if amp == "fp16":
        scaler.load_state_dict(checkpoint["scaler"])
    print(json.dumps({
        "losses": losses,
        "validLosses": valid_losses,
        "scales": scales,
        "compared": compared,
        "differences": differences,
    }))


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
