// The table of contents of the compiler: above each pass, what holds after it.
#include "passes/Pipelines.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Pass/PassRegistry.h"
#include "mlir/Transforms/Passes.h"

using namespace mlir;
using namespace mlir::motley;

void mlir::motley::registerDialects(DialectRegistry &registry) {
  registry.insert<MotleyDialect, plan::PlanDialect, arith::ArithDialect, func::FuncDialect, linalg::LinalgDialect,
                  math::MathDialect, memref::MemRefDialect, tensor::TensorDialect>();
}

void mlir::motley::buildModelToGrouped(OpPassManager &manager, const GroupedOptions &options) {
  // Of upstream operations on tensors only those that every pass knows are left.
  manager.addNestedPass<func::FuncOp>(createImportUserMath());
  // Groups and banks are explicit; no operation names a variable.
  manager.addPass(createGroupModalities());
  // One table per distinct partition, at the start of the step.
  manager.addNestedPass<func::FuncOp>(createHoistGroups());
  // Equal operations on fields of the rows are one.
  manager.addPass(createCSEPass());
  // No activation is permuted, fields of the rows once.
  manager.addNestedPass<func::FuncOp>(createKeepGroupedOrder());
  // Products say what they round their operands to.
  manager.addPass(createSetPrecision());
  // Init, eval, accumulate and update instead of the loss function.
  manager.addPass(createDeriveFunctions());
  // Accumulate writes the gradients of its banks.
  manager.addNestedPass<func::FuncOp>(createDifferentiate());
  // Equal siblings are one operation over all groups, one bank.
  manager.addPass(createFuseGroupedMatmul());
  // Products read chosen rows where they lie.
  manager.addNestedPass<func::FuncOp>(createFuseGatherCombine());
  // Elementwise operations sit in the products that feed them.
  manager.addNestedPass<func::FuncOp>(createFuseEpilogue());
  // What memory has no room for is computed again in the backward.
  manager.addNestedPass<func::FuncOp>(createPlanRecompute({options.memory}));
  // The contract of level 2 is checked.
  manager.addPass(createVerifyGrouped());
}

void mlir::motley::buildGroupedToPlan(OpPassManager &manager) {
  // Every bank of matrices has a layout that all functions share.
  manager.addPass(createAssignLayouts());
  // Every operation that needs one has a plan.choice.
  manager.addPass(createChooseKernels());
  // Functions are steps: buffers, and launches of kernels in order.
  manager.addPass(createLowerToPlan());
  // Every buffer has an offset, every step an arena.
  manager.addNestedPass<plan::StepOp>(createPlanMemory());
  // The contract of level 3 is checked.
  manager.addPass(createVerifyPlan());
}

void mlir::motley::registerPassesAndPipelines() {
  registerMotleyGroupedPasses();
  registerMotleyPlanPasses();
  registerTransformsPasses();
  PassPipelineRegistration<GroupedOptions>("motley-to-grouped", "level 1 (model) to level 2 (grouped)",
                                           buildModelToGrouped);
  PassPipelineRegistration<>("motley-to-plan", "level 2 (grouped) to level 3 (plan)", buildGroupedToPlan);
}
