"""torchvision's transforms on tensors (version 1, MixUp and CutMix of version 2): digests over many seeds, and the generator's next number."""
import json
import sys
from pathlib import Path

import torch

sys.path[:0] = [str(Path(__file__).resolve().parents[1]), str(Path(__file__).resolve().parents[1] / "models")]
from digest import digest, report
from with_torchvision import torchvision  # noqa: F401
from torchvision import transforms as T
from torchvision.transforms import functional as F
from torchvision.transforms import v2
from torchvision.transforms.autoaugment import AutoAugmentPolicy

torch.set_num_threads(1)
NEAREST, BILINEAR, BICUBIC = T.InterpolationMode.NEAREST, T.InterpolationMode.BILINEAR, T.InterpolationMode.BICUBIC
EXACT = T.InterpolationMode.NEAREST_EXACT


def pictures():
    torch.manual_seed(123)
    colour = torch.randint(0, 256, (3, 37, 45), dtype=torch.uint8)
    grey = torch.randint(0, 256, (1, 28, 28), dtype=torch.uint8)
    # Flat areas, as pictures have: equal channels and one value over all of a channel.
    flat = torch.stack([colour[0] // 64 * 64, colour[0] // 64 * 64, torch.full((37, 45), 7, dtype=torch.uint8)])
    batch = torch.randint(0, 256, (4, 3, 32, 32), dtype=torch.uint8)
    return {"colour": colour, "grey": grey, "flat": flat, "batch": batch, "floats": colour.float().div(255),
            "doubles": batch.double().div(255), "grey floats": grey.float().div(255)}


CASES = {
    "resize": lambda: T.Resize(24),
    "resize both": lambda: T.Resize((50, 20)),
    "resize most": lambda: T.Resize(30, max_size=33),
    "resize bicubic": lambda: T.Resize((60, 60), interpolation=BICUBIC),
    "resize small bicubic": lambda: T.Resize((11, 13), interpolation=BICUBIC),
    "resize plain": lambda: T.Resize((11, 13), antialias=False),
    "resize nearest": lambda: T.Resize((51, 13), interpolation=NEAREST),
    "resize exact": lambda: T.Resize((51, 13), interpolation=EXACT),
    "center": lambda: T.CenterCrop((21, 24)),
    "center large": lambda: T.CenterCrop((43, 48)),
    "center mixed": lambda: T.CenterCrop((20, 60)),
    "pad": lambda: T.Pad(3, fill=9),
    "pad sides": lambda: T.Pad((1, 2, 3, 4)),
    "pad edge": lambda: T.Pad((5, 3), padding_mode="edge"),
    "pad reflect": lambda: T.Pad((5, 3), padding_mode="reflect"),
    "pad symmetric": lambda: T.Pad((5, 3, 0, 2), padding_mode="symmetric"),
    "gray": lambda: T.Grayscale(),
    "gray 3": lambda: T.Grayscale(3),
    "random gray": lambda: T.RandomGrayscale(0.5),
    "hflip": lambda: T.RandomHorizontalFlip(),
    "vflip": lambda: T.RandomVerticalFlip(0.3),
    "crop": lambda: T.RandomCrop(20, padding=4),
    "crop reflect": lambda: T.RandomCrop((30, 26), padding=(3, 5), padding_mode="reflect"),
    "crop needed": lambda: T.RandomCrop((40, 50), pad_if_needed=True, fill=3),
    "resized crop": lambda: T.RandomResizedCrop(24),
    "resized crop bicubic": lambda: T.RandomResizedCrop((30, 20), scale=(0.3, 0.9), ratio=(0.5, 2.0), interpolation=BICUBIC),
    "resized crop never": lambda: T.RandomResizedCrop(16, scale=(2.0, 3.0), ratio=(0.2, 0.3)),
    "resized crop wide": lambda: T.RandomResizedCrop(16, scale=(2.0, 3.0), ratio=(3.0, 5.0)),
    "jitter": lambda: T.ColorJitter(0.4, 0.4, 0.4, 0.1),
    "jitter hue": lambda: T.ColorJitter(hue=0.5),
    "jitter ranges": lambda: T.ColorJitter(brightness=(0.5, 2.0), contrast=1.5, saturation=(0.0, 0.0), hue=(-0.2, 0.4)),
    "jitter none": lambda: T.ColorJitter(),
    "rotation": lambda: T.RandomRotation(30),
    "rotation bilinear": lambda: T.RandomRotation((10, 80), interpolation=BILINEAR, fill=100),
    "rotation expand": lambda: T.RandomRotation(45, interpolation=BILINEAR, expand=True, fill=0.5),
    "rotation center": lambda: T.RandomRotation(180, center=(3, 7), expand=True),
    "erasing": lambda: T.RandomErasing(),
    "erasing noise": lambda: T.RandomErasing(0.9, value="random"),
    "erasing value": lambda: T.RandomErasing(1.0, scale=(0.1, 0.5), ratio=(0.5, 2.0), value=0.25),
    "erasing never": lambda: T.RandomErasing(1.0, scale=(1.0, 1.0), ratio=(0.01, 0.02)),
    "cifar10": lambda: T.AutoAugment(AutoAugmentPolicy.CIFAR10),
    "imagenet": lambda: T.AutoAugment(),
    "svhn": lambda: T.AutoAugment(AutoAugmentPolicy.SVHN, interpolation=BILINEAR, fill=128),
    "compose": lambda: T.Compose([T.Resize(40), T.RandomCrop(32, padding=2), T.RandomHorizontalFlip(),
                                  T.ColorJitter(0.2, 0.2, 0.2, 0.1), T.RandomErasing()]),
    "lambda": lambda: T.Lambda(lambda x: x.flip(-1) // 2),
}


def one(make, picture, seeds):
    made = []
    for seed in range(seeds):
        torch.manual_seed(seed)
        try:
            made.append(digest(make()(picture)))
        except Exception as error:  # what torchvision refuses is to be refused
            made.append("error")
        made.append(torch.rand(1).item())
    return made


def functional(x):
    """Every function with numbers of its own."""
    calls = [lambda f=f: F.adjust_brightness(x, f) for f in (0.0, 0.7, 1.0, 1.9)]
    calls += [lambda f=f: F.adjust_contrast(x, f) for f in (0.0, 0.3, 1.0, 2.5)]
    calls += [lambda f=f: F.adjust_saturation(x, f) for f in (0.0, 0.3, 1.0, 2.5)]
    calls += [lambda f=f: F.adjust_hue(x, f) for f in (-0.5, -0.13, 0.0, 0.31, 0.5)]
    calls += [lambda f=f: F.adjust_sharpness(x, f) for f in (0.0, 0.5, 1.0, 1.8)]
    calls += [lambda: F.invert(x), lambda: F.autocontrast(x), lambda: F.equalize(x), lambda: F.solarize(x, 0.4), lambda: F.solarize(x, 128)]
    calls += [lambda b=b: F.posterize(x, b) for b in (0, 1, 4, 8)]
    calls += [lambda: F.crop(x, -3, 5, 20, 60), lambda: F.crop(x, 30, 40, 20, 20), lambda: F.rotate(x, 33.3), lambda: F.hflip(x), lambda: F.vflip(x)]
    made = []
    for call in calls:
        try:
            made.append(digest(call()))
        except Exception:
            made.append("error")
    return made


def other_types(x):
    """What torchvision makes of pictures in other dtypes, as doubles; `error` for what it refuses."""
    made = []
    for dtype in (torch.float16, torch.bfloat16, torch.float64, torch.int16, torch.int32, torch.int64, torch.bool):
        y = x.double().div(255).to(dtype) if dtype.is_floating_point else x.to(dtype)
        bound = 0.5 if dtype.is_floating_point else 128
        calls = [lambda: T.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])(y), lambda: F.adjust_hue(y, -0.2), lambda: F.invert(y),
                 lambda: F.solarize(y, bound), lambda: F.autocontrast(y), lambda: F.adjust_brightness(y, 1.3),
                 lambda: F.adjust_contrast(y, 1.3), lambda: F.adjust_sharpness(y, 1.7), lambda: T.Resize((9, 11))(y)]
        for call in calls:
            try:
                z = call()
                made.append([str(z.dtype)[6:], digest(z.double())])
            except Exception:
                made.append("error")
    return made


def crops(x):
    return [[digest(each) for each in made(x)] for made in (T.FiveCrop((20, 22)), T.TenCrop(24), T.TenCrop((9, 12), vertical_flip=True))]


def mixes(x, seeds):
    made = []
    labels = torch.tensor([1, 0, 3, 2])
    kinds = [v2.MixUp(num_classes=5), v2.MixUp(alpha=0.2, num_classes=4), v2.CutMix(num_classes=5), v2.CutMix(alpha=0.4), v2.MixUp()]
    for i, mix in enumerate(kinds):
        target = labels if mix.num_classes else torch.nn.functional.one_hot(labels, 6).double()
        for seed in range(seeds):
            torch.manual_seed(seed)
            made.append([*map(digest, mix(x, target)), torch.rand(1).item()])
    return made


PICTURES = {
    "resized crop": lambda: [T.RandomResizedCrop(24, interpolation=BICUBIC), T.RandomHorizontalFlip(), T.RandomVerticalFlip()],
    "borders": lambda: [T.Pad((2, 5), padding_mode="reflect"), T.Pad((60, 1, 3, 60), padding_mode="symmetric"), T.Pad(1, fill=77),
                        T.RandomCrop((60, 64), padding=(3, 0, 1, 2), padding_mode="edge")],
    "needed": lambda: [T.RandomCrop((50, 41), padding=1, pad_if_needed=True, fill=200)],
    "gray": lambda: [T.RandomGrayscale(0.5), T.Grayscale(3), T.CenterCrop(30)],
}


def on_pil(colour, seeds):
    picture, grey = F.to_pil_image(colour), F.to_pil_image(colour[0].reshape(45, 37))
    found = {}
    for name, make in PICTURES.items():
        steps = T.Compose([*make(), T.ToTensor(), T.Normalize([0.5], [0.25])])
        found[name] = []
        for seed in range(2 * seeds):
            torch.manual_seed(seed)
            both = torch.stack([steps(picture), steps(picture)])
            found[name].append([digest(both), digest(torch.stack([steps(grey)])), torch.rand(1).item()])
    return found


seeds = json.loads(sys.argv[1])
found = {}
for name, picture in pictures().items():
    found[name] = {case: one(make, picture, seeds) for case, make in CASES.items()}
    found[name]["functional"] = functional(picture)
    found[name]["crops"] = crops(picture)
found["types"] = other_types(pictures()["colour"])
found["pil"] = on_pil(pictures()["colour"], seeds)
found["mixes"] = mixes(pictures()["batch"].float().div(255), 2 * seeds)
report(found)
