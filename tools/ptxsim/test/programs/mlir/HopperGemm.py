"""Prints @hopperGemm in nvvm, llvm and scf dialects, for sm_90a: c[m][n] = a[m][k] * b[n][k]^T in bf16.

One producer warpgroup (TMA, 128-byte swizzle), two consumer warpgroups (wgmma m64n256k16), tile 128 x 256 x 64, a ring of
four stages with a full and an empty mbarrier each, setmaxnreg. The producer's loop knows K; LLVM unrolls it by two.
Launch: 384 threads, grid (m / 128, n / 256), dynamic shared memory for the ring; arguments: two tensor maps, c, n.
"""
from Builder import IntegerBuilder

STAGES, K = 4, 576
BYTES_A, BYTES_B = 128 * 128, 256 * 128
STEPS = K // 64
TICKS = 10000000
ACCUMULATORS = "!llvm.struct<(" + ", ".join(["f32"] * 128) + ")>"

b = IntegerBuilder()
b.line("%thread = nvvm.read.ptx.sreg.tid.x : i32")
b.line("%blockX = nvvm.read.ptx.sreg.ctaid.x : i32")
b.line("%blockY = nvvm.read.ptx.sreg.ctaid.y : i32")
b.line("%storage = llvm.mlir.addressof @storage : !llvm.ptr<3>")
b.line("%barriers = llvm.mlir.addressof @barriers : !llvm.ptr<3>")


def full(stage):
    return b.element("%barriers", stage, "i64")


def empty(stage):
    return b.element("%barriers", b.binary("add", stage, STAGES), "i64")


def tileA(stage):
    return b.element("%storage", b.binary("mul", stage, BYTES_A), "i8")


def tileB(stage):
    return b.element("%storage", b.binary("add", b.binary("mul", stage, BYTES_B), STAGES * BYTES_A), "i8")


def wait(barrier, phase):
    b.line(f"nvvm.mbarrier.try_wait.parity {barrier}, {b.operand(phase)}, {b.operand(TICKS)} : !llvm.ptr<3>, i32, i32")


def following(stage, phase):
    successor = b.binary("add", stage, 1)
    wraps = b.equal(successor, STAGES)
    return b.select(wraps, 0, successor), b.select(wraps, b.binary("xor", phase, 1), phase)


group = b.binary("udiv", "%thread", 128)
isFirst = b.equal("%thread", 0)
b.line(f"scf.if {isFirst} {{")
for stage in range(STAGES):
    b.line(f"nvvm.mbarrier.init {full(stage)}, {b.operand(1)} : !llvm.ptr<3>, i32")
    b.line(f"nvvm.mbarrier.init {empty(stage)}, {b.operand(2)} : !llvm.ptr<3>, i32")
b.line("nvvm.fence.mbarrier.init")
b.line("}")
b.line("nvvm.barrier0")
row0, column0 = b.binary("mul", "%blockX", 128), b.binary("mul", "%blockY", 256)

b.line(f"scf.if {b.equal(group, 0)} {{")
b.line("nvvm.setmaxregister decrease 40")
b.line(f"scf.if {isFirst} {{")
b.line(f"%produced:2 = scf.for %step = {b.operand(0)} to {b.operand(STEPS)} step {b.operand(1)} "
       f"iter_args(%stage = {b.operand(0)}, %phase = {b.operand(1)}) -> (i32, i32) : i32 {{")
wait(empty("%stage"), "%phase")
ready = full("%stage")
b.line(f"nvvm.mbarrier.arrive.expect_tx {ready}, {b.operand(BYTES_A + BYTES_B)} : !llvm.ptr<3>, i32")
k = b.binary("mul", "%step", 64)
for tile, map, row in ((tileA("%stage"), "%mapA", row0), (tileB("%stage"), "%mapB", column0)):
    clusterTile = b.value(f"llvm.addrspacecast {tile} : !llvm.ptr<3> to !llvm.ptr<7>")
    b.line(f"nvvm.cp.async.bulk.tensor.shared.cluster.global {clusterTile}, {map}, {ready}, box[{k}, {row}] : !llvm.ptr<7>, !llvm.ptr")
stage, phase = following("%stage", "%phase")
b.line(f"scf.yield {stage}, {phase} : i32, i32")
b.line("}")
b.line("}")
b.line("} else {")

b.line("nvvm.setmaxregister increase 232")
consumer = b.binary("sub", group, 1)
offsetA = b.binary("mul", consumer, 64 * 128)


def descriptors(pointer):
    """Of the four k-steps of a tile: 128-byte swizzle, 1024 bytes between groups of eight rows."""
    address = b.value(f"llvm.ptrtoint {pointer} : !llvm.ptr<3> to i64")
    start = b.binary("and", b.binary("lshr", address, 4, "i64"), 0x3fff, "i64")
    first = b.binary("or", start, 1 << 62 | 64 << 32, "i64")
    return [first] + [b.binary("add", first, 2 * i, "i64") for i in range(1, 4)]


