// Kernels that touch each element by itself: map, fill, to_float, merge.
#include "codegen/cpu/KernelBuilder.h"

namespace mlir::motley::codegen {

/// Elements of one unit of map, fill and to_float.
static constexpr int64_t kElementsPerUnit = 4096;

/// Calls the body for the vectors of each unit over `numElements`.
static void elementUnits(KernelBuilder &k, int64_t numElements, function_ref<void(Val element, Val mask)> body) {
  k.units([&](Val unit) {
    Val lower = unit * kElementsPerUnit;
    k.elements(lower, min(lower + kElementsPerUnit, k.index(numElements)), body);
  });
}

FailureOr<int64_t> emit(plan::MapAttr family, KernelFrame &frame) {
  KernelBuilder k(frame);
  int64_t numInputs = family.getNumInputs();
  SmallVector<Buffer> inputs, results;
  SmallVector<Val> scalars;
  for (int64_t i = 0; i < k.numOperands(); ++i) {
    if (i >= numInputs) {
      results.push_back(k.operand(i));
      continue;
    }
    bool isBuffer = isa<MemRefType>(k.operandType(i));
    inputs.push_back(isBuffer ? k.operand(i) : Buffer());
    scalars.push_back(isBuffer ? Val() : k.broadcast(k.scalar(i)));
  }
  bool ok = true;
  elementUnits(k, results.front().numElements(), [&](Val element, Val mask) {
    SmallVector<Value> arguments;
    for (auto [input, scalar] : llvm::zip(inputs, scalars))
      arguments.push_back(input ? input.loadVector(element, kLanes, mask) : scalar);
    FailureOr<SmallVector<Value>> values = cloneScalarRegion(frame, arguments);
    ok &= succeeded(values);
    if (!ok)
      return;
    for (auto [result, value] : llvm::zip(results, *values))
      result.store(Val(k, value), element, mask);
  });
  if (!ok)
    return failure();
  return k.scratchBytes();
}

FailureOr<int64_t> emit(plan::FillAttr family, KernelFrame &frame) {
  KernelBuilder k(frame);
  Buffer y = k.operand(0);
  Val value = k.constant(family.getValue().getValueAsDouble(), k.vectorOf(k.f32()));
  elementUnits(k, y.numElements(), [&](Val element, Val mask) { y.store(value, element, mask); });
  return k.scratchBytes();
}

FailureOr<int64_t> emit(plan::ToFloatAttr family, KernelFrame &frame) {
  KernelBuilder k(frame);
  Buffer x = k.operand(0), y = k.operand(1);
  elementUnits(k, y.numElements(), [&](Val element, Val mask) {
    y.store(k.convert(x.loadVector(element, kLanes, mask), k.f32()), element, mask);
  });
  return k.scratchBytes();
}

FailureOr<int64_t> emit(plan::MergeAttr family, KernelFrame &frame) {
  KernelBuilder k(frame);
  ArrayRef<int64_t> owner = family.getOwner();
  unsigned list = k.numOperands() - 2;
  SmallVector<Buffer> inputs;
  for (unsigned i = 0; i < list; ++i)
    inputs.push_back(k.operand(i));
  Buffer y = k.operand(list + 1);
  int64_t width = y.shape.size() == 1 ? 1 : y.size(1);
  k.tiles(list, owner, [&](Tile tile, Val input) {
    Buffer source = inputs.back();
    for (int64_t i = static_cast<int64_t>(inputs.size()) - 2; i >= 0; --i)
      source.pointer = select(input == i, inputs[i].pointer, source.pointer);
    // The rows of a tile lie one after the other.
    Val lower = tile.first * width;
    k.elements(lower, lower + tile.count * width,
               [&](Val element, Val mask) { y.store(source.loadVector(element, kLanes, mask), element, mask); });
  });
  return k.scratchBytes();
}

} // namespace mlir::motley::codegen
