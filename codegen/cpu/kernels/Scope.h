// Scopes: the rows that compete for an expert, or that a mean goes over.
#ifndef MOTLEY_CODEGEN_CPU_KERNELS_SCOPE_H
#define MOTLEY_CODEGEN_CPU_KERNELS_SCOPE_H

#include "codegen/cpu/KernelBuilder.h"

namespace mlir::motley::codegen {

/// The rows of the groups g with map[g] >= 0: all of them are one scope, or those of each document are.
class Scope {
public:
  /// Reads the operands from `next` on: offsets of the groups, and with documents their rows and offsets.
  Scope(KernelBuilder &k, unsigned &next, ArrayRef<int64_t> map, bool hasDocuments);

  /// Calls the body for each row of scope `number`: ascending, or in the order of the document.
  KernelBuilder::Vals rows(Val number, ArrayRef<Val> initial,
                           function_ref<KernelBuilder::Vals(Val row, ArrayRef<Val>)> body) const;
  void rows(Val number, function_ref<void(Val row)> body) const;

private:
  Val start(Val group) const { return k.convert(offset.load(group), k.i64()); }
  Val contains(Val row) const;

  KernelBuilder &k;
  ArrayRef<int64_t> map;
  Buffer offset, documentRow, documentOffset;
};

} // namespace mlir::motley::codegen

#endif // MOTLEY_CODEGEN_CPU_KERNELS_SCOPE_H
