// The first rule of fuse-grouped-matmul: equal branches become one operation over all groups.
#ifndef MOTLEY_PASSES_FUSEBRANCHES_H
#define MOTLEY_PASSES_FUSEBRANCHES_H

#include "passes/Passes.h"

namespace mlir::motley {

/// Pulls merge_groups of equal operations up through them until they meet the split_groups that they undo; unites the
/// banks. Returns the number of merges that disappeared.
int64_t fuseBranches(func::FuncOp function);

} // namespace mlir::motley

#endif // MOTLEY_PASSES_FUSEBRANCHES_H
