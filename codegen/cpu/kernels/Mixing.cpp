// Soft mixing: weighted sums of rows, and of slots; see dialect/MixOps.td. Sums are in f32 and in the order of rows,
// slots or columns, so that no result depends on threads.
//
// Slots are taken four at a time, whose sums share the loads of a row, or rows, whose sums share those of a slot. Where
// there is no multiple of four, the last block repeats its last slot or row and writes the same bits twice.
#include "codegen/cpu/kernels/RowBlocks.h"
#include "codegen/cpu/kernels/RowSums.h"

#include <limits>

namespace mlir::motley::codegen {
namespace {

using Vals = KernelBuilder::Vals;

constexpr int64_t kSlotsPerBlock = 4, kRowsTogether = 4;

int64_t numSlotBlocks(int64_t numSlots) { return (numSlots + kSlotsPerBlock - 1) / kSlotsPerBlock; }

/// The groups of a table, and who owns them.
struct OwnedGroups {
  KernelBuilder &k;
  ArrayRef<int64_t> owner;
  Buffer offset;

  Val start(Val group) const { return k.convert(offset.load(group), k.i64()); }

  /// Calls the body for the rows of a branch, group after group.
  Vals rowsOf(int64_t branch, ArrayRef<Val> initial, function_ref<Vals(Val first, Val end, ArrayRef<Val>)> body) const {
    return k.loop(0, static_cast<int64_t>(owner.size()), 1, initial, [&](Val group, ArrayRef<Val> carried) {
      Val first = start(group), end = select(k.lookUp(owner, group) == branch, start(group + 1), first);
      return body(first, end, carried);
    });
  }

  /// Calls the body for the rows of a branch that a unit of 64 rows has, four at a time.
  void blocksOf(int64_t branch, Val unit, function_ref<void(ArrayRef<Val> rows)> body) const {
    Val lower = unit * kRowsPerBlock, upper = lower + kRowsPerBlock;
    rowsOf(branch, {}, [&](Val first, Val end, ArrayRef<Val>) {
      Val stop = min(end, upper);
      k.loop(max(first, lower), stop, kRowsTogether, [&](Val r) {
        Vals rows;
        for (int64_t j = 0; j < kRowsTogether; ++j)
          rows.push_back(min(r + j, stop - 1));
        body(rows);
      });
      return Vals();
    });
  }
};

/// Weights of all branches, and the first slot of each.
struct Branches {
  Branches(KernelBuilder &k, unsigned first, int64_t count) {
    for (int64_t i = 0; i < count; ++i) {
      weights.push_back(k.operand(first + i));
      firstSlot.push_back(firstSlot.back() + weights.back().size(1));
    }
  }
  int64_t size() const { return weights.size(); }