def multiply(stage, sums, overwrite):
    left = descriptors(b.element(tileA(stage), offsetA, "i8"))
    right = descriptors(tileB(stage))
    b.line("nvvm.wgmma.fence.aligned")
    for i in range(4):
        scale = "zero" if overwrite and i == 0 else "one"
        sums = b.value(f"nvvm.wgmma.mma_async {left[i]}, {right[i]}, {sums}, <m = 64, n = 256, k = 16>, "
                       f"D [<f32>, #nvvm.wgmma_scale_out<{scale}>], A [<bf16>, #nvvm.wgmma_scale_in<one>, <row>], "
                       f"B [<bf16>, #nvvm.wgmma_scale_in<one>, <col>] : {ACCUMULATORS} -> {ACCUMULATORS}")
    b.line("nvvm.wgmma.commit.group.sync.aligned")
    return sums


threadInGroup = b.binary("and", "%thread", 127)
isLeader = b.equal(threadInGroup, 0)
nothing = b.value(f"llvm.mlir.undef : {ACCUMULATORS}")
wait(full(0), 0)
firstSums = multiply(0, nothing, True)
b.line(f"%consumed:4 = scf.for %step = {b.operand(1)} to {b.operand(STEPS)} step {b.operand(1)} "
       f"iter_args(%sums = {firstSums}, %stage = {b.operand(1)}, %phase = {b.operand(0)}, %previous = {b.operand(0)}) "
       f"-> ({ACCUMULATORS}, i32, i32, i32) : i32 {{")
wait(full("%stage"), "%phase")
sums = multiply("%stage", "%sums", False)
b.line("nvvm.wgmma.wait.group.sync.aligned 1")
b.line(f"scf.if {isLeader} {{")
b.value(f"nvvm.mbarrier.arrive {empty('%previous')} : !llvm.ptr<3> -> i64")
b.line("}")
stage, phase = following("%stage", "%phase")
b.line(f"scf.yield {sums}, {stage}, {phase}, %stage : {ACCUMULATORS}, i32, i32, i32")
b.line("}")
b.line("nvvm.wgmma.wait.group.sync.aligned 0")

lane, warp = b.binary("and", threadInGroup, 31), b.binary("udiv", threadInGroup, 32)
row = b.binary("add", b.binary("add", b.binary("mul", warp, 16), b.binary("udiv", lane, 4)),
               b.binary("add", row0, b.binary("mul", consumer, 64)))
column = b.binary("add", b.binary("mul", b.binary("and", lane, 3), 2), column0)
for half in range(2):
    offset = b.binary("add", b.binary("mul", b.binary("add", row, 8 * half), "%n"), column)
    base = b.element("%c", offset, "bf16", 1)
    for j in range(32):
        pair = b.value("llvm.mlir.undef : vector<2xf32>")
        for t in range(2):
            x = b.value(f"llvm.extractvalue %consumed#0[{4 * j + 2 * half + t}] : {ACCUMULATORS}")
            pair = b.value(f"llvm.insertelement {x}, {pair}[{b.operand(t)} : i32] : vector<2xf32>")
        narrow = b.value(f"llvm.fptrunc {pair} : vector<2xf32> to vector<2xbf16>")
        target = b.value(f"llvm.getelementptr {base}[{8 * j}] : (!llvm.ptr<1>) -> !llvm.ptr<1>, bf16")
        b.line(f"llvm.store {narrow}, {target} {{alignment = 4 : i64}} : vector<2xbf16>, !llvm.ptr<1>")
b.line("}")
b.line("llvm.return")

MAP = "!llvm.ptr {nvvm.grid_constant, llvm.byval = !llvm.array<128 x i8>, llvm.align = 64 : i64}"
print(f'''module attributes {{gpu.container_module}} {{
  gpu.module @kernels [#nvvm.target<chip = "sm_90a", features = "+ptx83", O = 3>] {{
    llvm.mlir.global external @storage() {{addr_space = 3 : i32, alignment = 1024 : i64}} : !llvm.array<0 x i8>
    llvm.mlir.global internal @barriers() {{addr_space = 3 : i32, alignment = 8 : i64}} : !llvm.array<{2 * STAGES} x i64>
    llvm.func @hopperGemm(%mapA: {MAP}, %mapB: {MAP}, %c: !llvm.ptr<1>, %n: i32)
        attributes {{gpu.kernel, nvvm.kernel, nvvm.maxntid = array<i32: 384, 1, 1>, nvvm.minctasm = 1 : i32}} {{
      {b.text()}
    }}
  }}
}}''')
