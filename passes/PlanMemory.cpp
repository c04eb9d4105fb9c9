// Lifetimes to offsets. Buffers are placed one by one, largest first, at the lowest place that is free for their whole
// life: the large ones decide the size of the arena, and the small ones fill the gaps (greedy by size; arXiv
// 2001.03288, section 5.2).
#include "passes/Passes.h"
#include "passes/StepLiveness.h"

namespace mlir::motley {
#define GEN_PASS_DEF_PLANMEMORY
#include "passes/PlanPasses.h.inc"
} // namespace mlir::motley

using namespace mlir;
using namespace mlir::motley;

namespace {

/// Buffers that share one place, one after the other.
struct Place {
  SmallVector<plan::AllocOp> buffers;
  StepLiveness::Interval interval;
  int64_t bytes;
  int64_t offset = -1;
};

struct PlanMemory : motley::impl::PlanMemoryBase<PlanMemory> {
  using Base::Base;

  void runOnOperation() override {
    plan::StepOp step = getOperation();
    removeUnused(step);
    StepLiveness liveness(step);
    std::vector<Place> places = makePlaces(liveness);
    int64_t arena = assignOffsets(places);
    for (const Place &place : places)
      for (plan::AllocOp buffer : place.buffers)
        buffer.setOffset(place.offset);
    step.setArena(arena);
    recordStatistics(places, liveness.getLaunches().size(), arena);
  }

private:
  void removeUnused(plan::StepOp step) {
    for (Operation &op : llvm::make_early_inc_range(llvm::reverse(step.getBody().front())))
      if (isa<plan::WindowOp, plan::AllocOp>(op) && op.use_empty())
        op.erase();
  }

  /// One place for each buffer; an elementwise result moves into the place of an input that dies at its launch.
  std::vector<Place> makePlaces(const StepLiveness &liveness) {
    std::vector<Place> places;
    llvm::DenseMap<Operation *, size_t> home;
    for (auto [op, interval] : liveness.getIntervals()) {
      auto buffer = cast<plan::AllocOp>(op);
      int64_t shared = inPlace ? findDyingInput(buffer, interval, liveness, places, home) : -1;
      if (shared >= 0) {
        places[shared].buffers.push_back(buffer);
        places[shared].interval.last = interval.last;
        home[op] = shared;
        continue;
      }
      home[op] = places.size();
      places.push_back({{buffer}, interval, getBufferBytes(cast<MemRefType>(buffer.getType()))});
    }
    return places;
  }

  int64_t findDyingInput(plan::AllocOp buffer, StepLiveness::Interval interval, const StepLiveness &liveness,
                         ArrayRef<Place> places, const llvm::DenseMap<Operation *, size_t> &home) {
    plan::LaunchOp launch = liveness.getLaunches()[interval.first];
    auto kernel = SymbolTable::lookupNearestSymbolFrom<plan::KernelOp>(launch, launch.getKernelAttr());
    for (Value operand : launch.getArgs()) {
      auto input = operand.getDefiningOp<plan::AllocOp>();
      // Later buffers have joined the place where its last launch is not this one.
      if (!input || input == buffer || !home.contains(input) ||
          !mayOverwrite(launch, kernel, operand, buffer.getBuffer()))
        continue;
      size_t place = home.lookup(input);
      if (places[place].interval.last == interval.first && places[place].buffers.back() == input)
        return place;
    }
    return -1;
  }

  /// Places everything; returns the bytes of the arena.
  int64_t assignOffsets(std::vector<Place> &places) {
    SmallVector<Place *> order = llvm::map_to_vector(places, [](Place &place) { return &place; });
    // Equal ones in the order of their first launch, which is theirs in `places`.
    llvm::sort(order,
               [](const Place *a, const Place *b) { return a->bytes != b->bytes ? a->bytes > b->bytes : a < b; });
    SmallVector<Place *> placed; // in the order of their offsets
    int64_t arena = 0;
    for (Place *place : order) {
      int64_t offset = 0;
      for (const Place *other : placed) {
        if (!other->interval.overlaps(place->interval))
          continue;
        if (offset + place->bytes <= other->offset)
          break;
        offset = std::max(offset, other->offset + other->bytes);
      }
      place->offset = offset;
      arena = std::max(arena, offset + place->bytes);
      placed.insert(
          llvm::upper_bound(placed, place, [](const Place *a, const Place *b) { return a->offset < b->offset; }),
          place);
    }
    return arena;
  }

  void recordStatistics(ArrayRef<Place> places, size_t numLaunches, int64_t arena) {
    std::vector<int64_t> alive(numLaunches, 0);
    for (const Place &place : places) {
      sumBytes += place.bytes * place.buffers.size();
      for (int64_t now = place.interval.first; now <= place.interval.last; ++now)
        alive[now] += place.bytes;
    }
    peakBytes += arena;
    liveBytes += alive.empty() ? 0 : *llvm::max_element(alive);
  }
};

} // namespace
