"""The efficient_densenet_pytorch training program, written anew: the data, the loop and the logs; the network is models/cifar_densenet.py.

Run live by the parity tests with PyTorch and torchvision, beside `torchbridge train` with the same options:

    python densenet_program.py '{"data": "...", "save": "...", "depth": 40, ...}'

Deliberate differences from the original, all listed in docs/parity.md: the seed is set before everything, the number of
threads is given, and besides the original's files this leaves what the comparison needs (`losses.json`, `last.pth`).
"""

import json
import os
import sys
import time

import torch
import torch.nn.functional as F

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "models"))
from cifar_densenet import of_depth  # noqa: E402

# torchvision looks for its compiled operators when it is imported; beside a CPU build of PyTorch from another index they
# do not load, and data sets and transforms need none of them.
_library = torch.library.Library("torchvision", "DEF")
try:
    _library.define("nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    _library.define("qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
except RuntimeError:
    pass
from torchvision import datasets, transforms  # noqa: E402

MEAN = [0.49139968, 0.48215841, 0.44653091]
STDV = [0.24703223, 0.24348513, 0.26158784]


class OwnCIFAR10(datasets.CIFAR10):
    """CIFAR-10's layout with other pictures: torchvision's reader without its checksums."""

    def _check_integrity(self):
        return True

    def _load_meta(self):
        self.classes = [str(i) for i in range(10)]
        self.class_to_idx = {name: i for i, name in enumerate(self.classes)}


class AverageMeter:
    def __init__(self):
        self.val = self.avg = self.sum = self.count = 0

    def update(self, val, n=1):
        self.val = val
        self.sum += val * n
        self.count += n
        self.avg = self.sum / self.count


def run_epoch(model, loader, head, optimizer=None, log=None):
    batch_time, losses, error = AverageMeter(), AverageMeter(), AverageMeter()
    model.train(optimizer is not None)
    end = time.time()
    with torch.set_grad_enabled(optimizer is not None):
        for batch_idx, (input, target) in enumerate(loader):
            output = model(input)
            loss = F.cross_entropy(output, target)
            batch_size = target.size(0)
            _, pred = output.data.cpu().topk(1, dim=1)
            error.update(torch.ne(pred.squeeze(), target.cpu()).float().sum().item() / batch_size, batch_size)
            losses.update(loss.item(), batch_size)
            if optimizer is not None:
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
            batch_time.update(time.time() - end)
            end = time.time()
            if log is not None:
                log.append(loss.item().hex())
            print("\t".join([
                head,
                "Iter: [%d/%d]" % (batch_idx + 1, len(loader)),
                "Time %.3f (%.3f)" % (batch_time.val, batch_time.avg),
                "Loss %.4f (%.4f)" % (losses.val, losses.avg),
                "Error %.4f (%.4f)" % (error.val, error.avg),
            ]))
    return losses.avg, error.avg


def data_sets(options):
    train_transforms = transforms.Compose([
        transforms.RandomCrop(32, padding=4),
        transforms.RandomHorizontalFlip(),
        transforms.ToTensor(),
        transforms.Normalize(mean=MEAN, std=STDV),
    ])
    test_transforms = transforms.Compose([transforms.ToTensor(), transforms.Normalize(mean=MEAN, std=STDV)])
    data, valid_size = options["data"], options["valid_size"]
    train_set = OwnCIFAR10(data, train=True, transform=train_transforms)
    test_set = OwnCIFAR10(data, train=False, transform=test_transforms)
    valid_set = None
    if valid_size:
        valid_set = OwnCIFAR10(data, train=True, transform=test_transforms)
        indices = torch.randperm(len(train_set))
        train_set = torch.utils.data.Subset(train_set, indices[: len(indices) - valid_size])
        valid_set = torch.utils.data.Subset(valid_set, indices[len(indices) - valid_size :])
    return train_set, valid_set, test_set


def main(options):
    save, n_epochs = options["save"], options["n_epochs"]
    torch.set_num_threads(options["threads"])
    torch.manual_seed(options["seed"])
    train_set, valid_set, test_set = data_sets(options)
    model = of_depth(options["depth"], options["bottleneck"], options["drop_rate"], options["growth_rate"])
    print(model)
    print("Total parameters: ", sum(p.numel() for p in model.parameters()))
    os.makedirs(save, exist_ok=True)

    def loader(data_set, shuffle=False):
        return torch.utils.data.DataLoader(data_set, batch_size=options["batch_size"], shuffle=shuffle, num_workers=0)

    train_loader, test_loader = loader(train_set, shuffle=True), loader(test_set)
    valid_loader = None if valid_set is None else loader(valid_set)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, nesterov=True, weight_decay=0.0001)
    scheduler = torch.optim.lr_scheduler.MultiStepLR(optimizer, milestones=[0.5 * n_epochs, 0.75 * n_epochs], gamma=0.1)
    results, best_model = os.path.join(save, "results.csv"), os.path.join(save, "model.dat")
    with open(results, "w") as f:
        f.write("epoch,train_loss,train_error,valid_loss,valid_error,test_error\n")

    losses, best_error = [], 1
    for epoch in range(n_epochs):
        head = "Epoch: [%d/%d]" % (epoch + 1, n_epochs)
        train_loss, train_error = run_epoch(model, train_loader, head, optimizer, losses)
        scheduler.step()
        head = "Valid" if valid_loader else "Test"
        valid_loss, valid_error = run_epoch(model, valid_loader if valid_loader else test_loader, head)
        if not valid_loader:
            torch.save(model.state_dict(), best_model)
        elif valid_error < best_error:
            best_error = valid_error
            print("New best error: %.4f" % best_error)
            torch.save(model.state_dict(), best_model)
        with open(results, "a") as f:
            f.write("%03d,%.6f,%.6f,%.5f,%.5f,\n" % (epoch + 1, train_loss, train_error, valid_loss, valid_error))

    last = {"model": model.state_dict(), "optimizer": optimizer.state_dict()}
    torch.save(last, os.path.join(save, "last.pth"))
    model.load_state_dict(torch.load(best_model))
    _, test_error = run_epoch(model, test_loader, "Test")
    with open(results, "a") as f:
        f.write(",,,,,%0.5f\n" % test_error)
    print("Final test error: %.4f" % test_error)
    print("Done!")
    with open(os.path.join(save, "losses.json"), "w") as f:
        json.dump(losses, f)


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
