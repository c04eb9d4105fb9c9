// Writes the module's precision on every product that does not say its own.
#include "passes/Passes.h"

namespace mlir::motley {
#define GEN_PASS_DEF_SETPRECISION
#include "passes/Passes.h.inc"
} // namespace mlir::motley

using namespace mlir;
using namespace mlir::motley;

namespace {
struct SetPrecision : motley::impl::SetPrecisionBase<SetPrecision> {
  void runOnOperation() override {
    auto precision = getOperation()->getAttrOfType<PrecisionAttr>(kPrecisionAttrName);
    if (!precision || precision.getValue() == Precision::f32)
      return;
    auto set = [&](auto op) {
      if (!op.getPrecision())
        op.setPrecisionAttr(precision);
    };
    getOperation().walk([&](GroupedMatmulOp op) { set(op); });
    getOperation().walk([&](GroupedCrossEntropyOp op) { set(op); });
  }
};
} // namespace
