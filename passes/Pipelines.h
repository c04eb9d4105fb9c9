// The pipelines of the project, as functions and as names for motley-opt.
#ifndef MOTLEY_PASSES_PIPELINES_H
#define MOTLEY_PASSES_PIPELINES_H

#include "mlir/IR/DialectRegistry.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassOptions.h"
#include "passes/Passes.h"

namespace mlir::motley {

/// The dialects that a module at levels 1 to 3 may hold.
void registerDialects(DialectRegistry &registry);

/// Options of "motley-to-grouped".
struct GroupedOptions : PassPipelineOptions<GroupedOptions> {
  Option<uint64_t> memory{
      *this, "memory", llvm::cl::init(0),
      llvm::cl::desc("Bytes of activations that may be alive at once in a step; what does not fit is "
                     "computed again in the backward. 0: what the module says")};
};

/// Level 1 to level 2: "motley-to-grouped".
void buildModelToGrouped(OpPassManager &manager, const GroupedOptions &options = {});

/// Level 2 to level 3: "motley-to-plan".
void buildGroupedToPlan(OpPassManager &manager);

/// Makes every pass and pipeline of the project known by name.
void registerPassesAndPipelines();

} // namespace mlir::motley

#endif // MOTLEY_PASSES_PIPELINES_H
