// ldmatrix, stmatrix and movmatrix: 8 x 8 matrices of 16-bit elements between shared memory and the registers of a warp
// (PTX ISA 9.0, 9.7.14.5.15 to 17). Lane i gives the address of row i % 8 of matrix i / 8; addresses of further lanes
// are not looked at. Of each matrix lane l holds elements 2 (l % 4) and the next one of row l / 4, of the transposed
// matrix with .trans.
#include "check/Poison.h"
#include "check/Race.h"
#include "check/Statistics.h"
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
  Location row; ///< of the lanes that give an address
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

void record(const Grid &grid, const Site *site, const LaneRow &lane, Access kind, const void *newBytes) {
  if (grid.races)
    grid.races->access(*lane.thread, site, lane.row, 16, kind, Order::Weak, Scope::Block, newBytes);
  if (grid.options.statistics)
    grid.options.statistics->access(*lane.thread, site, lane.row, 16, kind);
}

void load(Warp &warp, const Site *site, uint32_t, LaneOperands &lanes) {
  const auto &move = payload<MovePayload>(site);
  const Grid &grid = *warp.cta->grid;
  if (grid.races)
    for (unsigned k = 0; k < 8 * move.numMatrices; ++k)
      grid.races->expect(*laneRow(lanes, k).thread, laneRow(lanes, k).row);
  for (unsigned matrix = 0; matrix < move.numMatrices; ++matrix) {
    Tile tile, shadow;
    for (unsigned row = 0; row < 8; ++row) {
      const LaneRow &lane = laneRow(lanes, 8 * matrix + row);
      record(grid, site, lane, Access::Read, nullptr);
      memcpy(tile[row], lane.row.host, 16);
      if (!grid.poison)
        continue;
      memset(shadow[row], 0xff, 16);
      if (lane.row.shadow)
        memcpy(shadow[row], lane.row.shadow, 16);
    }
    for (unsigned lane = 0; lane < 32; ++lane) {
      lanes.out[lane][matrix] = pick(tile, lane, move.transposed);
      if (grid.poison) // memory's shadow has a bit for a defined one, a register's for an undefined one
        lanes.out[lane][site->numResults + matrix] = uint32_t(~pick(shadow, lane, move.transposed));
    }
  }
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
      record(grid, site, lane, Access::Write, tile[row]);
      memcpy(lane.row.host, tile[row], 16);
      if (lane.row.shadow)
        memcpy(lane.row.shadow, shadow[row], 16);
    }
  }
}

/// Resolves the lane's own row before the meeting, so that a bad address is reported of the thread that gave it.
void runMove(Thread *thread, const Site *site, const uint64_t *in, uint64_t *out) {
  const auto &move = payload<MovePayload>(site);
  LaneRow lane{thread, in, {}};
  if (thread->lane < 8 * move.numMatrices) {
    if (thread->grid->poison && in[site->numSources])
      ptxsim_poison_address(thread, site);
    lane.row = resolve(*thread, site, move.space, in[0], 16, 16, move.store ? Access::Write : Access::Read);
    if (lane.row.space != ptx::Space::Shared || lane.row.cta != thread->cta)
      thread->grid->reporter->fail(Check::Space, *thread, site,
                                   site->instruction->opcode().str() +
                                       " needs an address in the shared memory of its own block");
  }
  meetWholeWarp(*thread, site, reinterpret_cast<const uint64_t *>(&lane), out, move.store ? store : load);
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
