"""Writes a small data set in CIFAR-10's layout, as its authors' program pickled theirs.

    python small_cifar.py FOLDER TRAIN_PICTURES TEST_PICTURES

Ten classes of noisy pictures with a colour and a stripe of their own, so that a few steps of training already change
the errors and no two iterations look alike.
"""

import os
import pickle
import sys

import numpy as np


def pictures(rng, count):
    labels = rng.integers(0, 10, count)
    data = rng.integers(0, 256, (count, 3, 32, 32)).astype(np.float64)
    for i, label in enumerate(labels):
        data[i, label % 3] = 0.4 * data[i, label % 3] + 15 * label
        data[i, :, 3 * label : 3 * label + 3] = 255 - 20 * label
    return data.clip(0, 255).astype(np.uint8).reshape(count, 3072), [int(label) for label in labels]


def main(folder, train, test):
    rng = np.random.default_rng(3)
    root = os.path.join(folder, "cifar-10-batches-py")
    os.makedirs(root)
    data, labels = pictures(rng, train)
    bounds = np.linspace(0, train, 6).astype(int)
    parts = [("data_batch_%d" % (i + 1), data[a:b], labels[a:b]) for i, (a, b) in enumerate(zip(bounds, bounds[1:]))]
    parts.append(("test_batch", *pictures(rng, test)))
    for name, part, part_labels in parts:
        batch = {
            "batch_label": name,
            "labels": part_labels,
            "data": part,
            "filenames": ["%d.png" % i for i in range(len(part))],
        }
        with open(os.path.join(root, name), "wb") as f:
            pickle.dump(batch, f, protocol=2)
    meta = {"num_cases_per_batch": train // 5, "label_names": [str(i) for i in range(10)], "num_vis": 3072}
    with open(os.path.join(root, "batches.meta"), "wb") as f:
        pickle.dump(meta, f, protocol=2)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
