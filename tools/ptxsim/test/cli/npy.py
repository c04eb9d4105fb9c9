"""A little .npy without NumPy: npy.py make DTYPE[SHAPE] EXPRESSION FILE (i is the element's index), npy.py show FILE,
npy.py header DESCR SHAPE BYTES FILE (the header's words as given, LETTER*COUNT for a long one)."""
import ast
import re
import struct
import sys

FORMATS = {"<f4": "f", "<f8": "d", "<f2": "e", "|i1": "b", "|u1": "B", "<i2": "h", "<u2": "H", "<i4": "i", "<u4": "I", "<i8": "q", "<u8": "Q"}


def make(kind, expression, path):
    descr, shape = re.fullmatch(r"([^\[]+)\[([\d,]*)\]", kind).groups()
    shape = tuple(int(size) for size in shape.split(",") if size)
    count = 1
    for size in shape:
        count *= size
    values = [eval(expression, {"i": i, "nan": float("nan")}) for i in range(count)]
    header = repr({"descr": descr, "fortran_order": False, "shape": shape}).encode()
    header += b" " * (63 - (10 + len(header)) % 64) + b"\n"
    with open(path, "wb") as file:
        file.write(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header)
        file.write(struct.pack(f"<{count}{FORMATS[descr]}", *values))


def show(path):
    with open(path, "rb") as file:
        data = file.read()
    length = struct.unpack_from("<H", data, 8)[0]
    header = ast.literal_eval(data[10 : 10 + length].decode())
    body = data[10 + length :]
    code = FORMATS[header["descr"]]
    print(header["descr"], list(header["shape"]))
    print(*struct.unpack(f"<{len(body) // struct.calcsize(code)}{code}", body))


def header(descr, shape, count, path):
    if repeated := re.fullmatch(r"(\w)\*(\d+)", descr):
        descr = "'" + repeated.group(1) * int(repeated.group(2)) + "'"
    text = f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}\n".encode()
    with open(path, "wb") as file:
        file.write(b"\x93NUMPY\x02\x00" + struct.pack("<I", len(text)) + text + bytes(int(count)))


if sys.argv[1] == "make":
    make(*sys.argv[2:])
elif sys.argv[1] == "header":
    header(*sys.argv[2:])
else:
    show(sys.argv[2])
