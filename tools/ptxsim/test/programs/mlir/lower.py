"""lower.py mlir-opt GENERATOR.py CUDA_HOME OUT.ptx [SIZES]: runs a generator, lowers its module to PTX and takes the text out."""
import re
import subprocess
import sys

PIPELINES = {
    "GroupedGemm.py":
    "convert-nvgpu-to-nvvm,canonicalize,cse,expand-strided-metadata,convert-scf-to-cf,convert-vector-to-llvm,"
    "gpu.module(convert-gpu-to-nvvm{use-bare-ptr-memref-call-conv=1 index-bitwidth=64},canonicalize,cse,reconcile-unrealized-casts)",
    "HopperGemm.py":
    "gpu.module(convert-scf-to-cf,convert-arith-to-llvm,convert-nvvm-to-llvm),convert-cf-to-llvm,canonicalize,cse,"
    "reconcile-unrealized-casts",
}


def main(optimizer, generator, toolkit, output, *sizes):
    module = subprocess.run([sys.executable, generator, *sizes], check=True, capture_output=True).stdout
    passes = PIPELINES[generator.rsplit("/", 1)[-1]]
    pipeline = f"builtin.module({passes},gpu-module-to-binary{{format=isa toolkit={toolkit}}})"
    lowered = subprocess.run([optimizer, f"-pass-pipeline={pipeline}"], input=module, check=True,
                             capture_output=True).stdout.decode("latin1")
    assembly = re.search(r'assembly = "((?:[^"\\]|\\.)*)"', lowered[lowered.index("gpu.binary"):])[1]
    text = re.sub(r"\\([0-9A-Fa-f]{2}|\\)", lambda m: "\\" if m[1] == "\\" else chr(int(m[1], 16)), assembly)
    with open(output, "w", encoding="latin1") as file:
        file.write(text.rstrip("\0"))


if __name__ == "__main__":
    main(*sys.argv[1:])
