#include "passes/StepLiveness.h"

using namespace mlir;
using namespace mlir::motley;

Value mlir::motley::getStorage(Value buffer) {
  while (auto window = buffer.getDefiningOp<plan::WindowOp>())
    buffer = window.getBuffer();
  return buffer;
}

int64_t mlir::motley::getBufferBytes(MemRefType type) {
  int64_t bytes = type.getNumElements() * llvm::divideCeil(type.getElementTypeBitWidth(), 8);
  return llvm::alignTo(bytes, plan::kBufferAlignment);
}

StepLiveness::StepLiveness(plan::StepOp step) {
  for (auto launch : step.getBody().getOps<plan::LaunchOp>()) {
    int64_t now = launches.size();
    launches.push_back(launch);
    for (Value operand : launch->getOperands()) {
      Operation *alloc = getStorage(operand).getDefiningOp<plan::AllocOp>();
      if (!alloc)
        continue;
      auto [entry, isNew] = intervals.try_emplace(alloc, Interval{now, now});
      entry->second.last = now;
    }
  }
}

/// Whether a kernel reads each element of `input` before it writes that element of a result.
static bool readsInStep(plan::LaunchOp launch, plan::KernelOp kernel, Value input) {
  if (isa<plan::MapAttr>(kernel.getFamily()))
    return true;
  // combine: what slots are added to (or what rows without slots get) lies row by row, slots lie anywhere.
  auto combine = dyn_cast<plan::CombineAttr>(kernel.getFamily());
  return combine && (combine.getHasOtherwise() || combine.getHasPlus()) && input == launch.getArgs()[1] &&
         input != launch.getArgs()[0];
}

bool mlir::motley::mayOverwrite(plan::LaunchOp launch, plan::KernelOp kernel, Value input, Value result) {
  if (!kernel || input.getType() != result.getType() || !readsInStep(launch, kernel, input))
    return false;
  bool isRead = false, isWritten = false;
  for (auto [operand, access] : llvm::zip(launch.getArgs(), kernel.getAccess().getAsRange<plan::AccessAttr>())) {
    if (operand == input && access.getValue() != plan::Access::read)
      return false;
    if (operand == result && access.getValue() != plan::Access::write)
      return false;
    isRead |= operand == input;
    isWritten |= operand == result;
  }
  return isRead && isWritten;
}
