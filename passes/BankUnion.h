// Unites banks in a whole module: the bookkeeping below fuse-grouped-matmul.
#ifndef MOTLEY_PASSES_BANKUNION_H
#define MOTLEY_PASSES_BANKUNION_H

#include "passes/Passes.h"

namespace mlir::motley {

/// One bank with the members of all, in this order. Uses are rewritten in the whole module: a use of banks[i] maps to
/// members shifted by those of the banks before it. Null where the banks' ranges differ in number or type, or one bank
/// occurs twice.
BankOp uniteMembers(ModuleOp module, ArrayRef<BankOp> banks);

/// One bank with the column ranges of both, `first` before `second`. Uses of `second` name ranges shifted by those of
/// `first`. Null where the banks differ in the number of members or of rows, or are one.
BankOp uniteRanges(ModuleOp module, BankOp first, BankOp second);

} // namespace mlir::motley

#endif // MOTLEY_PASSES_BANKUNION_H
