#include "codegen/cpu/kernels/Scope.h"

namespace mlir::motley::codegen {

using Vals = KernelBuilder::Vals;

Scope::Scope(KernelBuilder &k, unsigned &next, ArrayRef<int64_t> map, bool hasDocuments)
    : k(k), map(map), offset(k.operand(next++)) {
  if (!hasDocuments)
    return;
  documentRow = k.operand(next++);
  documentOffset = k.operand(next++);
}

/// Whether a row lies in one of the groups; neighbouring groups are one interval.
Val Scope::contains(Val row) const {
  Val result = k.constant(0, k.i1());
  int64_t numGroups = map.size();
  for (int64_t first = 0; first < numGroups; ++first) {
    if (map[first] < 0)
      continue;
    int64_t end = first + 1;
    while (end < numGroups && map[end] >= 0)
      ++end;
    result = result | ((row >= start(k.index(first))) & (row < start(k.index(end))));
    first = end;
  }
  return result;
}

Vals Scope::rows(Val number, ArrayRef<Val> initial, function_ref<Vals(Val, ArrayRef<Val>)> body) const {
  if (!documentRow)
    return k.loop(0, static_cast<int64_t>(map.size()), 1, initial, [&](Val group, ArrayRef<Val> carried) {
      Val first = start(group), end = select(k.lookUp(map, group) < 0, first, start(group + 1));
      return k.loop(first, end, 1, carried, body);
    });
  Val first = k.convert(documentOffset.load(number), k.i64());
  Val end = k.convert(documentOffset.load(number + 1), k.i64());
  return k.loop(first, end, 1, initial, [&](Val slot, ArrayRef<Val> carried) {
    Val row = k.convert(documentRow.load(slot), k.i64());
    return k.choose(
        contains(row), [&] { return body(row, carried); }, [&] { return Vals(carried); });
  });
}

void Scope::rows(Val number, function_ref<void(Val)> body) const {
  rows(number, {}, [&](Val row, ArrayRef<Val>) {
    body(row);
    return Vals();
  });
}

} // namespace mlir::motley::codegen
