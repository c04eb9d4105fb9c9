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

#endif // MOTLEY_DIALECT_PLAN_H
