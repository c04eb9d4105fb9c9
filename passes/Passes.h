// Every pass of the project, from Passes.td (levels 1 and 2) and PlanPasses.td (level 3).
#ifndef MOTLEY_PASSES_PASSES_H
#define MOTLEY_PASSES_PASSES_H

#include "dialect/Motley.h"
#include "dialect/Plan.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Pass/Pass.h"

namespace mlir::motley {

// The generated files undefine what asks for their parts.
#define GEN_PASS_DECL
#include "passes/Passes.h.inc"
#define GEN_PASS_DECL
#include "passes/PlanPasses.h.inc"
#define GEN_PASS_REGISTRATION
#include "passes/Passes.h.inc"
#define GEN_PASS_REGISTRATION
#include "passes/PlanPasses.h.inc"

} // namespace mlir::motley

#endif // MOTLEY_PASSES_PASSES_H
