"""Pictures in every form that is read, resized, cut out and made ready as torchvision does it: digests of every byte.

    python pictures.py FOLDER

writes the pictures into FOLDER and tells what Pillow and torchvision make of them.
"""
import hashlib
import struct
import sys
import warnings
import zlib
from pathlib import Path

import numpy as np
import torch
from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from digest import digest, report

# torchvision's own operators are not there beside a CPU build; its transforms do not need them.
library = torch.library.Library("torchvision", "DEF")
for name in ("nms", "qnms"):
    library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
from torchvision.datasets.folder import pil_loader
from torchvision.transforms import CenterCrop, Compose, FiveCrop, InterpolationMode, Resize, TenCrop
from torchvision.transforms import functional as F
from torchvision.transforms._presets import ImageClassification

warnings.simplefilter("ignore")
root = Path(sys.argv[1])
rng = np.random.default_rng(7)


def scene(height, width, channels=3):
    """Waves and noise: neither flat nor hopeless for JPEG."""
    y, x = np.mgrid[0:height, 0:width]
    waves = [127 + 100 * np.sin(x / 7 + c) + 60 * np.cos(y / (5 + c)) for c in range(channels)]
    return np.clip(np.stack(waves, -1) + rng.normal(0, 12, (height, width, channels)), 0, 255).astype(np.uint8)


def picture(height, width, mode="RGB"):
    array = scene(height, width, len(Image.new(mode, (1, 1)).getbands()))
    return Image.frombytes(mode, (width, height), array.tobytes())


def png16(path, array, colour):
    """Pillow does not write 16 bits in several channels."""
    chunk = lambda kind, data: struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in array)
    head = struct.pack(">IIBBBBB", array.shape[1], array.shape[0], 16, colour, 0, 0, 0)
    parts = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + parts)


def bmp(path, bits, masks, rows):
    """Forms of BMP that Pillow reads and does not write."""
    height, width = rows.shape[:2]
    data = b"".join(row.tobytes() + b"\0" * (-len(row.tobytes()) % 4) for row in rows)
    extra = struct.pack(f"<{len(masks)}I", *masks)
    head = struct.pack("<IiiHHIIiiII", 40, width, -height, 1, bits, 3 if masks else 0, len(data), 0, 0, 0, 0)
    start = 14 + len(head) + len(extra)
    path.write_bytes(b"BM" + struct.pack("<IHHI", start + len(data), 0, 0, start) + head + extra + data)


def write_forms(folder):
    folder.mkdir()
    save = lambda name, image, **options: image.save(folder / name, **options)
    rgb, grey, rgba = picture(75, 101), picture(75, 101, "L"), picture(75, 101, "RGBA")
    palette = rgb.convert("P", palette=Image.Palette.ADAPTIVE, colors=100)
    exif = Image.Exif()
    exif[0x112] = 6
    for quality in (30, 75, 95):
        for subsampling in (0, 1, 2):
            save(f"{quality}-{subsampling}.jpg", rgb, quality=quality, subsampling=subsampling)
    save("progressive.jpg", rgb, progressive=True)
    save("grey.jpg", grey)
    save("cmyk.jpg", picture(75, 101, "CMYK"))
    save("one-pixel.jpg", picture(1, 1))
    for form in ("jpg", "png", "webp", "tif"):
        save(f"turned.{form}", rgb, exif=exif)
    for name, image in {"rgb": rgb, "grey": grey, "rgba": rgba, "la": picture(75, 101, "LA"), "bits": rgb.convert("1"), "palette": palette}.items():
        save(f"{name}.png", image)
    save("palette-transparent.png", palette, transparency=3)
    save("four-colours.png", rgb.convert("P", palette=Image.Palette.ADAPTIVE, colors=4), bits=2)
    save("rgb-transparent.png", rgb, transparency=rgb.getpixel((3, 3)))
    save("grey-transparent.png", grey, transparency=77)
    deep = scene(75, 101, 1)[..., 0].astype(np.uint16)
    for name, image in {"grey16": Image.fromarray(deep * 257), "grey16-dark": Image.fromarray(deep * 2)}.items():
        save(f"{name}.png", image)
        save(f"{name}.tif", image)
    for colour, channels in ((2, 3), (4, 2), (6, 4)):
        png16(folder / f"deep-{channels}.png", rng.integers(0, 65536, (30, 40, channels)), colour)
    save("lossy.webp", rgb, quality=70)
    save("lossless.webp", rgb, lossless=True)
    save("alpha.webp", rgba)
    frames = [picture(75, 101) for _ in range(3)]
    for form in ("webp", "gif", "tif"):
        frames[0].save(folder / f"frames.{form}", save_all=True, append_images=frames[1:])
    save("palette.gif", palette)
    save("transparent.gif", palette, transparency=3)
    save("grey.gif", grey)
    save("rgb.tif", rgb)
    for name in ("tiff_lzw", "tiff_adobe_deflate", "jpeg", "packbits"):
        save(f"{name}.tif", rgb, compression=name)
    for name, image in {"grey": grey, "palette": palette, "rgba": rgba, "cmyk": picture(75, 101, "CMYK"), "bits": rgb.convert("1")}.items():
        save(f"{name}.tif", image)
    for name, image in {"rgb": rgb, "grey": grey, "palette": palette, "bits": rgb.convert("1"), "rgba": rgba}.items():
        save(f"{name}.bmp", image)
    words = rng.integers(0, 65536, (9, 13)).astype("<u2")
    bmp(folder / "555.bmp", 16, [], words)
    bmp(folder / "565.bmp", 16, [0xF800, 0x7E0, 0x1F], words)
    bmp(folder / "bytes.bmp", 24, [], scene(9, 13))
    bmp(folder / "masks.bmp", 32, [0xFF000000, 0xFF0000, 0xFF00], scene(9, 13, 4))
    save("rgb.ppm", rgb)
    save("grey.pgm", grey)
    save("bits.pbm", rgb.convert("1"))
    (folder / "text.pgm").write_text("P2\n# a comment\n3 2\n15\n0 7 15\n1 2 3\n")
    (folder / "text.ppm").write_text("P3 2 1 300 1 2 3 150 299 300")
    (folder / "text.pbm").write_text("P1 3 2 101 0 1 1")
    for maximum in (1, 3, 100, 200, 300, 65535):
        values = rng.integers(0, maximum + 1, (6, 11, 3)).astype(">u2" if maximum > 255 else "u1")
        (folder / f"{maximum}.ppm").write_bytes(b"P6 11 6 %d\n" % maximum + values.tobytes())
        (folder / f"{maximum}.pgm").write_bytes(b"P5\n11 6\n%d\n" % maximum + values[..., 0].tobytes())
    save("profile.jpg", rgb, icc_profile=b"no profile at all")
    save("wrong-name.jpg", rgb, format="PNG")


