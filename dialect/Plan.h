// The plan dialect: level 3.
#ifndef MOTLEY_DIALECT_PLAN_H
#define MOTLEY_DIALECT_PLAN_H

#include "dialect/Motley.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"

#include "dialect/PlanDialect.h.inc"
#include "dialect/PlanEnums.h.inc"
#define GET_ATTRDEF_CLASSES
#include "dialect/PlanAttrs.h.inc"
#define GET_OP_CLASSES
#include "dialect/PlanOps.h.inc"

namespace mlir::plan {

/// Columns of a panel.
inline constexpr int64_t kPanelColumns = 32;
/// Alignment of every buffer of the arena, in bytes.
inline constexpr int64_t kBufferAlignment = 64;

/// How a bank lies in memory: matrices in panels [member][panel][row][32], ranges one after the other, each filled up
/// to whole panels; a table [row][column]; vectors [member][element]. The bank's layout must be assigned.
MemRefType getStorageType(motley::BankOp bank);
/// The panel where a range of a bank in panels starts.
int64_t getFirstPanel(motley::BankOp bank, int64_t range);

} // namespace mlir::plan

#endif // MOTLEY_DIALECT_PLAN_H
