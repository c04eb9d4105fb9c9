// Dispatches a plan.kernel over its family, and writes the calling convention of kernel functions once for all.
#include "codegen/cpu/Kernels.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "llvm/ADT/TypeSwitch.h"

namespace mlir::motley::codegen {

SmallVector<Type> KernelFrame::operandTypes() {
  return SmallVector<Type>(kernel.getOperandTypes().getAsValueRange<TypeAttr>());
}

MemRefType KernelFrame::memrefType(unsigned operand) {
  return cast<MemRefType>(cast<TypeAttr>(kernel.getOperandTypes()[operand]).getValue());
}

std::string kernelSymbol(plan::KernelOp kernel, const Target &target) {
  return (kernel.getSymName() + "_" + target.name).str();
}

namespace {

/// Every family that has an emitter. The order is that of dialect/PlanKernels.td.
template <typename Visitor> auto visitFamily(Attribute family, Visitor visit) {
  using Result = decltype(visit(plan::FillAttr()));
  return TypeSwitch<Attribute, Result>(family)
      .template Case<plan::GroupByAttr, plan::ReindexAttr, plan::PermuteAttr, plan::TilesAttr, plan::ClampOffsetsAttr>(
          visit)
      .template Case<plan::MatmulAttr, plan::OuterAttr>(visit)
      .template Case<plan::SelectAttr, plan::RestrictAttr, plan::ReindexSelectionAttr, plan::CombineAttr,
                     plan::SlotValuesAttr, plan::SlotValuesBackwardAttr, plan::CountChosenAttr>(visit)
      .template Case<plan::ChooseExpertsAttr, plan::ChooseAboveAttr, plan::ChooseTopPAttr, plan::ChooseTokensAttr,
                     plan::LimitCapacityAttr, plan::OneHotAttr, plan::HashAttr, plan::NoiseAttr>(visit)
      .template Case<plan::RowSumAttr, plan::RowBroadcastAttr, plan::SoftmaxAttr, plan::LogSumExpAttr,
                     plan::MeanRowsAttr, plan::ToFloatAttr>(visit)
      .template Case<plan::StaticGroupsAttr, plan::SoftmaxRowsAttr, plan::SoftmaxRowsBackwardAttr, plan::MixRowsAttr,
                     plan::UnmixRowsAttr, plan::MixProductsAttr>(visit)
      .template Case<plan::MapAttr, plan::FillAttr, plan::MergeAttr>(visit)
      .template Case<plan::BiasAttr, plan::ColumnSumAttr, plan::NormAttr, plan::NormBackwardAttr, plan::NormGainAttr>(
          visit)
      .template Case<plan::RopeAttr, plan::AttentionAttr, plan::AttentionDeltaAttr, plan::AttentionQueryAttr,
                     plan::AttentionKeyAttr>(visit)
      .template Case<plan::EmbeddingAttr, plan::EmbeddingBackwardAttr, plan::SoftmaxCrossEntropyAttr,
                     plan::LossSumsAttr>(visit)
      .template Case<plan::SumSquaresAttr, plan::NormFinishAttr, plan::AdamWAttr, plan::InitialiseAttr>(visit)
      .Default([](Attribute) { return Result(); });
}

} // namespace

StringRef familyName(plan::KernelOp kernel) {
  return visitFamily(kernel.getFamily(), [](auto family) -> StringRef { return family.getMnemonic(); });
}

bool roundsToBf16(plan::KernelOp kernel) {
  return TypeSwitch<Attribute, bool>(kernel.getFamily())
      .Case<plan::MatmulAttr, plan::OuterAttr>([](auto family) { return family.getPrecision() == Precision::bf16; })
      .Default([](Attribute) { return false; });
}

FailureOr<int64_t> emitKernel(plan::KernelOp kernel, OpBuilder &moduleBuilder, const Target &target) {
  if (familyName(kernel).empty())
    return kernel.emitOpError() << "has the family " << kernel.getFamily() << ", for which there is no CPU kernel";
  OpBuilder::InsertionGuard guard(moduleBuilder);
  Location loc = kernel.getLoc();
  Type pointer = LLVM::LLVMPointerType::get(moduleBuilder.getContext());
  Type index = moduleBuilder.getI64Type();
  auto type = moduleBuilder.getFunctionType({pointer, pointer, index, index}, {});
  auto function = func::FuncOp::create(moduleBuilder, loc, kernelSymbol(kernel, target), type);
  Block *entry = function.addEntryBlock();
  moduleBuilder.setInsertionPointToStart(entry);
  auto end = func::ReturnOp::create(moduleBuilder, loc);
  moduleBuilder.setInsertionPoint(end);
  KernelFrame frame = {kernel,
                       moduleBuilder,
                       target,
                       entry->getArgument(0),
                       entry->getArgument(1),
                       entry->getArgument(2),
                       entry->getArgument(3)};
  return visitFamily(kernel.getFamily(), [&](auto family) -> FailureOr<int64_t> { return emit(family, frame); });
}

} // namespace mlir::motley::codegen
