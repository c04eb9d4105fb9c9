"""Prints @groupedGemm in gpu, memref, vector and nvgpu dialects, for sm_80:

    y[destination[s], n] = gate[s] * sum_k a[source[s], k] * w[group, n, k]     bf16, sums in f32

blockIdx.x picks a row {group, first s, number of rows} of `tiles`, blockIdx.y picks 128 columns. Tile 128 x 128 x 32, a
ring of three stages filled by cp.async, XOR-swizzled, ldmatrix and mma.sync, 128 threads as 2 x 2 warps. Rows past the
end of a group are filled with zeros and not stored. Without arguments the sizes are those of GroupedGemm.cpp.
"""
import sys

from Builder import IndexBuilder

TOKENS, K, N, GROUPS, ROWS, TILES = [int(size) for size in sys.argv[1:]] or [90, 160, 128, 3, 300, 5]
BM, BN, BK, STAGES = 128, 128, 32, 3

b = IndexBuilder()
A, W, Y = f"memref<{TOKENS}x{K}xbf16>", f"memref<{GROUPS}x{N}x{K}xbf16>", f"memref<{ROWS}x{N}xbf16>"
TABLE, INDICES, GATES = f"memref<{TILES}x3xi32>", f"memref<{ROWS}xi32>", f"memref<{ROWS}xf32>"
RING = f"memref<{STAGES}x128x{BK}xbf16, 3>"


def loadIndex(memory, position, type):
    loaded = b.value(f"memref.load {memory}[{', '.join(b.operand(p) for p in position)}] : {type}")
    return b.value(f"arith.index_cast {loaded} : i32 to index")


b.line("%thread = gpu.thread_id x")
b.line("%tile = gpu.block_id x")
b.line("%column = gpu.block_id y")
b.line(f"%ringA = memref.get_global @ringA : {RING}")
b.line(f"%ringB = memref.get_global @ringB : {RING}")
b.line("%zero = arith.constant 0.0 : f32")
group, firstRow, numRows = (loadIndex("%tiles", ["%tile", i], TABLE) for i in range(3))
firstColumn = b.mul("%column", BN)

# Copies: thread t moves 16-byte chunk t % 4 of rows t / 4 + 32 i. Chunks are swizzled by bits 1 and 2 of the row.
copyRow, copyChunk = b.div("%thread", 4), b.rem("%thread", 4)
rows, counts, tokens = [], [], []
for i in range(4):
    row = b.add(copyRow, 32 * i)
    inside = b.less(row, numRows)
    s = b.select(inside, b.add(firstRow, row), firstRow)
    rows.append(row)
    tokens.append(loadIndex("%source", [s], INDICES))
    counts.append(b.select(inside, 8, 0))
ringColumn = b.mul(b.xor(copyChunk, b.rem(b.div(copyRow, 2), 4)), 8)
weightRows = [b.add(row, firstColumn) for row in rows]


def issue(stage, k):
    column = b.add(k, b.mul(copyChunk, 8))
    copies = []
    for i in range(4):
        copies.append(b.value(f"nvgpu.device_async_copy %a[{tokens[i]}, {column}], %ringA[{stage}, {rows[i]}, {ringColumn}], "
                              f"8, {counts[i]} {{bypassL1}} : {A} to {RING}"))
        copies.append(b.value(f"nvgpu.device_async_copy %w[{group}, {weightRows[i]}, {column}], %ringB[{stage}, {rows[i]}, "
                              f"{ringColumn}], 8 {{bypassL1}} : {W} to {RING}"))
    b.value(f"nvgpu.device_async_create_group {', '.join(copies)}")


for stage in range(STAGES - 1):
    issue(b.operand(stage), b.operand(stage * BK))

warp, lane = b.div("%thread", 32), b.rem("%thread", 32)
warpRow, warpColumn = b.mul(b.div(warp, 2), 64), b.mul(b.rem(warp, 2), 64)
rowA, halfA = b.rem(lane, 16), b.div(lane, 16)
rowB, halfB = b.add(b.rem(lane, 8), b.mul(b.div(lane, 16), 8)), b.rem(b.div(lane, 8), 2)


def fragmentPlaces(base, row, half):
    swizzle = b.rem(b.div(row, 2), 4)
    return ([b.add(b.add(base, row), 16 * i) for i in range(4)],
            [b.mul(b.xor(b.add(half, 2 * k), swizzle), 8) for k in range(2)])


rowsA, columnsA = fragmentPlaces(warpRow, rowA, halfA)
rowsB, columnsB = fragmentPlaces(warpColumn, rowB, halfB)