def damage(folder, forms):
    """Files that end too early, and with a bit changed."""
    folder.mkdir()
    for name in ("75-2.jpg", "rgb.png", "lossy.webp", "tiff_lzw.tif", "rgb.tif", "rgb.bmp", "rgb.ppm"):
        data = (forms / name).read_bytes()
        (folder / f"half-{name}").write_bytes(data[: len(data) // 2])
        changed = bytearray(data)
        changed[len(data) // 3] ^= 4
        (folder / f"changed-{name}").write_bytes(changed)
    (folder / "text.jpg").write_text("not a picture")
    (folder / "empty.png").write_bytes(b"")


def planes(image):
    return F.pil_to_tensor(image)


def sha(tensor):
    return hashlib.sha256(f"{list(tensor.shape)} ".encode() + tensor.contiguous().numpy().tobytes()).hexdigest()[:24]


def read(path):
    try:
        return sha(planes(pil_loader(path)))
    except Exception:
        return "refused"


write_forms(root / "forms")
damage(root / "damaged", root / "forms")
result = {kind: {path.name: read(path) for path in sorted((root / kind).iterdir())} for kind in ("forms", "damaged")}

# Sizes: those of cameras and of trouble. Each source is a file, so that both begin with the same pixels.
(root / "sizes").mkdir()
SOURCES = [(375, 500), (500, 333), (33, 47), (1, 1), (2, 300), (257, 3), (224, 224), (256, 341), (601, 450), (300, 2), (300, 3)]
for height, width in SOURCES:
    noise = rng.integers(0, 256, (height, width, 3)).astype(np.uint8)
    noise[: height // 2] = np.where(noise[: height // 2] > 127, 255, 0)
    Image.fromarray(noise).save(root / "sizes" / f"{height}x{width}.png")
resized = []
modes = {"bilinear": InterpolationMode.BILINEAR, "bicubic": InterpolationMode.BICUBIC}
for height, width in SOURCES:
    name = f"{height}x{width}.png"
    image = pil_loader(root / "sizes" / name)
    targets = [256, 224, 32, 1, [224, 224], [7, 900]] + [[int(n) for n in rng.integers(1, 420, 2)] for _ in range(8)]
    for size in targets:
        long = max(height, width) * (size if isinstance(size, int) else 0) / min(height, width)
        if long > 3000:
            continue
        for mode in modes:
            tensor = planes(Resize(size, interpolation=modes[mode])(image))
            resized.append({"name": name, "size": size, "mode": mode, "digest": sha(tensor)})
    if min(height, width) * 31 >= max(height, width):
        tensor = planes(Resize(20, max_size=31)(image))
        resized.append({"name": name, "size": 20, "mode": "bilinear", "maxSize": 31, "digest": sha(tensor)})
result["resized"] = resized

crops = []
for height, width in SOURCES:
    image = pil_loader(root / "sizes" / f"{height}x{width}.png")
    for size in (1, 2, 31, 32, 224, (225, 30), (30, 225)):
        case = {"name": f"{height}x{width}.png", "size": size, "center": sha(planes(CenterCrop(size)(image)))}
        for key, kind in (("five", FiveCrop), ("ten", TenCrop)):
            try:
                case[key] = [sha(planes(each)) for each in kind(size)(image)]
            except ValueError as error:
                case[key] = str(error)
        crops.append(case)
result["crops"] = crops

PRESETS = [
    {"cropSize": 224},
    {"cropSize": 64, "resizeSize": 70, "interpolation": "bicubic"},
    {"cropSize": 32, "resizeSize": 32, "mean": [0.1, 0.2, 0.3], "std": [0.5, 0.25, 1]},
]
presets = []
for options in PRESETS:
    preset = ImageClassification(
        crop_size=options["cropSize"],
        resize_size=options.get("resizeSize", 256),
        interpolation=modes[options.get("interpolation", "bilinear")],
        **{key: tuple(options[key]) for key in ("mean", "std") if key in options},
    )
    ten = Compose([Resize(preset.resize_size, interpolation=preset.interpolation), TenCrop(preset.crop_size)])
    ready = lambda image: F.normalize(F.convert_image_dtype(planes(image), torch.float), preset.mean, preset.std)
    for path in ("sizes/375x500.png", "sizes/500x333.png", "forms/75-2.jpg", "forms/cmyk.jpg", "forms/grey16.png"):
        image = pil_loader(root / path)
        tens = digest(torch.stack([ready(crop) for crop in ten(image)])[None])
        presets.append({"path": path, "options": options, "digest": digest(preset(image)[None]), "ten": tens})
result["presets"] = presets
report(result)
