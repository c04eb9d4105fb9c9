// ldmatrix, stmatrix and movmatrix: 8 x 8 matrices of 16-bit elements between shared memory and the registers of a warp
// (PTX ISA 9.0, 9.7.14.5.15 to 17). Lane i gives the address of row i % 8 of matrix i / 8; addresses of further lanes
// are not looked at. Of each matrix lane l holds elements 2 (l % 4) and the next one of row l / 4, of the transposed
// matrix with .trans.
#include "check/Poison.h"
#include "check/Race.h"
#include "check/Statistics.h"
#include "engine/Matrix.h"
#include "engine/MatrixHandlers.h"
#include "engine/Scheduler.h"

#include <cstring>

namespace ptxsim {

namespace {

struct MovePayload : Payload {
  unsigned numMatrices = 1;
  bool transposed = false, store = false;
  ptx::Space space = ptx::Space::Generic;
};

/// What a lane brings to the meeting in place of its `in`.
struct LaneRow {
  Thread *thread;
  const uint64_t *in;
  const Location *rows; ///< of the lanes that give an address; one for each step of a batch
};

const LaneRow &laneRow(const LaneOperands &lanes, unsigned lane) {
  return *reinterpret_cast<const LaneRow *>(lanes.in[lane]);
}

using Tile = uint16_t[8][8];

uint32_t pick(const Tile &tile, unsigned lane, bool transposed) {
  unsigned outer = lane / 4, inner = 2 * (lane % 4);
  uint32_t low = transposed ? tile[inner][outer] : tile[outer][inner];
  uint32_t high = transposed ? tile[inner + 1][outer] : tile[outer][inner + 1];
  return low | high << 16;
}

void put(Tile &tile, unsigned lane, bool transposed, uint32_t word) {
  unsigned outer = lane / 4, inner = 2 * (lane % 4);
  (transposed ? tile[inner][outer] : tile[outer][inner]) = uint16_t(word);
  (transposed ? tile[inner + 1][outer] : tile[outer][inner + 1]) = uint16_t(word >> 16);
}

void record(const Grid &grid, const Site *site, const LaneRow &lane, const Location &row, Access kind,
            const void *newBytes) {
  if (grid.races)
    grid.races->access(*lane.thread, site, row, 16, kind, Order::Weak, Scope::Block, newBytes);
  if (grid.options.statistics)
    grid.options.statistics->access(*lane.thread, site, row, 16, kind);
}

/// One ldmatrix: rows `step` of the lanes, to the slots from `result` on, their shadows `numResults` behind.
void loadStep(const Grid &grid, const Site *site, const LaneOperands &lanes, unsigned step, uint32_t result,
              uint32_t numResults) {
  const auto &move = payload<MovePayload>(site);
  if (grid.races)
    for (unsigned k = 0; k < 8 * move.numMatrices; ++k)
      grid.races->expect(*laneRow(lanes, k).thread, laneRow(lanes, k).rows[step]);
  for (unsigned matrix = 0; matrix < move.numMatrices; ++matrix) {
    Tile tile, shadow;
    for (unsigned row = 0; row < 8; ++row) {
      const LaneRow &lane = laneRow(lanes, 8 * matrix + row);
      const Location &from = lane.rows[step];
      record(grid, site, lane, from, Access::Read, nullptr);
      memcpy(tile[row], from.host, 16);
      if (!grid.poison)
        continue;
      memset(shadow[row], 0xff, 16);
      if (from.shadow)
        memcpy(shadow[row], from.shadow, 16);
    }
    for (unsigned lane = 0; lane < 32; ++lane) {
      uint64_t *out = lanes.out[lane] + result + matrix;
      out[0] = pick(tile, lane, move.transposed);
      if (grid.poison) // memory's shadow has a bit for a defined one, a register's for an undefined one
        out[numResults] = uint32_t(~pick(shadow, lane, move.transposed));
    }
  }
}

void load(Warp &warp, const Site *site, uint32_t, LaneOperands &lanes) {
  loadStep(*warp.cta->grid, site, lanes, 0, 0, site->numResults);
}

void loadBatch(Warp &warp, const Site *site, uint32_t, LaneOperands &lanes) {
  unsigned k = 0;
  for (const MoveBatch::Step &step : payload<MoveBatch>(site).steps)
    loadStep(*warp.cta->grid, step.site, lanes, k++, step.result, site->numResults);
}

void store(Warp &warp, const Site *site, uint32_t, LaneOperands &lanes) {
  const auto &move = payload<MovePayload>(site);
  const Grid &grid = *warp.cta->grid;
  for (unsigned matrix = 0; matrix < move.numMatrices; ++matrix) {
    Tile tile, shadow;
    for (unsigned lane = 0; lane < 32; ++lane) {
      const uint64_t *in = laneRow(lanes, lane).in;
      put(tile, lane, move.transposed, in[1 + matrix]);
      put(shadow, lane, move.transposed, grid.poison ? ~in[site->numSources + 1 + matrix] : ~0u);
    }
    for (unsigned row = 0; row < 8; ++row) {
      const LaneRow &lane = laneRow(lanes, 8 * matrix + row);
      const Location &to = *lane.rows;
      record(grid, site, lane, to, Access::Write, tile[row]);
      memcpy(to.host, tile[row], 16);
      if (to.shadow)
        memcpy(to.shadow, shadow[row], 16);
    }
  }
}

/// Resolves the lane's own row before the meeting, so that a bad address is reported of the thread that gave it.
Location ownRow(Thread &thread, const Site *site, uint64_t address, bool undefined) {
  const auto &move = payload<MovePayload>(site);
  if (thread.lane >= 8 * move.numMatrices)
    return {};
  if (undefined)
    ptxsim_poison_address(&thread, site);
  if (move.space == ptx::Space::Shared && address >= kSharedStart && address + 16 <= thread.sharedEnd &&
      address % 16 == 0) {
    uint8_t *shadow = thread.cta->sharedShadow;
    return {ptx::Space::Shared, thread.shared + address, shadow ? shadow + address : nullptr, thread.cta, address};
  }
  Location row = resolve(thread, site, move.space, address, 16, 16, move.store ? Access::Write : Access::Read);
  if (row.space != ptx::Space::Shared || row.cta != thread.cta)
    thread.grid->reporter->fail(Check::Space, thread, site,
                                site->instruction->opcode().str() +
                                    " needs an address in the shared memory of its own block");
  return row;
}

bool isUndefined(const Thread &thread, const Site *site, const uint64_t *in, unsigned slot) {
  return thread.grid->poison && in[site->numSources + slot];
}

void runMove(Thread *thread, const Site *site, const uint64_t *in, uint64_t *out) {
  Location row = ownRow(*thread, site, in[0], isUndefined(*thread, site, in, 0));
  LaneRow lane{thread, in, &row};
  meetWholeWarp(*thread, site, reinterpret_cast<const uint64_t *>(&lane), out,
                payload<MovePayload>(site).store ? store : load);
}

void transposeRegisters(Warp &warp, const Site *site, uint32_t, LaneOperands &lanes) {
  bool poison = warp.cta->grid->poison;
  for (unsigned part = 0; part < (poison ? 2 : 1); ++part) {
    Tile tile;
    for (unsigned lane = 0; lane < 32; ++lane)
      put(tile, lane, false, lanes.in[lane][part ? site->numSources : 0]);
    for (unsigned lane = 0; lane < 32; ++lane)
      lanes.out[lane][part ? site->numResults : 0] = pick(tile, lane, true);
  }
}

void runMovmatrix(Thread *thread, const Site *site, const uint64_t *in, uint64_t *out) {
  meetWholeWarp(*thread, site, in, out, transposeRegisters);
}

} // namespace

void runMoveBatch(Thread *thread, const Site *site, const uint64_t *in, uint64_t *out) {
  const auto &steps = payload<MoveBatch>(site).steps;
  Location rows[MoveBatch::kMost];
  for (unsigned k = 0; k < steps.size(); ++k)
    rows[k] = ownRow(*thread, steps[k].site, in[k], isUndefined(*thread, site, in, k));
  LaneRow lane{thread, in, rows};
  meetWholeWarp(*thread, site, reinterpret_cast<const uint64_t *>(&lane), out, loadBatch);
}

bool bindMatrixMoves(Site &site) {
  const ptx::Instruction &instruction = *site.instruction;
  llvm::StringRef opcode = instruction.opcode();
  if (opcode == "movmatrix") {
    if (!instruction.has("m8n8") || !instruction.has("trans") || !instruction.has("b16"))
      throw ptx::Error(instruction.position, "movmatrix: only .m8n8.trans.b16 is known for sm_80 and sm_90");
    site.handler = runMovmatrix;
    return true;
  }
  if (opcode != "ldmatrix" && opcode != "stmatrix")
    return false;
  if (!instruction.has("m8n8") || !instruction.has("b16"))
    throw ptx::Error(instruction.position, opcode.str() + ": only .m8n8 of .b16 is known for sm_80 and sm_90");
  auto decoded = std::make_unique<MovePayload>();
  decoded->numMatrices = instruction.has("x4") ? 4 : instruction.has("x2") ? 2 : 1;
  decoded->transposed = instruction.has("trans");
  decoded->store = opcode == "stmatrix";
  decoded->space =
      instruction.has("shared") || instruction.has("shared::cta") ? ptx::Space::Shared : ptx::Space::Generic;
  const ptx::Operand &registers = instruction.operands[decoded->store ? 1 : 0];
  unsigned count = registers.kind == ptx::Operand::Kind::Vector ? registers.elements.size() : 1;
  if (count != decoded->numMatrices)
    throw ptx::Error(instruction.position, opcode.str() + ": got " + std::to_string(count) + " registers for " +
                                               std::to_string(decoded->numMatrices) + " matrices");
  site.payload = std::move(decoded);
  site.handler = runMove;
  return true;
}

} // namespace ptxsim
