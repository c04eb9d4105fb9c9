"""Reads an artefact as runtime/abi.h describes it, prints its manifest, and runs its first step."""
import ctypes
import hashlib
import json
import struct
import sys

path = sys.argv[1]
with open(path, "rb") as file:
    content = file.read()
image, trailer = content[:-48], content[-48:]
digest, size, magic = struct.unpack("<32sQ8s", trailer)
assert magic == b"MOTLEYSO" and size == len(image) and digest == hashlib.sha256(image).digest()
print("trailer ok")

POINTERS = ctypes.POINTER(ctypes.c_void_p)


class Table(ctypes.Structure):
    _fields_ = [
        ("abi_version", ctypes.c_uint32),
        ("num_levels", ctypes.c_uint32),
        ("num_kernels", ctypes.c_uint32),
        ("num_steps", ctypes.c_uint32),
        ("manifest", ctypes.POINTER(ctypes.c_char)),
        ("manifest_size", ctypes.c_uint64),
        ("kernels", POINTERS),
        ("steps", POINTERS),
    ]


Launch = ctypes.CFUNCTYPE(
    ctypes.c_int32, ctypes.c_void_p, ctypes.c_int32, ctypes.c_void_p, ctypes.POINTER(ctypes.c_int32), ctypes.c_int64
)
Kernel = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64)
Step = ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.c_void_p, POINTERS, ctypes.POINTER(ctypes.c_int64))


class Context(ctypes.Structure):
    _fields_ = [("abi_version", ctypes.c_uint32), ("size", ctypes.c_uint32), ("launch", Launch)]


library = ctypes.CDLL(path)
table = Table.in_dll(library, "motley_artifact")
print(f"abi {table.abi_version} levels {table.num_levels} kernels {table.num_kernels} steps {table.num_steps}")
manifest = json.loads(table.manifest[: table.manifest_size])

for bank in manifest["state"]:
    print("state", bank["bank"], "slots", ",".join(bank["slots"]), "shape", bank["shape"])
    for m in bank["members"]:
        table_mark = " table" if m.get("table") else ""
        print("  " + m["variable"], "member", m["member"], "panel", m["panel"], "shape", f"{m['shape']}{table_mark}")
for function in manifest["functions"]:
    print("step", function["name"], "symbol", function["symbol"], "arena", function["arena_bytes"], end=" ")
    print("launches", function["launches"])
    for b in function["buffers"]:
        if b["kind"] == "state":
            print("  state", b["bank"], b["slot"])
        elif b["kind"] == "output":
            print("  output", b["name"], b["dtype"], b["shape"])
        else:
            print("  " + b["kind"])


def count(shape):
    product = 1
    for extent in shape:
        product *= extent
    return product


def run(function, index, status):
    """Calls the step; its launches return `status`."""
    shapes = {bank["bank"]: bank["shape"] for bank in manifest["state"]}
    buffers = [(ctypes.c_float * count(b.get("shape") or shapes[b["bank"]]))() for b in function["buffers"]]
    launched = []

    def launch(_, kernel, args, _count, factor):
        launched.append(kernel)
        Kernel(table.kernels[kernel])(args, None, 0, factor)
        return status

    launch_pointer = Launch(launch)
    context = Context(1, ctypes.sizeof(Context), launch_pointer)
    pointers = (ctypes.c_void_p * len(buffers))(*[ctypes.addressof(b) for b in buffers])
    result = Step(table.steps[index])(ctypes.addressof(context), pointers, (ctypes.c_int64 * 1)())
    print(function["name"], "returned", result, "after launches", *launched)
    return buffers


for i, buffer in enumerate(run(manifest["functions"][0], 0, 0)):
    assert len(set(buffer)) == 1
    print(f"  buffer {i}: {buffer[0]} x {len(buffer)}")
run(manifest["functions"][0], 0, 7)
