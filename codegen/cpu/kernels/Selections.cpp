// Selections: tables whose rows may have any number of slots, and what moves values between rows and slots.
//
// A table has room for `bound` slots. Slots beyond it are never written: the offsets of groups and the lists of rows
// end there too, so that no reader meets them.
#include "codegen/cpu/kernels/RowBlocks.h"
#include "codegen/cpu/kernels/RowSums.h"

namespace mlir::motley::codegen {
namespace {

using Vals = KernelBuilder::Vals;

/// Which branch each group (or column) belongs to, and the first of that branch: both by group.
struct Branches {
  explicit Branches(ArrayRef<int64_t> counts) {
    for (auto [branch, count] : llvm::enumerate(counts)) {
      int64_t start = of.size();
      of.append(count, branch);
      first.append(count, start);
    }
  }
  SmallVector<int64_t> of, first;
};

/// Runs the body of the branch that `which` names, or that of -1 where it names none.
Vals runBranch(KernelBuilder &k, Val which, int64_t branch, int64_t numBranches, function_ref<Vals(int64_t)> body) {
  if (branch == numBranches)
    return body(-1);
  return k.choose(
      which == branch, [&] { return body(branch); },
      [&] { return runBranch(k, which, branch + 1, numBranches, body); });
}

/// One of several buffers; its shape is that of the last.
Buffer pick(ArrayRef<Buffer> buffers, Val which) {
  Buffer result = buffers.back();
  for (int64_t i = static_cast<int64_t>(buffers.size()) - 2; i >= 0; --i)
    result.pointer = select(which == i, buffers[i].pointer, result.pointer);
  return result;
}

SmallVector<int64_t> widthsOf(ArrayRef<Buffer> matrices) {
  return llvm::map_to_vector(matrices, [](const Buffer &matrix) { return matrix.size(1); });
}

/// The table that select and restrict write, row after row and slot after slot.
class SelectionWriter {
public:
  SelectionWriter(KernelBuilder &k, unsigned &next)
      : k(k), row(k.operand(next)), offset(k.operand(next + 1)), begin(k.operand(next + 2)), slot(k.operand(next + 3)) {
    next += 4;
  }
  int64_t bound() const { return row.size(0); }
  int64_t numRows() const { return begin.size(0) - 1; }

  /// Row r, whose first slot (if any) is entry `filled` of `slot`.
  void startRow(Val r, Val filled) { begin.store(toInt(filled), r); }
  /// Gives row r the slot `place`, entry `filled` of `slot`.
  void addSlot(Val r, Val place, Val filled) {
    row.store(toInt(r), place);
    slot.store(toInt(place), filled);
  }
  /// Rows [lower, upper) have no slots; `upper` may be one past the last row.
  void leaveOut(Val lower, Val upper, Val filled) {
    k.loop(lower, upper, 1, [&](Val r) { startRow(r, filled); });
  }
  Val toInt(Val value) { return k.convert(value, k.i32()); }
  Val toIndex(Val value) { return k.convert(value, k.i64()); }

