// mma and wmma.mma, alone and in batches.
#include "engine/Matrix.h"

#include "check/Statistics.h"
#include "engine/MatrixDecode.h"
#include "engine/MatrixHandlers.h"
#include "engine/Scheduler.h"

namespace ptxsim {

namespace {

struct ProductPayload : Payload {
  MatrixKind kind;
};

uint64_t multiplyAdds(const MatrixKind &kind) { return uint64_t(kind.m) * kind.n * kind.k * (kind.quadPairs ? 4 : 1); }

FragmentView viewOf(const Grid &grid, const Site *site, const LaneOperands &lanes) {
  FragmentView view;
  view.lanes = &lanes;
  if (grid.poison) {
    view.shadowSources = site->numSources;
    view.shadowResults = site->numResults;
  }
  return view;
}

void multiplyOne(Warp &warp, const Site *site, uint32_t, LaneOperands &lanes) {
  const MatrixKind &kind = payload<ProductPayload>(site).kind;
  const Grid &grid = *warp.cta->grid;
  multiplyFragments(kind, viewOf(grid, site, lanes));
  if (grid.options.statistics)
    grid.options.statistics->tensor(site, multiplyAdds(kind));
}

void multiplyBatch(Warp &warp, const Site *site, uint32_t, LaneOperands &lanes) {
  static thread_local TileCache cache;
  const Grid &grid = *warp.cta->grid;
  FragmentView view = viewOf(grid, site, lanes);
  cache.forget();
  for (const MatrixBatch::Step &step : payload<MatrixBatch>(site).steps) {
    const MatrixKind &kind = payload<ProductPayload>(step.site).kind;
    view.sources = step.sources.data();
    view.result = step.result;
    multiplyFragments(kind, view, &cache);
    if (grid.options.statistics)
      grid.options.statistics->tensor(step.site, multiplyAdds(kind));
  }
}

void runProduct(Thread *thread, const Site *site, const uint64_t *in, uint64_t *out) {
  meetWholeWarp(*thread, site, in, out, multiplyOne);
}

} // namespace

void runMatrixBatch(Thread *thread, const Site *site, const uint64_t *in, uint64_t *out) {
  meetWholeWarp(*thread, site, in, out, multiplyBatch);
}

void meetWholeWarp(Thread &thread, const Site *site, const uint64_t *in, uint64_t *out, WarpWork work) {
  uint32_t present = thread.warp->present;
  if (present != ~0u) {
    thread.grid->reporter->fail(Check::Divergence, thread, site,
                                site->instruction->spelling() + " needs all 32 lanes of a warp; this warp has " +
                                    std::to_string(__builtin_popcount(present)) +
                                    " (a block of a multiple of 32 threads is expected)");
  }
  meetWarp(thread, site, present, true, in, out, work);
}

bool bindMatrix(Site &site) {
  const ptx::Instruction &instruction = *site.instruction;
  if (bindMatrixMoves(site) || bindWmmaMemory(site))
    return true;
  bool wmma = instruction.opcode() == "wmma" && instruction.parts.size() > 1 && instruction.parts[1] == "mma";
  if (instruction.opcode() != "mma" && !wmma)
    return false;
  auto decoded = std::make_unique<ProductPayload>();
  decoded->kind = decodeProduct(instruction);
  site.payload = std::move(decoded);
  site.handler = runProduct;
  return true;
}

} // namespace ptxsim
