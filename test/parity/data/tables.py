"""A table as the house-price notes make it ready with pandas (their steps, with numpy), and PyTorch's ways to join and cut data sets."""
import csv
import math
import sys
from pathlib import Path

import numpy as np
import torch
from torch.utils.data import ConcatDataset, DataLoader, Subset, TensorDataset, random_split

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from digest import digest, report

root = Path(sys.argv[1])
rng = np.random.default_rng(5)
COLUMNS = ["Id", "LotArea", "Street, name", "Year", "Quality", "Alley", "Empty", "Flat", "Price"]


def rows(count, first):
    made = []
    for i in range(count):
        gap = rng.random(4) < 0.15
        area = "" if gap[0] else repr(float(rng.normal(9000, 3000)))
        street = "NA" if gap[1] else str(rng.choice(["Pave", 'the "old" one', "line\nbreak", "Ångström", "\U0001f600", "a, b"]))
        year = "" if gap[2] else str(int(rng.integers(1870, 2012)))
        quality = str(rng.choice(["Ex", "Gd", "TA"]))
        alley = "NaN" if gap[3] else str(rng.choice(["Grvl", "10"]))
        made.append([str(first + i), area, street, year, quality, alley, "", "3", repr(round(float(rng.normal(2e5, 5e4)), 2))])
    return made


def write(name, columns, table, **options):
    with open(root / name, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, **options)
        writer.writerow(columns)
        writer.writerows(table)


train, test = rows(731, 1), rows(402, 732)
write("train.csv", COLUMNS, train)
write("test.csv", COLUMNS[:-1], [row[:-1] for row in test], lineterminator="\n", quoting=csv.QUOTE_ALL)

# pandas.concat, the numeric columns standardised, gaps 0, get_dummies(dummy_na=True)
features = [row[1:-1] for row in train + test]
names = COLUMNS[1:-1]
missing = {"", "NA", "NaN"}
columns, titles = [], []


def is_number(text):
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


kinds = {name: all(row[i] in missing or is_number(row[i]) for row in features) for i, name in enumerate(names)}
for i, name in enumerate(names):
    if kinds[name]:
        x = np.array([math.nan if row[i] in missing else float(row[i]) for row in features])
        there = ~np.isnan(x)
        with np.errstate(invalid="ignore", divide="ignore"):
            mean = np.where(there, x, 0).sum() / there.sum(dtype=np.float64)
            square = np.where(there, (mean - x) ** 2, 0).sum()
            std = np.sqrt(square / (there.sum(dtype=np.float64) - 1))
            columns.append(np.nan_to_num((x - mean) / std, nan=0.0))
        titles.append(name)
for i, name in enumerate(names):
    if not kinds[name]:
        texts = [None if row[i] in missing else row[i] for row in features]
        for value in [*sorted({text for text in texts if text is not None}), None]:
            columns.append(np.array([float(text == value) for text in texts]))
            titles.append(f"{name}_{'nan' if value is None else value}")
whole = np.stack(columns, axis=1)
found = {
    "titles": titles,
    "train": digest(torch.tensor(whole[:731], dtype=torch.float32)),
    "test": digest(torch.tensor(whole[731:], dtype=torch.float32)),
    "labels": digest(torch.tensor(np.array([float(row[-1]) for row in train]).reshape(-1, 1), dtype=torch.float32)),
}

data = [TensorDataset(torch.arange(n * 2).reshape(n, 2).float() + 100 * n, torch.arange(n)) for n in (5, 1, 7)]
both = ConcatDataset([*data, Subset(data[2], [6, 0, 3])])
torch.manual_seed(3)
found["batches"] = [list(map(digest, batch)) for batch in DataLoader(both, batch_size=4, shuffle=True)]
torch.manual_seed(4)
found["splits"] = [part.indices for lengths in ([10, 6], [0.5, 0.25, 0.25], [0.1, 0.9], [16]) for part in random_split(both, lengths)]
found["own"] = [part.indices for part in random_split(both, [7, 9], generator=torch.Generator().manual_seed(8))]
found["next"] = torch.rand(1).item()
report(found)
