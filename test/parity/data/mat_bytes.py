"""MATLAB 5 files, written byte by byte as the format's description has them (scipy is not at hand)."""
import struct
import zlib

import numpy as np

STORED = {"int8": 1, "uint8": 2, "int16": 3, "uint16": 4, "int32": 5, "uint32": 6, "float32": 7, "float64": 9}
CLASSES = {"float64": 6, "float32": 7, "int8": 8, "uint8": 9, "int16": 10, "uint16": 11, "int32": 12, "uint32": 13}


def element(kind, data, order="<"):
    """A data element; one of up to four bytes goes into its tag."""
    if 0 < len(data) <= 4:
        return struct.pack(order + "I", len(data) << 16 | kind) + data.ljust(4, b"\0")
    return struct.pack(order + "II", kind, len(data)) + data + b"\0" * (-len(data) % 8)


def matrix(name, kind, shape, parts, order="<"):
    head = element(6, struct.pack(order + "II", kind, 0), order)
    head += element(5, struct.pack(order + f"{len(shape)}i", *shape), order) + element(1, name.encode(), order)
    body = head + b"".join(parts)
    return struct.pack(order + "II", 14, len(body)) + body


def numbers(name, array, stored=None, order="<"):
    """`stored` is a smaller type for the same values, as MATLAB chooses it."""
    shape = array.shape if array.ndim > 1 else (1, array.size)
    kept = stored or array.dtype.name
    data = np.asarray(array, dtype=np.dtype(kept).newbyteorder(order)).tobytes(order="F")
    return matrix(name, CLASSES[array.dtype.name], shape, [element(STORED[kept], data, order)], order)


def text(name, value, order="<"):
    return matrix(name, 4, (1, len(value)), [element(16, value.encode(), order)], order)


def structs(name, records, order="<"):
    """A column of records: dicts of elements made with an empty name."""
    fields = list(records[0])
    width = 32
    names = b"".join(field.encode().ljust(width, b"\0") for field in fields)
    parts = [element(5, struct.pack(order + "i", width), order), element(1, names, order)]
    parts += [record[field] for record in records for field in fields]
    return matrix(name, 2, (len(records), 1), parts, order)


def cells(name, values, order="<"):
    return matrix(name, 1, (1, len(values)), values, order)


def compressed(variable, order="<"):
    data = zlib.compress(variable)
    return struct.pack(order + "II", 15, len(data)) + data


def mat_file(path, variables, order="<"):
    head = b"MATLAB 5.0 MAT-file, written by hand".ljust(124)
    mark = struct.pack(order + "H", 0x0100) + (b"IM" if order == "<" else b"MI")
    path.write_bytes(head + mark + b"".join(variables))
