// The gradient of the matrices against sums in f64.
#include "MatmulProblem.h"

using namespace kernelcheck;

namespace {

/// One outer kernel on given operands.
struct Outer {
  const Problem &p;
  bool isInputGathered, areCotangentsGathered;
  Buffer<float> x;
  std::vector<Buffer<float>> cotangents;

  Outer(Check &check, const Problem &p, bool isInputGathered, bool areCotangentsGathered)
      : p(p), isInputGathered(isInputGathered), areCotangentsGathered(areCotangentsGathered),
        x(p.matrix(check, p.shape.depth, isInputGathered)), isMapped(p.numMembers, false) {
    for (int64_t n : p.shape.columns)
      cotangents.push_back(p.matrix(check, n, areCotangentsGathered));
    for (int64_t member : p.shape.map)
      if (member >= 0)
        isMapped[member] = true;
  }

  void run(Check &check, bool add, const Buffer<float> &gradient, int64_t unitsPerCall) {
    std::vector<Operand> operands = {x};
    std::vector<std::string> types = {p.matrixType(p.shape.depth, isInputGathered)};
    for (size_t i = 0; i < cotangents.size(); ++i) {
      operands.push_back(cotangents[i]);
      types.push_back(p.matrixType(p.shape.columns[i], areCotangentsGathered));
    }
    if (isInputGathered || areCotangentsGathered) {
      operands.push_back(p.row);
      types.push_back(memref({p.numSlots}, "i32"));
    }
    operands.insert(operands.end(), {Operand(p.offset), Operand(add), Operand(gradient)});
    types.insert(types.end(), {memref({p.numGroups + 1}, "i32"), "i1", p.bankType()});
    std::string family = "outer<panels = " + list(p.firstPanel) + ", map = " + list(p.shape.map) +
                         ", panels_per_block = " + std::to_string(p.shape.panelsPerBlock) +
                         (isInputGathered ? " gathered_input = true" : "") +
                         (areCotangentsGathered ? " gathered_cotangents = true" : "") +
                         (p.mode.isRounded ? " precision = bf16" : "") + ">";
    int64_t numUnits = std::count(isMapped.begin(), isMapped.end(), true) * p.shape.blocksOfRanges();
    check.run(kernelText(family, types), operands, numUnits, unitsPerCall);
  }

  /// Every element of the gradient. Its padding, too, unless x is not finite: padding is what x makes of zeros.
  void expectSums(Check &check, bool add, const Buffer<float> &before, const Buffer<float> &gradient,
                  bool withPadding = true) {
    for (int64_t m = 0; m < p.numMembers; ++m)
      for (size_t i = 0; i < p.shape.columns.size(); ++i)
        for (int64_t k = 0; k < p.shape.depth; ++k)
          for (int64_t n = 0; n < (withPadding ? panelsOf(p.shape.columns[i]) * kPanel : p.shape.columns[i]); ++n)
            expectSum(check, m, i, k, n, add ? &before : nullptr, before, gradient);
  }

private:
  void expectSum(Check &check, int64_t m, int64_t i, int64_t k, int64_t n, const Buffer<float> *added,
                 const Buffer<float> &before, const Buffer<float> &gradient) {
    size_t at = p.place(m, i, k, n);
    if (!isMapped[m])
      return check.expect(std::memcmp(&gradient[at], &before[at], sizeof(float)) == 0,
                          p.shape.describe() + ": touched a member that no group maps to");
    Sum sum;
    if (added)
      sum.add((*added)[at], 1);
    int64_t columns = p.shape.columns[i];
    for (int64_t slot = 0; slot < p.liveSlots && n < columns; ++slot)
      if (p.shape.map[p.groupOf(slot)] == m)
        sum.add(p.read(x, p.shape.depth, slot, k, isInputGathered),
                p.read(cotangents[i], columns, slot, n, areCotangentsGathered));
    expectClose(check, gradient[at], sum.value, sum.tolerance(p.liveSlots + 1), p.element("dw", k, n));
  }

  std::vector<bool> isMapped;
};

} // namespace

KERNEL_CHECK(outer) {
  std::vector<Shape> list = shapes();
  list.push_back({20, {33}, {300, 40, 129}, {0, 1, 0}}); // more rows than a block
  list.push_back({245, {7}, {601}, {0}});                // more columns than a block; for bf16, too, more rows
  for (bool isRounded : {false, true})
    for (auto [isInputGathered, areCotangentsGathered] :
         {std::pair(false, false), std::pair(true, false), std::pair(false, true), std::pair(true, true)})
      for (const Shape &shape : list) {
        Problem p(check, shape, {false, isRounded});
        Outer outer(check, p, isInputGathered, areCotangentsGathered);
        for (bool add : {false, true}) {
          // Where nothing is added, NaN and all are overwritten.
          Buffer<float> before(p.bank.size(), [&](size_t) { return add ? check.uniform() : NAN; });
          Buffer<float> gradient = before.copy(), again = before.copy();
          outer.run(check, add, gradient, 2);
          outer.run(check, add, again, INT64_MAX);
          check.expectSameBits(again, gradient, shape.describe() + ": all units in one call");
          outer.expectSums(check, add, before, gradient);
        }
      }
}

// What is not finite reaches its own row and column of the gradient alone, from the last of an odd number of rows, too.
KERNEL_CHECK(outerNotFinite) {
  for (bool isRounded : {false, true}) {
    Shape shape = {37, {33}, {13, 4}, {0, 1}};
    Problem p(check, shape, {false, isRounded});
    Outer outer(check, p, false, false);
    outer.x[12 * 37 + 36] = INFINITY;
    outer.x[2 * 37 + 4] = NAN;
    outer.cotangents[0][12 * 33 + 32] = -INFINITY;
    Buffer<float> before(p.bank.size()), gradient(p.bank.size());
    outer.run(check, false, gradient, 1);
    outer.expectSums(check, false, before, gradient, /*withPadding=*/false);
  }
}
