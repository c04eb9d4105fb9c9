#include "codegen/cpu/kernels/RowSums.h"

namespace mlir::motley::codegen {

ColumnBlock::ColumnBlock(KernelBuilder &k, int64_t width, Val block) {
  Val first = block * kBlockColumns;
  for (int64_t offset = 0; offset < std::min(width, kBlockColumns); offset += kLanes) {
    Val column = first + offset;
    parts.push_back({column, width % kBlockColumns ? k.lanesBelow(width - column) : Val()});
  }
}

void ColumnBlock::write(Buffer row, ArrayRef<Val> sums, Val add) const {
  KernelBuilder &k = *add.kernel;
  for (size_t i = 0; i < parts.size(); ++i) {
    const Part &part = parts[i];
    KernelBuilder::Vals total = k.choose(
        add, [&] { return KernelBuilder::Vals{row.loadVector(part.column, kLanes, part.mask) + sums[i]}; },
        [&] { return KernelBuilder::Vals{sums[i]}; });
    row.store(total[0], part.column, part.mask);
  }
}

KernelBuilder::Vals sumRows(KernelBuilder &k, Val first, Val end, int64_t numSums,
                            function_ref<KernelBuilder::Vals(Val, ArrayRef<Val>)> term) {
  KernelBuilder::Vals zeros(numSums, k.zeros());
  return k.loop(first, end, kChunkRows, zeros, [&](Val chunk, ArrayRef<Val> totals) {
    KernelBuilder::Vals sums = k.loop(chunk, min(chunk + kChunkRows, end), 1, zeros, term);
    for (auto [sum, total] : llvm::zip(sums, totals))
      sum = total + sum;
    return sums;
  });
}

SmallVector<int64_t> membersOf(ArrayRef<int64_t> map) {
  SmallVector<int64_t> members;
  for (int64_t member : map)
    if (member >= 0)
      members.push_back(member);
  llvm::sort(members);
  members.erase(llvm::unique(members), members.end());
  return members;
}

void sumRowsOfMembers(KernelBuilder &k, ArrayRef<int64_t> map, Buffer offset, int64_t width, int64_t numSums,
                      function_ref<KernelBuilder::Vals(Val, const ColumnBlock &, ArrayRef<Val>)> term,
                      function_ref<void(Val, const ColumnBlock &, ArrayRef<Val>)> finish) {
  int64_t numBlocks = (width + kBlockColumns - 1) / kBlockColumns;
  SmallVector<int64_t> members = membersOf(map);
  k.units([&](Val unit) {
    Val member = k.lookUp(members, unit / numBlocks);
    ColumnBlock columns(k, width, unit % numBlocks);
    KernelBuilder::Vals zeros(numSums * columns.size(), k.zeros());
    KernelBuilder::Vals totals =
        k.loop(0, static_cast<int64_t>(map.size()), 1, zeros, [&](Val group, ArrayRef<Val> totals) {
          Val first = k.convert(offset.load(group), k.i64());
          Val end = k.convert(offset.load(group + 1), k.i64());
          end = select(k.lookUp(map, group) == member, end, first);
          KernelBuilder::Vals sums = sumRows(k, first, end, zeros.size(),
                                             [&](Val row, ArrayRef<Val> sums) { return term(row, columns, sums); });
          for (auto [sum, total] : llvm::zip(sums, totals))
            sum = total + sum;
          return sums;
        });
    finish(member, columns, totals);
  });
}

} // namespace mlir::motley::codegen
