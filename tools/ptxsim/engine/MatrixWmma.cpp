// wmma.load and wmma.store (PTX ISA 9.0, 9.7.14.4). Which lane holds which element is unspecified there; here it is the
// scheme of engine/MatrixFragment.h. Every lane moves its own elements; the warp meets because all lanes must take part
// and must give the same address and stride.
#include "check/Poison.h"
#include "check/Race.h"
#include "check/Statistics.h"
#include "engine/MatrixDecode.h"
#include "engine/MatrixHandlers.h"
#include "engine/Scheduler.h"

#include <algorithm>
#include <cstring>

namespace ptxsim {

namespace {

enum class Matrix { A, B, Accumulator };

struct WmmaPayload : Payload {
  Matrix matrix = Matrix::A;
  ptx::Type type = ptx::Type::None;
  uint32_t rows = 0, columns = 0;
  bool columnMajor = false, store = false, hasStride = false;
  uint32_t numRegisters = 0;
  uint32_t addressSlot = 0, strideSlot = 0, valueSlot = 0;
  ptx::Space space = ptx::Space::Generic;
};

/// Consecutive elements of memory in one register.
struct Run {
  uint32_t row = 0, column = 0, elements = 1; ///< first element
  uint32_t registerIndex = 0, shift = 0;      ///< where its bits start
};

/// The elements that a lane holds, as runs that are contiguous in memory.
template <class Visit> void forEachRun(const WmmaPayload &wmma, unsigned lane, Visit visit) {
  unsigned bits = ptx::bitWidth(wmma.type), group = lane / 4, t = lane % 4;
  unsigned word = bits == 64 ? 64 : 32, perWord = word / bits;
  if (wmma.matrix == Matrix::Accumulator) {
    unsigned rowBlocks = wmma.rows / 8;
    for (unsigned e = 0; e < wmma.rows * wmma.columns / 32; ++e)
      visit(Run{group + 8 * (e / 2 % rowBlocks), 2 * t + e % 2 + 8 * (e / 2 / rowBlocks), 1, e / perWord,
                e % perWord * bits});
    return;
  }
  bool isA = wmma.matrix == Matrix::A;
  unsigned lineBlocks = (isA ? wmma.rows : wmma.columns) / 8, depth = isA ? wmma.columns : wmma.rows;
  unsigned wordBlocks = depth / (4 * perWord), needed = lineBlocks * wordBlocks;
  bool contiguous = isA != wmma.columnMajor; // along k
  for (unsigned r = 0; r < wmma.numRegisters; ++r) {
    unsigned part = r % needed; // some f16 fragments hold elements twice
    unsigned line = group + 8 * (isA ? part % lineBlocks : part / wordBlocks);
    unsigned k = (t + 4 * (isA ? part / lineBlocks : part % wordBlocks)) * perWord;
    for (unsigned i = 0; i < perWord; i += contiguous ? perWord : 1) {
      Run run{isA ? line : k + i, isA ? k + i : line, contiguous ? perWord : 1, r, i * bits};
      visit(run);
    }
  }
}

void checkSame(Warp &warp, const Site *site, uint32_t, LaneOperands &lanes) {
  const auto &wmma = payload<WmmaPayload>(site);
  for (unsigned lane = 1; lane < 32; ++lane)
    if (lanes.in[lane][wmma.addressSlot] != lanes.in[0][wmma.addressSlot] ||
        (wmma.hasStride && uint32_t(lanes.in[lane][wmma.strideSlot]) != uint32_t(lanes.in[0][wmma.strideSlot]))) {
      warp.cta->grid->reporter->note(Check::Divergence, warp.lanes[lane], site,
                                     "address or stride differs between the lanes of a warp; the same is expected");
      return;
    }
}

Location shifted(Location where, uint64_t bytes) {
  where.host += bytes;
  if (where.shadow)
    where.shadow += bytes;
  where.address += bytes;
  return where;
}

/// Moves one run; `bytes` of the register at the run's shift.
void moveRun(Thread &thread, const Site *site, const WmmaPayload &wmma, const Run &run, const Location &where,
             unsigned bytes, const uint64_t *in, uint64_t *out) {
  Grid &grid = *thread.grid;
  if (wmma.store) {
    uint64_t value = in[wmma.valueSlot + run.registerIndex] >> run.shift;
    if (grid.races)
      grid.races->access(thread, site, where, bytes, Access::Write, Order::Weak, Scope::Block, &value);
    memcpy(where.host, &value, bytes);
    if (where.shadow) {
      uint64_t defined =
          grid.poison ? ~(in[site->numSources + wmma.valueSlot + run.registerIndex] >> run.shift) : ~0ull;
      memcpy(where.shadow, &defined, bytes);
    }
    return;
  }
  if (grid.races)
    grid.races->access(thread, site, where, bytes, Access::Read, Order::Weak, Scope::Block);
  uint64_t value = 0, defined = ~0ull;
  memcpy(&value, where.host, bytes);
  out[run.registerIndex] |= value << run.shift;
  if (!grid.poison)
    return;
  if (where.shadow)
    memcpy(&defined, where.shadow, bytes);
  uint64_t undefined = bytes == 8 ? ~defined : ~defined & ((1ull << 8 * bytes) - 1);
  out[site->numResults + run.registerIndex] |= undefined << run.shift;
}

void runWmmaMemory(Thread *thread, const Site *site, const uint64_t *in, uint64_t *out) {
  const auto &wmma = payload<WmmaPayload>(site);
  meetWholeWarp(*thread, site, in, out, checkSame);
  Grid &grid = *thread->grid;
  if (grid.poison && in[site->numSources + wmma.addressSlot])
    ptxsim_poison_address(thread, site);
  if (grid.poison && wmma.hasStride && in[site->numSources + wmma.strideSlot])
    ptxsim_poison_operand(thread, site);
  unsigned bits = ptx::bitWidth(wmma.type);
  uint64_t outer = wmma.columnMajor ? wmma.columns : wmma.rows, inner = wmma.columnMajor ? wmma.rows : wmma.columns;
  uint64_t stride = wmma.hasStride ? uint32_t(in[wmma.strideSlot]) : inner;
  // Rows start where the fragment's registers would be aligned, at most 16 bytes: C++ takes strides of 16 bytes though
  // the ISA speaks of the whole fragment.
  uint64_t alignment = std::min<uint64_t>(16, wmma.numRegisters * (bits == 64 ? 8 : 4));
  uint64_t extent = ((outer - 1) * stride + inner) * bits / 8;
  Location matrix = resolve(*thread, site, wmma.space, in[wmma.addressSlot], extent, alignment,
                            wmma.store ? Access::Write : Access::Read);
  if (stride * bits / 8 % alignment != 0 || stride * bits % 8 != 0)
    grid.reporter->note(Check::Bounds, thread, site,
                        "stride of " + std::to_string(stride) + " elements is no multiple of " +
                            std::to_string(alignment) + " bytes");
  if (!wmma.store) {
    std::fill(out, out + wmma.numRegisters, 0);
    if (grid.poison)
      std::fill(out + site->numResults, out + site->numResults + wmma.numRegisters, 0);
  }
  forEachRun(wmma, thread->lane, [&](const Run &run) {
    uint64_t element = wmma.columnMajor ? run.column * stride + run.row : run.row * stride + run.column;
    Location where = shifted(matrix, element * bits / 8);
    unsigned bytes = run.elements * bits / 8;
    if (grid.options.statistics)
      grid.options.statistics->access(*thread, site, where, bytes, wmma.store ? Access::Write : Access::Read);
    moveRun(*thread, site, wmma, run, where, bytes, in, out);
  });
}

} // namespace

bool bindWmmaMemory(Site &site) {
  const ptx::Instruction &instruction = *site.instruction;
  if (instruction.opcode() != "wmma" || instruction.parts.size() < 3 ||
      (instruction.parts[1] != "load" && instruction.parts[1] != "store") || instruction.operands.size() < 2)
    return false;
  auto decoded = std::make_unique<WmmaPayload>();
  WmmaPayload &wmma = *decoded;
  wmma.store = instruction.parts[1] == "store";
  llvm::StringRef matrix = instruction.parts[2];
  wmma.matrix = matrix == "a" ? Matrix::A : matrix == "b" ? Matrix::B : Matrix::Accumulator;
  MatrixKind kind;
  bool haveShape = false;
  for (llvm::StringRef part : instruction.parts)
    haveShape |= parseShape(part, kind.m, kind.n, kind.k);
  wmma.type = instruction.lastType();
  unsigned bits = ptx::bitWidth(wmma.type);
  bool operand = wmma.matrix != Matrix::Accumulator;
  wmma.rows = wmma.matrix == Matrix::B ? kind.k : kind.m;
  wmma.columns = wmma.matrix == Matrix::A ? kind.k : kind.n;
  uint64_t size = uint64_t(wmma.rows) * wmma.columns * bits;
  if (!haveShape || bits == 0 || size == 0 || size > 32 * 8 * 64 || kind.m % 8 || kind.n % 8)
    throw ptx::Error(instruction.position, "'" + instruction.spelling() + "': no such fragment");
  uint32_t word = bits == 64 ? 64 : 32;
  uint32_t lines = wmma.matrix == Matrix::B ? kind.n : kind.m;
  if (operand && kind.k * bits % (4 * word))
    throw ptx::Error(instruction.position, "'" + instruction.spelling() + "': no such fragment");
  wmma.numRegisters = operand ? lines / 8 * (kind.k * bits / (4 * word)) : size / word / 32;
  if (operand && wmma.type == ptx::Type::F16)
    wmma.numRegisters = 8;
  const ptx::Operand &registers = instruction.operands[wmma.store ? 1 : 0];
  if (wmma.numRegisters == 0 || registerCount(registers) != wmma.numRegisters)
    throw ptx::Error(instruction.position, "'" + instruction.spelling() + "': got " +
                                               std::to_string(registerCount(registers)) + " registers, expected " +
                                               std::to_string(wmma.numRegisters));
  wmma.columnMajor = instruction.has("col");
  if (bits < 8 && operand && wmma.columnMajor != (wmma.matrix == Matrix::B))
    throw ptx::Error(instruction.position, "'" + instruction.spelling() + "': elements below a byte go along k");
  wmma.hasStride = instruction.operands.size() > 2;
  wmma.valueSlot = 1;
  wmma.strideSlot = wmma.store ? 1 + wmma.numRegisters : 1;
  wmma.space = instruction.has("shared") || instruction.has("shared::cta") ? ptx::Space::Shared
               : instruction.has("global")                                 ? ptx::Space::Global
                                                                           : ptx::Space::Generic;
  site.payload = std::move(decoded);
  site.handler = runWmmaMemory;
  return true;
}

} // namespace ptxsim
