// What touches the state of a model outside its layers: initial values, the norm of all gradients, AdamW.
#include "passes/KernelChoice.h"
#include "passes/LowerToPlan.h"

using namespace mlir;
using namespace mlir::motley;

/// 64-bit FNV-1a of a variable's name: the site of its draws.
static uint64_t hashName(StringRef name) {
  uint64_t hash = 0xcbf29ce484222325;
  for (unsigned char byte : name.bytes())
    hash = (hash ^ byte) * 0x100000001b3;
  return hash;
}

LogicalResult mlir::motley::lower(InitialiseOp op, StepBuilder &step) {
  FailureOr<BankOp> bank = getBank(op, op.getBankAttr());
  if (failed(bank))
    return failure();
  Builder b(step.context());
  Value param = step.state(*bank, plan::Slot::param);
  for (int64_t member = 0; member < bank->getNumMembers(); ++member)
    for (int64_t range = 0; range < bank->getNumRanges(); ++range) {
      VariableOp variable = bank->getVariable(member, range);
      RankedTensorType type = variable.getTensorType();
      int64_t rows = type.getRank() == 1 ? 1 : type.getDimSize(0);
      int64_t columns = type.getShape().back();
      int64_t panel = bank->getLayout() == Layout::panels ? plan::getFirstPanel(*bank, range) : 0;
      step.launch(op.getLoc(), {plan::InitialiseAttr::get(step.context(), variable.getInit(), rows, columns),
                                {updates(param), reads(step.scalar(op.getSeed())),
                                 reads(step.constant(b.getF32FloatAttr(variable.getScale().convertToDouble()))),
                                 reads(step.constant(b.getI64IntegerAttr(hashName(variable.getSymName())))),
                                 reads(step.constant(b.getI64IntegerAttr(member))),
                                 reads(step.constant(b.getI64IntegerAttr(panel)))},
                                nullptr,
                                ceilDiv(rows, 32),
                                0,
                                4 * rows * columns});
    }
  return success();
}

LogicalResult mlir::motley::lower(GradientNormOp op, StepBuilder &step) {
  SmallVector<Value> gradients;
  SmallVector<int64_t> first;
  int64_t numBlocks = 0;
  for (auto symbol : op.getBanks().getAsRange<FlatSymbolRefAttr>()) {
    FailureOr<BankOp> bank = getBank(op, symbol);
    if (failed(bank))
      return failure();
    gradients.push_back(step.state(*bank, plan::Slot::grad));
    first.push_back(numBlocks);
    numBlocks += ceilDiv(numElements(gradients.back()), 65536);
  }
  Builder b(step.context());
  Value partial = step.alloc(op.getLoc(), {numBlocks}, Float64Type::get(step.context()));
  for (auto [gradient, begin] : llvm::zip(gradients, first))
    step.launch(op.getLoc(), {plan::SumSquaresAttr::get(step.context()),
                              {reads(gradient), reads(step.constant(b.getI64IntegerAttr(begin))), writes(partial)},
                              nullptr,
                              ceilDiv(numElements(gradient), 65536),
                              2 * numElements(gradient)});
  step.launch(op.getLoc(),
              {plan::NormFinishAttr::get(step.context()), {reads(partial), writes(step.destination(op.getNorm()))}});
  return success();
}

/// Elements of a unit of adamw.
static constexpr int64_t kUpdateBlock = 16384;

/// What updates which elements of a bank, in order: where its variables lie, each with its own rule. Neighbours of one
/// rule are one run. Frozen variables are left out.
static SmallVector<plan::RunAttr> findRuns(AdamWOp op, BankOp bank, int64_t numElements) {
  Builder b(op.getContext());
  auto missed = op->getParentOfType<func::FuncOp>()->getAttrOfType<DictionaryAttr>(kMissedAttrName);
  int64_t panels = 0;
  bool isPacked = bank.getLayout() == Layout::panels;
  for (int64_t range = 0; isPacked && range < bank.getNumRanges(); ++range)
    panels += ceilDiv(bank.getRangeType(range).getDimSize(1), 32);
  SmallVector<plan::RunAttr> runs;
  for (int64_t member = 0; member < bank.getNumMembers(); ++member)
    for (int64_t range = 0; range < bank.getNumRanges(); ++range) {
      VariableOp variable = bank.getVariable(member, range);
      if (isFrozen(op, variable))
        continue;
      int64_t perMember = numElements / bank.getNumMembers(), from = member * perMember, size = perMember;
      if (isPacked) {
        int64_t perPanel = perMember / panels;
        from += plan::getFirstPanel(bank, range) * perPanel;
        size = ceilDiv(bank.getRangeType(range).getDimSize(1), 32) * perPanel;
      }
      auto steps = missed ? missed.getAs<IntegerAttr>(variable.getSymName()) : IntegerAttr();
      auto run = plan::RunAttr::get(
          op.getContext(), from, from + size, variable.getRate() ? variable.getRateAttr() : b.getF64FloatAttr(1),
          variable.getDecay() ? variable.getDecayAttr() : op.getWeightDecayAttr(), steps ? steps.getInt() : 0);
      plan::RunAttr last = runs.empty() ? plan::RunAttr() : runs.back();
      if (last && last.getTo() == from && last.getRate() == run.getRate() && last.getDecay() == run.getDecay() &&
          last.getMissed() == run.getMissed())
        runs.back() = plan::RunAttr::get(op.getContext(), last.getFrom(), run.getTo(), run.getRate(), run.getDecay(),
                                         run.getMissed());
      else
        runs.push_back(run);
    }
  return runs;
}

LogicalResult mlir::motley::lower(AdamWOp op, StepBuilder &step) {
  FailureOr<BankOp> bank = getBank(op, op.getBankAttr());
  if (failed(bank))
    return failure();
  Builder b(step.context());
  Value param = step.state(*bank, plan::Slot::param);
  SmallVector<plan::RunAttr> runs = findRuns(op, *bank, numElements(param));
  if (runs.empty())
    return success();
  int64_t units = 0, updated = 0;
  for (plan::RunAttr run : runs) {
    units += ceilDiv(run.getTo() - run.getFrom(), kUpdateBlock);
    updated += run.getTo() - run.getFrom();
  }
  FloatAttr decay = op.getWeightDecayAttr();
  ArrayAttr rules;
  bool isOneRule = runs.size() == 1 && updated == numElements(param) && runs[0].getMissed() == 0 &&
                   runs[0].getRate().getValueAsDouble() == 1;
  if (isOneRule)
    decay = runs[0].getDecay();
  else
    rules = b.getArrayAttr(SmallVector<Attribute>(runs.begin(), runs.end()));
  Launch launch{plan::AdamWAttr::get(step.context(), op.getBeta1Attr(), op.getBeta2Attr(), op.getEpsilonAttr(), decay,
                                     op.getClipAttr(), op.getEmaAttr(), rules),
                {updates(param), reads(step.state(*bank, plan::Slot::grad)), updates(step.state(*bank, plan::Slot::m)),
                 updates(step.state(*bank, plan::Slot::v))},
                nullptr,
                units,
                14 * updated};
  if (op.getEma())
    launch.operands.push_back(updates(step.state(*bank, plan::Slot::ema)));
  launch.operands.append(
      {reads(step.buffer(op.getNorm())), reads(step.scalar(op.getLearningRate())), reads(step.scalar(op.getStep()))});
  step.launch(op.getLoc(), launch);
  return success();
}