  SmallVector<Buffer> weights;
  SmallVector<int64_t> firstSlot = {0};
};

/// The columns of block number `block` of the weights of a branch.
SmallVector<Val> columnsOf(Buffer weights, Val block) {
  SmallVector<Val> columns;
  for (int64_t j = 0; j < kSlotsPerBlock; ++j)
    columns.push_back(min(block * kSlotsPerBlock + j, block.like(weights.size(1) - 1)));
  return columns;
}

/// Runs a kernel over blocks of 16 columns; the body gets the column and its mask.
void blocksOfColumns(KernelBuilder &k, int64_t width, function_ref<void(Val column, Val mask)> body) {
  k.units([&](Val unit) {
    Val column = unit * kLanes;
    body(column, width % kLanes ? k.lanesBelow(width - column) : Val());
  });
}

} // namespace

FailureOr<int64_t> emit(plan::StaticGroupsAttr family, KernelFrame &frame) {
  KernelBuilder k(frame);
  Buffer row = k.operand(0), offset = k.operand(1);
  k.units([&](Val) {
    k.columns(row.size(0), [&](Val slot, Val mask) {
      row.store(k.broadcast(k.convert(slot, k.i32())) + k.iota(k.i32()), slot, mask);
    });
    int32_t begin = 0;
    offset.store(k.constant(begin, k.i32()), 0);
    for (auto [group, size] : llvm::enumerate(family.getSizes()))
      offset.store(k.constant(begin += size, k.i32()), group + 1);
  });
  return k.scratchBytes();
}

FailureOr<int64_t> emit(plan::SoftmaxRowsAttr family, KernelFrame &frame) {
  KernelBuilder k(frame);
  Buffer x = k.operand(0), offset = k.operand(1), y = k.operand(2);
  SmallVector<int64_t> owner = llvm::map_to_vector(family.getMap(), [](int64_t g) { return g < 0 ? g : 0; });
  OwnedGroups groups = {k, owner, offset};
  blocksOfColumns(k, x.size(1), [&](Val column, Val mask) {
    auto load = [&](Buffer from, Val r) { return from.row(r).loadVector(column, kLanes, mask); };
    auto fold = [&](Val initial, function_ref<Val(Val r, Val state)> body) {
      return groups.rowsOf(0, {initial}, [&](Val first, Val end, ArrayRef<Val> carried) {
        return k.loop(first, end, 1, carried, [&](Val r, ArrayRef<Val> state) { return Vals{body(r, state[0])}; });
      })[0];
    };
    // It may overlook NaN, which the sum then meets.
    Val largest = fold(k.zeros().like(-std::numeric_limits<double>::infinity()),
                       [&](Val r, Val state) { return max(load(x, r), state); });
    Val sum = fold(k.zeros(), [&](Val r, Val state) {
      Val term = expOfNonPositive(load(x, r) - largest);
      y.row(r).store(term, column, mask);
      return state + term;
    });
    fold(sum, [&](Val r, Val state) {
      y.row(r).store(load(y, r) / state, column, mask);
      return state;
    });
  });
  return k.scratchBytes();
}

FailureOr<int64_t> emit(plan::SoftmaxRowsBackwardAttr family, KernelFrame &frame) {
  KernelBuilder k(frame);
  Buffer dy = k.operand(0), y = k.operand(1), offset = k.operand(2), dx = k.operand(3);
  SmallVector<int64_t> owner = llvm::map_to_vector(family.getMap(), [](int64_t g) { return g < 0 ? g : 0; });
  OwnedGroups groups = {k, owner, offset};
  blocksOfColumns(k, y.size(1), [&](Val column, Val mask) {
    auto load = [&](Buffer from, Val r) { return from.row(r).loadVector(column, kLanes, mask); };
    Val sum = groups.rowsOf(0, {k.zeros()}, [&](Val first, Val end, ArrayRef<Val> carried) {
      Val part = sumRows(k, first, end, 1,
                         [&](Val r, ArrayRef<Val> sums) { return Vals{fma(load(dy, r), load(y, r), sums[0])}; })[0];
      return Vals{carried[0] + part};
    })[0];
    groups.rowsOf(0, {}, [&](Val first, Val end, ArrayRef<Val>) {
      k.loop(first, end, 1, [&](Val r) { dx.row(r).store(load(y, r) * (load(dy, r) - sum), column, mask); });
      return Vals();
    });
  });
  return k.scratchBytes();
}

FailureOr<int64_t> emit(plan::MixRowsAttr family, KernelFrame &frame) {
  KernelBuilder k(frame);
  unsigned numBranches = k.numOperands() - 3;
  Branches branches(k, 0, numBranches);
  Buffer x = k.operand(numBranches), offset = k.operand(numBranches + 1), slots = k.operand(numBranches + 2);
  OwnedGroups groups = {k, family.getOwner(), offset};
  int64_t width = x.size(1), columnBlocks = (width + kBlockColumns - 1) / kBlockColumns;

  auto mixBlock = [&](int64_t branch, Val block, const ColumnBlock &columns) {
    Buffer weights = branches.weights[branch];
    SmallVector<Val> of = columnsOf(weights, block);
    Vals zeros(kSlotsPerBlock * columns.size(), k.zeros());
    Vals sums = groups.rowsOf(branch, zeros, [&](Val first, Val end, ArrayRef<Val> carried) {
      Vals part = sumRows(k, first, end, zeros.size(), [&](Val r, ArrayRef<Val> sums) {
        Vals result(sums);
        for (auto [i, part] : llvm::enumerate(columns)) {
          Val value = x.row(r).loadVector(part.column, kLanes, part.mask);
          for (int64_t j = 0; j < kSlotsPerBlock; ++j) {
            Val &sum = result[j * columns.size() + i];
            sum = fma(k.broadcast(weights.row(r).load(of[j])), value, sum);
          }
        }
        return result;
      });
      for (auto [sum, total] : llvm::zip(part, carried))
        sum = total + sum;
      return part;
    });
    for (int64_t j = 0; j < kSlotsPerBlock; ++j)
      for (auto [i, part] : llvm::enumerate(columns))
        slots.row(of[j] + branches.firstSlot[branch]).store(sums[j * columns.size() + i], part.column, part.mask);
  };
  k.units([&](Val unit) {
    ColumnBlock columns(k, width, unit % columnBlocks);
    Val block = unit / columnBlocks;
    int64_t before = 0;
    for (int64_t branch = 0; branch < branches.size(); ++branch) {
      int64_t count = numSlotBlocks(branches.weights[branch].size(1));
      k.when((block >= before) & (block < before + count), [&] { mixBlock(branch, block - before, columns); });
      before += count;
    }
  });
  return k.scratchBytes();
}

FailureOr<int64_t> emit(plan::UnmixRowsAttr family, KernelFrame &frame) {
  KernelBuilder k(frame);
  unsigned numBranches = k.numOperands() - 3;
  Branches branches(k, 0, numBranches);
  Buffer slots = k.operand(numBranches), offset = k.operand(numBranches + 1), y = k.operand(numBranches + 2);
  OwnedGroups groups = {k, family.getOwner(), offset};
  int64_t width = y.size(1);

  // Rows four at a time, which share the loads of a slot.
  auto unmixRows = [&](int64_t branch, ArrayRef<Val> rows, const ColumnBlock &columns) {
    Buffer weights = branches.weights[branch];
    Vals zeros(rows.size() * columns.size(), k.zeros());
    Vals sums = k.loop(0, weights.size(1), 1, zeros, [&](Val s, ArrayRef<Val> carried) {
      Buffer slot = slots.row(s + branches.firstSlot[branch]);
      Vals factors, result(carried);
      for (Val r : rows)
        factors.push_back(k.broadcast(weights.row(r).load(s)));
      for (auto [i, part] : llvm::enumerate(columns)) {
        Val value = slot.loadVector(part.column, kLanes, part.mask);
        for (size_t j = 0; j < rows.size(); ++j) {
          Val &sum = result[j * columns.size() + i];
          sum = fma(factors[j], value, sum);
        }
      }
      return result;
    });
    for (size_t j = 0; j < rows.size(); ++j)
      for (auto [i, part] : llvm::enumerate(columns))
        y.row(rows[j]).store(sums[j * columns.size() + i], part.column, part.mask);
  };
  k.units([&](Val unit) {
    k.loop(0, (width + kBlockColumns - 1) / kBlockColumns, 1, [&](Val block) {
      ColumnBlock columns(k, width, block);
      for (int64_t branch = 0; branch < branches.size(); ++branch)
        groups.blocksOf(branch, unit, [&](ArrayRef<Val> rows) { unmixRows(branch, rows, columns); });
    });
  });
  return k.scratchBytes();
}

FailureOr<int64_t> emit(plan::MixProductsAttr family, KernelFrame &frame) {
  KernelBuilder k(frame);
  Buffer x = k.operand(0), slots = k.operand(1), offset = k.operand(2);
  Branches branches(k, 3, k.numOperands() - 3);
  OwnedGroups groups = {k, family.getOwner(), offset};
  int64_t width = x.size(1), whole = width / kLanes * kLanes;

  // Sixteen products that share their loads: lane by lane, then over the lanes.
  auto multiply = [&](int64_t branch, ArrayRef<Val> rows, ArrayRef<Val> of) {
    auto add = [&](Val column, Val mask, ArrayRef<Val> carried) {
      Vals values, result(carried);
      for (Val r : rows)
        values.push_back(x.row(r).loadVector(column, kLanes, mask));
      for (auto [i, slot] : llvm::enumerate(of)) {
        Val other = slots.row(slot + branches.firstSlot[branch]).loadVector(column, kLanes, mask);
        for (auto [j, value] : llvm::enumerate(values))
          result[i * values.size() + j] = fma(value, other, result[i * values.size() + j]);
      }
      return result;
    };
    Vals sums = k.loop(0, whole, kLanes, Vals(of.size() * rows.size(), k.zeros()),
                       [&](Val column, ArrayRef<Val> carried) { return add(column, Val(), carried); });
    if (whole < width)
      sums = add(k.index(whole), k.firstLanes(width - whole), sums);
    for (auto [i, slot] : llvm::enumerate(of))
      for (auto [j, r] : llvm::enumerate(rows))
        branches.weights[branch].row(r).store(k.sum(sums[i * rows.size() + j]), slot);
  };
  k.units([&](Val unit) {
    for (int64_t branch = 0; branch < branches.size(); ++branch)
      groups.blocksOf(branch, unit, [&](ArrayRef<Val> rows) {
        Buffer weights = branches.weights[branch];
        k.loop(0, numSlotBlocks(weights.size(1)), 1,
               [&](Val block) { multiply(branch, rows, columnsOf(weights, block)); });
      });
  });
  return k.scratchBytes();
}

} // namespace mlir::motley::codegen