sums = [f"%sum{i}" for i in range(128)]
types = ", ".join(["f32"] * 128)
carried = ", ".join(f"{sum} = %zero" for sum in sums)
b.line(f"%result:130 = scf.for %k = {b.operand(0)} to {b.operand(K)} step {b.operand(BK)} "
       f"iter_args({carried}, %readStage = {b.operand(0)}, %writeStage = {b.operand(STAGES - 1)}) -> ({types}, index, index) {{")
b.line(f"nvvm.cp.async.wait.group {STAGES - 2}")
b.line("gpu.barrier")
ahead = b.add("%k", (STAGES - 1) * BK)
b.line(f"scf.if {b.less(ahead, K)} {{")
issue("%writeStage", ahead)
b.line("} else {")
b.line("nvvm.cp.async.commit.group")
b.line("}")


def loadFragment(ring, row, column):
    loaded = b.value(f"nvgpu.ldmatrix {ring}[%readStage, {row}, {column}] {{numTiles = 4 : i32, transpose = false}} : "
                     f"{RING} -> vector<4x2xbf16>")
    words = b.value(f"vector.bitcast {loaded} : vector<4x2xbf16> to vector<4x1xi32>")
    return [b.value(f"vector.extract {words}[{i}, 0] : i32 from vector<4x1xi32>") for i in range(4)]


STRUCT = "!llvm.struct<(f32, f32, f32, f32)>"
ATTRIBUTES = ("{layoutA = #nvvm.mma_layout<row>, layoutB = #nvvm.mma_layout<col>, multiplicandAPtxType = #nvvm.mma_type<bf16>, "
              "multiplicandBPtxType = #nvvm.mma_type<bf16>, shape = #nvvm.shape<m = 16, n = 8, k = 16>}")
current = list(sums)
for k in range(2):
    left = [loadFragment("%ringA", rowsA[i], columnsA[k]) for i in range(4)]
    right = [loadFragment("%ringB", rowsB[i], columnsB[k]) for i in range(4)]
    for j in range(8):
        pair = right[j // 2][j % 2 * 2:j % 2 * 2 + 2]
        for i in range(4):
            at = (i * 8 + j) * 4
            product = b.value(f"nvvm.mma.sync A[{', '.join(left[i])}] B[{', '.join(pair)}] C[{', '.join(current[at:at + 4])}] "
                              f"{ATTRIBUTES} : (i32, i32, f32) -> {STRUCT}")
            for q in range(4):
                current[at + q] = b.value(f"llvm.extractvalue {product}[{q}] : {STRUCT}")


def following(stage):
    successor = b.add(stage, 1)
    return b.select(b.equal(successor, STAGES), 0, successor)


nextRead, nextWrite = following("%readStage"), following("%writeStage")
b.line(f"scf.yield {', '.join(current)}, {nextRead}, {nextWrite} : {types}, index, index")
b.line("}")

quadRow, quadColumn = b.div(lane, 4), b.mul(b.rem(lane, 4), 2)
for i in range(4):
    for half in range(2):
        row = b.add(b.add(warpRow, quadRow), 16 * i + 8 * half)
        b.line(f"scf.if {b.less(row, numRows)} {{")
        s = b.add(firstRow, row)
        gate = b.value(f"memref.load %gate[{s}] : {GATES}")
        gates = b.value(f"vector.broadcast {gate} : f32 to vector<2xf32>")
        destination = loadIndex("%destination", [s], INDICES)
        for j in range(8):
            at = (i * 8 + j) * 4 + 2 * half
            pair = b.value(f"vector.from_elements %result#{at}, %result#{at + 1} : vector<2xf32>")
            scaled = b.value(f"arith.mulf {pair}, {gates} : vector<2xf32>")
            narrow = b.value(f"arith.truncf {scaled} : vector<2xf32> to vector<2xbf16>")
            column = b.add(b.add(b.add(firstColumn, warpColumn), quadColumn), 8 * j)
            b.line(f"vector.store {narrow}, %y[{destination}, {column}] {{alignment = 4 : i64}} : {Y}, vector<2xbf16>")
        b.line("}")
b.line("gpu.return")

print(f'''module attributes {{gpu.container_module}} {{
  gpu.module @kernels [#nvvm.target<chip = "sm_80", features = "+ptx80", O = 3>] {{
    memref.global "private" @ringA : {RING} {{alignment = 128 : i64}}
    memref.global "private" @ringB : {RING} {{alignment = 128 : i64}}
    gpu.func @groupedGemm(%a: {A}, %source: {INDICES}, %w: {W}, %gate: {GATES}, %destination: {INDICES}, %tiles: {TABLE}, %y: {Y})
        kernel attributes {{known_block_size = array<i32: 128, 1, 1>}} {{
      {b.text()}
    }}
  }}
}}''')
