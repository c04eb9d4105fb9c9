// The table of contents of the compiler: one line per pass, saying what holds after it.
#include "passes/Pipelines.h"
#include "mlir/Pass/PassRegistry.h"
#include "mlir/Transforms/Passes.h"

using namespace mlir;
using namespace mlir::motley;

void mlir::motley::registerDialects(DialectRegistry &registry) {
  registry.insert<MotleyDialect, plan::PlanDialect, arith::ArithDialect, func::FuncDialect, math::MathDialect,
                  memref::MemRefDialect, tensor::TensorDialect>();
}

void mlir::motley::buildModelToGrouped(OpPassManager &manager) {
  manager.addPass(createGroupModalities()); // groups and banks are explicit; no operation names a variable
  manager.addNestedPass<func::FuncOp>(
      createHoistGroups());         // one table per distinct partition, at the start of the step
  manager.addPass(createCSEPass()); // equal operations on fields of the rows are one
  manager.addNestedPass<func::FuncOp>(createKeepGroupedOrder()); // no activation is permuted, fields of the rows once
  manager.addPass(createDeriveFunctions()); // init, eval, accumulate and update instead of the loss function
  manager.addNestedPass<func::FuncOp>(createDifferentiate()); // accumulate writes the gradients of its banks
  manager.addPass(createFuseGroupedMatmul()); // equal siblings are one operation over all groups, one bank
  manager.addNestedPass<func::FuncOp>(
      createFuseEpilogue());              // elementwise operations sit in the products that feed them
  manager.addPass(createVerifyGrouped()); // the contract of level 2 is checked
}

void mlir::motley::buildGroupedToPlan(OpPassManager &manager) {
  manager.addPass(createAssignLayouts()); // every bank of matrices has a layout that all functions share
  manager.addPass(createChooseKernels()); // every operation that needs one has a plan.choice
  manager.addPass(createLowerToPlan());   // functions are steps: buffers, and launches of kernels in order
  manager.addNestedPass<plan::StepOp>(createPlanMemory()); // every buffer has an offset, every step an arena
  manager.addPass(createVerifyPlan());                     // the contract of level 3 is checked
}

void mlir::motley::registerPassesAndPipelines() {
  registerMotleyGroupedPasses();
  registerMotleyPlanPasses();
  registerTransformsPasses();
  PassPipelineRegistration<>("motley-to-grouped", "level 1 (model) to level 2 (grouped)", buildModelToGrouped);
  PassPipelineRegistration<>("motley-to-plan", "level 2 (grouped) to level 3 (plan)", buildGroupedToPlan);
}