  KernelBuilder &k;
  Buffer row, offset, begin, slot;
};

} // namespace

FailureOr<int64_t> emit(plan::SelectAttr family, KernelFrame &frame) {
  KernelBuilder k(frame);
  ArrayRef<int64_t> counts = family.getCounts(), owner = family.getOwner();
  int64_t numBranches = counts.size(), numBaseGroups = owner.size();
  SmallVector<int64_t> first = {0};
  for (int64_t count : counts)
    first.push_back(first.back() + count);
  unsigned next = 0;
  SmallVector<Buffer> chosen;
  for (int64_t i = 0; i < numBranches; ++i)
    chosen.push_back(k.operand(next++));
  Buffer base = k.operand(next++);
  SelectionWriter table(k, next);
  auto start = [&](Val group) { return table.toIndex(base.load(group)); };

  k.units([&](Val) {
    // Entry g + 1 of `offset` holds the size of g, then the start of g, then, having moved on with every slot, the end
    // of g; starts and ends are cut at the bound.
    table.offset.store(k.constant(0, k.i32()), 0);
    for (int64_t i = 0; i < numBranches; ++i)
      k.columns(counts[i], [&](Val column, Val mask) {
        Val zeros = k.constant(0, k.vectorOf(k.i32()));
        Vals sizes = k.loop(0, numBaseGroups, 1, {zeros}, [&](Val group, ArrayRef<Val> carried) {
          Val lower = start(group), upper = select(k.lookUp(owner, group) == i, start(group + 1), lower);
          return k.loop(lower, upper, 1, carried, [&](Val r, ArrayRef<Val> sizes) {
            return Vals{sizes[0] + asInt(k, chosen[i].row(r).loadVector(column, kLanes, mask) != 0)};
          });
        });
        table.offset.store(sizes[0], column + (first[i] + 1), mask);
      });
    Val bound = k.index(table.bound());
    k.loop(1, first.back() + 1, 1, {k.index(0)}, [&](Val entry, ArrayRef<Val> carried) {
      Val size = table.toIndex(table.offset.load(entry));
      table.offset.store(table.toInt(carried[0]), entry);
      return Vals{min(carried[0] + size, bound)};
    });

    // The slots of a row ascend with its groups, so that one pass over the rows writes both sides of the table.
    auto placeRow = [&](int64_t branch, Val r, Val filled) {
      table.startRow(r, filled);
      Buffer choices = chosen[branch].row(r);
      return k.loop(0, counts[branch], 1, {filled}, [&](Val e, ArrayRef<Val> carried) {
        auto keep = [&] { return Vals(carried); };
        auto place = [&] {
          Val entry = e + (first[branch] + 1), slot = table.toIndex(table.offset.load(entry));
          return k.choose(
              slot < bound,
              [&] {
                table.addSlot(r, slot, carried[0]);
                table.offset.store(table.toInt(slot + 1), entry);
                return Vals{carried[0] + 1};
              },
              keep);
        };
        return k.choose(choices.load(e) != 0, place, keep);
      });
    };
    Vals filled = k.loop(0, numBaseGroups, 1, {k.index(0)}, [&](Val group, ArrayRef<Val> carried) {
      Val lower = start(group), upper = start(group + 1);
      return runBranch(k, k.lookUp(owner, group), 0, numBranches, [&](int64_t branch) {
        if (branch >= 0)
          return k.loop(lower, upper, 1, carried,
                        [&](Val r, ArrayRef<Val> filled) { return placeRow(branch, r, filled[0]); });
        table.leaveOut(lower, upper, carried[0]);
        return Vals(carried);
      });
    });
    table.leaveOut(start(k.index(numBaseGroups)), k.index(table.numRows() + 1), filled[0]);
  });
  return k.scratchBytes();
}

FailureOr<int64_t> emit(plan::RestrictAttr family, KernelFrame &frame) {
  KernelBuilder k(frame);
  unsigned next = 0;
  Buffer chosen = k.operand(next++), base = k.operand(next++);
  SelectionWriter table(k, next);
  Val bound = k.index(table.bound());
  auto start = [&](Val group) { return table.toIndex(base.load(group)); };
  int64_t numGroups = base.size(0) - 1;
  k.units([&](Val) {
    Vals filled = k.loop(0, numGroups, 1, {k.index(0)}, [&](Val group, ArrayRef<Val> carried) {
      table.offset.store(table.toInt(carried[0]), group);
      return k.loop(start(group), start(group + 1), 1, carried, [&](Val r, ArrayRef<Val> filled) {
        table.startRow(r, filled[0]);
        return k.choose((chosen.load(r) != 0) & (filled[0] < bound),
                        [&] {
                          table.addSlot(r, filled[0], filled[0]);
                          return Vals{filled[0] + 1};
                        },
                        [&] { return Vals(filled); });
      });
    });
    table.offset.store(table.toInt(filled[0]), numGroups);
    table.leaveOut(start(k.index(numGroups)), k.index(table.numRows() + 1), filled[0]);
  });
  return k.scratchBytes();
}

FailureOr<int64_t> emit(plan::ReindexSelectionAttr family, KernelFrame &frame) {
  KernelBuilder k(frame);
  Buffer row = k.operand(0), offset = k.operand(1), begin = k.operand(2), slot = k.operand(3);
  Buffer outRow = k.operand(4), outOffset = k.operand(5);
  auto toIndex = [&](Val value) { return k.convert(value, k.i64()); };
  auto toInt = [&](Val value) { return k.convert(value, k.i32()); };
  int64_t numGroups = offset.size(0) - 1;
  k.units([&](Val) {
    Vals filled = k.loop(0, numGroups, 1, {k.index(0)}, [&](Val group, ArrayRef<Val> carried) {
      outOffset.store(toInt(carried[0]), group);
      return k.loop(toIndex(offset.load(group)), toIndex(offset.load(group + 1)), 1, carried,
                    [&](Val s, ArrayRef<Val> filled) {
                      Val r = toIndex(row.load(s)), first = begin.load(r);
                      return k.choose(
                          first < begin.load(r + 1),
                          [&] {
                            outRow.store(slot.load(toIndex(first)), filled[0]);
                            return Vals{filled[0] + 1};
                          },
                          [&] { return Vals(filled); });
                    });
    });
    outOffset.store(toInt(filled[0]), numGroups);
  });
  return k.scratchBytes();
}

FailureOr<int64_t> emit(plan::CombineAttr family, KernelFrame &frame) {
  KernelBuilder k(frame);
  unsigned next = 0;
  auto matrix = [&] { // a vector is a matrix of one column
    Buffer buffer = k.operand(next++);
    if (buffer.shape.size() == 1)
      buffer.shape.push_back(1);
    return buffer;
  };
  Buffer x = matrix(), other = family.getHasOtherwise() || family.getHasPlus() ? matrix() : Buffer();
  Buffer offset = k.operand(next++), begin = k.operand(next++), slot = k.operand(next++), y = matrix();
  int64_t width = y.size(1);
  auto toIndex = [&](Val value) { return k.convert(value, k.i64()); };
  blocksOfRows(k, liveEnd(k, offset), [&](Val r) {
    Val first = toIndex(begin.load(r)), end = toIndex(begin.load(r + 1));
    auto source = [&](Val entry) { return x.row(toIndex(slot.load(entry))); };
    k.loop(0, (width + kBlockColumns - 1) / kBlockColumns, 1, [&](Val block) {
      ColumnBlock columns(k, width, block);
      auto load = [&](Buffer row) {
        Vals values;
        for (auto part : columns)
          values.push_back(row.loadVector(part.column, kLanes, part.mask));
        return values;
      };
      auto withoutSlots = [&] { return other ? load(other.row(r)) : Vals(columns.size(), k.zeros()); };
      Vals sums = family.getHasPlus() ? withoutSlots()
                                      : k.choose(
                                            first < end, [&] { return load(source(first)); }, withoutSlots);
      sums = k.loop(family.getHasPlus() ? first : first + 1, end, 1, sums, [&](Val entry, ArrayRef<Val> carried) {
        Vals terms = load(source(entry));
        for (auto [term, sum] : llvm::zip(terms, carried))
          term = sum + term;
        return terms;
      });
      for (auto [part, sum] : llvm::zip(columns, sums))
        y.row(r).store(sum, part.column, part.mask);
    });
  });
  return k.scratchBytes();
}

FailureOr<int64_t> emit(plan::SlotValuesAttr family, KernelFrame &frame) {
  KernelBuilder k(frame);
  int64_t numBranches = family.getCounts().size();
  unsigned next = 0;
  SmallVector<Buffer> values;
  for (int64_t i = 0; i < numBranches; ++i)
    values.push_back(k.operand(next++));
  Buffer row = k.operand(next), offset = k.operand(next + 1), result = k.operand(next + 2);
  Branches branches(family.getCounts());
  k.units([&](Val group) {
    Val branch = k.lookUp(branches.of, group), column = group - k.lookUp(branches.first, group);
    Buffer source = pick(values, branch);
    Val width = k.lookUp(widthsOf(values), branch);
    k.loop(k.convert(offset.load(group), k.i64()), k.convert(offset.load(group + 1), k.i64()), 1,
           [&](Val s) { result.store(source.load(k.convert(row.load(s), k.i64()) * width + column), s); });
  });
  return k.scratchBytes();
}

FailureOr<int64_t> emit(plan::SlotValuesBackwardAttr family, KernelFrame &frame) {
  KernelBuilder k(frame);
  ArrayRef<int64_t> counts = family.getCounts();
  Buffer cotangent = k.operand(0), row = k.operand(1), offset = k.operand(2);
  SmallVector<Buffer> results;
  SmallVector<int64_t> firstGroup = {0}; // of each branch
  for (auto [i, count] : llvm::enumerate(counts)) {
    results.push_back(k.operand(3 + i));
    firstGroup.push_back(firstGroup.back() + count);
  }
  int64_t numRows = results.front().size(0);
  Branches columns(widthsOf(results)); // units are columns, null experts too
  Val zero = k.constant(0.0, k.f32());
  k.units([&](Val unit) {
    Val branch = k.lookUp(columns.of, unit), column = unit - k.lookUp(columns.first, unit);
    Buffer to = pick(results, branch);
    Val width = k.lookUp(widthsOf(results), branch);
    k.loop(0, numRows, 1, [&](Val r) { to.store(zero, r * width + column); });
    k.when(column < k.lookUp(counts, branch), [&] {
      Val group = k.lookUp(ArrayRef(firstGroup).drop_back(), branch) + column;
      k.loop(k.convert(offset.load(group), k.i64()), k.convert(offset.load(group + 1), k.i64()), 1,
             [&](Val s) { to.store(cotangent.load(s), k.convert(row.load(s), k.i64()) * width + column); });
    });
  });
  return k.scratchBytes();
}

FailureOr<int64_t> emit(plan::CountChosenAttr family, KernelFrame &frame) {
  KernelBuilder k(frame);
  Buffer chosen = k.operand(0), offset = k.operand(1), counts = k.operand(2);
  k.units([&](Val group) {
    Val lower = k.convert(offset.load(group), k.i64()), upper = k.convert(offset.load(group + 1), k.i64());
    upper = select(k.lookUp(family.getMap(), group) < 0, lower, upper);
    k.columns(chosen.size(1), [&](Val column, Val mask) {
      Vals count = k.loop(lower, upper, 1, {k.constant(0, k.vectorOf(k.i32()))}, [&](Val r, ArrayRef<Val> carried) {
        return Vals{carried[0] + asInt(k, chosen.row(r).loadVector(column, kLanes, mask) != 0)};
      });
      counts.row(group).store(k.convert(count[0], k.f64()), column, mask);
    });
  });
  return k.scratchBytes();
}

} // namespace mlir::motley::codegen
