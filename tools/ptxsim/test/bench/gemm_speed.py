"""Speed of the command on the corpus's two GEMMs, and time of translation: gemm_speed.py BUILD [--runs N] [--flop X].

BUILD is a build tree with the command and the target ptxsim-programs-ptx, configured with nvcc and mlir-opt. Every
figure is the median over runs that take turns, of a whole process: parsing, translation, arrays and all. It counts
processor time, of user and system, so that it is per core and other load disturbs it little; the load average is
printed because it still does (caches, hyperthreads). GFLOP/s count the products of all tiles.
"""
import argparse
import array
import os
import random
import re
import statistics
import struct
import subprocess
import sys
import tempfile

SETTINGS = {
    "checks off": ["--checks", "none"],
    "all checks, fixed": ["--checks", "all"],
    "all checks, random": ["--checks", "all", "--seed"],
}


def save(path, code, values):
    """A one-dimensional .npy; code H (16 bits, also bf16), i or f."""
    descr = {"H": "<u2", "i": "<i4", "f": "<f4"}[code]
    header = repr({"descr": descr, "fortran_order": False, "shape": (len(values),)}).encode()
    header += b" " * (63 - (10 + len(header)) % 64) + b"\n"
    with open(path, "wb") as file:
        file.write(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header)
        array.array(code, values).tofile(file)


def bf16(count):
    """Patterns of values from -2 to 2 in eighths; exact in bf16."""
    patterns = [struct.unpack("<I", struct.pack("<f", i / 8))[0] >> 16 for i in range(-16, 17)]
    return random.choices(patterns, k=count)


TOKENS, GROUPED_K, GROUPED_N, GROUPS = 512, 512, 256, 4


def lower_grouped_gemm(build, output):
    """The corpus's kernel with sizes of its own: its reductions are too short to show the speed of products."""
    with open(os.path.join(build, "CMakeCache.txt")) as file:
        cache = dict(re.findall(r"^(\w+):\w+=(.*)$", file.read(), re.M))
    tools = os.path.dirname(os.path.dirname(cache["PTXSIM_NVCC"]))
    folder = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "programs", "mlir")
    sizes = [str(size) for size in (TOKENS, GROUPED_K, GROUPED_N, GROUPS, 128, 1)]  # rows and tiles are the launch's
    subprocess.run([sys.executable, "-B", os.path.join(folder, "lower.py"), cache["PTXSIM_MLIR_OPT"],
                    os.path.join(folder, "GroupedGemm.py"), tools, output, *sizes], check=True)


def grouped_gemm(flop):
    """As many full tiles of rows as the work needs; one block if there is none, for the time of translation."""
    columns = GROUPED_N // 128 if flop else 1
    work = 2 * 128 * 128 * GROUPED_K * columns
    tiles = max(1, round(flop / work))
    rows = 128 * tiles
    save("a.npy", "H", bf16(TOKENS * GROUPED_K))
    save("w.npy", "H", bf16(GROUPS * GROUPED_N * GROUPED_K))
    save("gate.npy", "f", [1.0] * rows)
    save("source.npy", "i", random.choices(range(TOKENS), k=rows))
    save("destination.npy", "i", random.sample(range(rows), rows))
    save("tiles.npy", "i", [x for tile in range(tiles) for x in (tile % GROUPS, 128 * tile, 128)])
    arguments = ["--grid", f"{tiles},{columns}", "--block", "128"]
    for name in ("a", "source", "w", "gate", "destination", "tiles"):
        arguments += ["--arg", name + ".npy"]
    return arguments + ["--arg", f"zero:bf16[{rows},{GROUPED_N}]"], work * tiles


def hopper_gemm(flop):
    """k of test/programs/mlir/HopperGemm.py; n is 512, m as large as the work needs."""
    k, n = 576, 512
    m = 128 * max(1, round(flop / (2 * 128 * n * k)))
    for name, rows in (("left", m), ("right", n)):
        save(f"{name}.npy", "H", bf16(rows * k))
        argument = 4 if name == "left" else 5
        box = 128 if name == "left" else 256
        with open(f"{name}.json", "w") as file:
            file.write(f'{{"argument": {argument}, "type": "bf16", "sizes": [{k}, {rows}], "strides": [{2 * k}], '
                       f'"box": [64, {box}], "swizzle": "128B"}}')
    shared = 4 * (128 + 256) * 128
    return ["--grid", f"{m // 128},{n // 256}", "--block", "384", "--shared", str(shared),
            "--arg", "map:left.json", "--arg", "map:right.json", "--arg", f"out:bf16[{m},{n}]", "--arg", str(n),
            "--buffer", "left.npy", "--buffer", "right.npy"], 2 * m * n * k


def seconds(command):
    """Processor time of a process that must end well."""
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    output = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        sys.exit(" ".join(command) + f"\nended with status {os.waitstatus_to_exitcode(status)}:\n" + output.decode())
    return usage.ru_utime + usage.ru_stime


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("build")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--flop", type=float, default=1e9, help="work of a run")
    options = parser.parse_args()
    build = os.path.abspath(options.build)
    command = os.path.join(build, "bin", "ptxsim")
    places = [os.path.join(build, path) for path in ("test/programs/ptx", "tools/ptxsim/test/programs/ptx")]
    folder = next(filter(os.path.isdir, places), None)
    if not folder or not os.path.exists(command):
        sys.exit(f"{build}: no bin/ptxsim, or no test/programs/ptx; build ptxsim and ptxsim-programs-ptx")
    hopper = os.path.join(folder, "HopperGemm.sm_90a.ptx")
    random.seed(1)
    print(f"load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores, {options.runs} runs")
    with tempfile.TemporaryDirectory() as scratch:
        grouped = os.path.join(scratch, "GroupedGemm.ptx")
        lower_grouped_gemm(build, grouped)
        lines = sum(1 for _ in open(grouped))
        cases = []  # name, PTX, folder of the arrays, arguments, work
        for name, ptx, make, flop in (("GroupedGemm, sm_80", grouped, grouped_gemm, options.flop),
                                      ("HopperGemm, sm_90a", hopper, hopper_gemm, options.flop),
                                      (f"translation of {lines} lines, and one block", grouped, grouped_gemm, 0)):
            folder = os.path.join(scratch, str(len(cases)))
            os.mkdir(folder)
            os.chdir(folder)
            arguments, work = make(flop)
            cases.append((name, ptx, folder, arguments, work if flop else None))
        times = {}
        for run in range(options.runs):
            for name, ptx, folder, arguments, _ in cases:
                os.chdir(folder)
                for setting, flags in SETTINGS.items():
                    flags = flags + [str(run + 1)] if flags[-1] == "--seed" else flags
                    times.setdefault((name, setting), []).append(seconds([command, "run", ptx, *arguments, *flags]))
        os.chdir(build)
        for name, _, _, _, work in cases:
            print(name)
            for setting in SETTINGS:
                time = statistics.median(times[name, setting])
                rate = f"{work / time / 1e9:8.2f} GFLOP/s" if work else ""
                print(f"  {setting:20} {time:7.3f} s {rate}")
    print(f"load average {os.getloadavg()[0]:.1f}")


main()
