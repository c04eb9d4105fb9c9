// Losses. The logits of all rows are never there at once: a window of rows after the other goes through the head,
// forward and backward, in one short buffer that the kernels see as rows [begin, end) of a long one.
#include "passes/KernelChoice.h"
#include "passes/LowerToPlan.h"

using namespace mlir;
using namespace mlir::motley;
using plan::MatmulForm;

namespace {

/// The adjoint's part of a cross-entropy.
struct HeadBackward {
  Value dce, dz; ///< buffers of the cotangents
  Value dinput;  ///< buffer of the input's cotangent
  Value add;     ///< whether the first window adds to the head's gradient
  bool trains;   ///< whether the head has a gradient
};

/// Lowers one cross-entropy, window after window.
class HeadLowering {
public:
  HeadLowering(Location loc, BankOp bank, plan::HeadChoiceAttr choice, double zLoss, Precision precision,
               StepBuilder &step)
      : loc(loc), bank(bank), choice(choice), precision(precision),
        zLoss(Builder(step.context()).getF64FloatAttr(zLoss)), step(step) {}

  template <typename OpTy> void run(OpTy op, const HeadBackward *backward) {
    input = step.buffer(op.getInput());
    table = step.table(op.getGroups());
    Value targets = step.buffer(op.getTargets());
    Value ce = step.destination(op.getCe());
    Value z = step.destination(op.getZ());
    // The head is one member, and every group meets it.
    map.assign(table.numGroups, 0);
    numRows = cast<MemRefType>(input.getType()).getDimSize(0);
    Value logits = step.alloc(loc, {choice.getWindow(), columns()}, Float32Type::get(step.context()));
    for (int64_t begin = 0; begin < numRows; begin += choice.getWindow())
      lowerWindow(begin, std::min(numRows, begin + choice.getWindow()), logits, targets, ce, z, backward);
  }

private:
  int64_t inputs() { return bank.getRangeType(0).getDimSize(0); }
  int64_t columns() { return bank.getRangeType(0).getDimSize(1); }

  void lowerWindow(int64_t begin, int64_t end, Value logits, Value targets, Value ce, Value z,
                   const HeadBackward *backward) {
    Value offset = step.alloc(loc, {table.numGroups + 1}, IntegerType::get(step.context(), 32));
    Builder b(step.context());
    step.launch(loc, {plan::ClampOffsetsAttr::get(step.context()),
                      {reads(table.offset), reads(step.constant(b.getI32IntegerAttr(begin))),
                       reads(step.constant(b.getI32IntegerAttr(end))), writes(offset)}});
    Value rows = step.window(loc, logits, begin, numRows);
    int64_t height = end - begin;
    multiply(MatmulForm::forward, choice.getForward(), input, rows, offset, height);

    Launch loss{plan::SoftmaxCrossEntropyAttr::get(step.context(), zLoss, backward != nullptr),
                {backward ? updates(rows) : reads(rows), reads(targets), reads(offset),
                 reads(step.constant(b.getI64IntegerAttr(begin)))},
                nullptr,
                ceilDiv(height, 8),
                (backward ? 7 : 4) * height * columns(),
                (backward ? 2 : 1) * 4 * height * columns()};
    if (backward)
      loss.operands.append({reads(backward->dce), reads(backward->dz)});
    loss.operands.append({writes(ce), writes(z)});
    step.launch(loc, loss);
    if (!backward)
      return;

    multiply(MatmulForm::transposed, choice.getTransposed(), rows, backward->dinput, offset, height);
    if (!backward->trains)
      return;
    int64_t perBlock = choice.getOuter().getPanelsPerBlock();
    step.launch(loc, {plan::OuterAttr::get(step.context(), plan::getFirstPanel(bank, 0), map, perBlock, false, false,
                                           precision),
                      {reads(input), reads(rows), reads(offset), reads(begin == 0 ? backward->add : step.truth()),
                       updates(step.state(bank, plan::Slot::grad))},
                      nullptr,
                      forwardColumnBlocks(columns(), perBlock, false),
                      2 * height * inputs() * columns(),
                      4 * (height * (inputs() + columns()) + 2 * inputs() * columns())});
  }

  /// The rows of one window times the head, or its transpose.
  void multiply(MatmulForm form, plan::ChoiceAttr cut, Value from, Value to, Value offset, int64_t height) {
    // A list for a full window, so that a short last one shares the kernels of the others.
    TileList tiles = step.tiles(loc, offset, choice.getWindow(), cut.getRowTile());
    int64_t perBlock = cut.getPanelsPerBlock();
    int64_t blocks = form == MatmulForm::forward ? forwardColumnBlocks(columns(), perBlock, false)
                                                 : transposedColumnBlocks(inputs(), perBlock);
    step.launch(loc, {plan::MatmulAttr::get(step.context(), form, plan::getFirstPanel(bank, 0), map, perBlock, blocks,
                                            /*gathered=*/false, precision),
                      {reads(from), reads(step.state(bank, plan::Slot::param)), reads(tiles.list), writes(to)},
                      tiles.count,
                      blocks,
                      2 * height * inputs() * columns(),
                      4 * (height * (inputs() + columns()) + inputs() * columns())});
  }

  Location loc;
  BankOp bank;
  plan::HeadChoiceAttr choice;
  Precision precision;
  FloatAttr zLoss;
  StepBuilder &step;
  Value input;
  Table table;
  SmallVector<int64_t> map;
  int64_t numRows = 0;
};

} // namespace

LogicalResult mlir::motley::lower(GroupedCrossEntropyOp op, StepBuilder &step) {
  FailureOr<BankOp> bank = getBank(op, op.getBankAttr(), Layout::panels);
  FailureOr<plan::HeadChoiceAttr> choice = getChoice<plan::HeadChoiceAttr>(op);
  if (failed(bank) || failed(choice))
    return failure();
  HeadLowering(op.getLoc(), *bank, *choice, op.getZLoss().convertToDouble(), op.getPrecision().value_or(Precision::f32),
               step)
      .run(op, nullptr);
  return success();
}

LogicalResult mlir::motley::lower(GroupedCrossEntropyBackwardOp op, StepBuilder &step) {
  FailureOr<BankOp> bank = getBank(op, op.getBankAttr(), Layout::panels);
  FailureOr<plan::HeadChoiceAttr> choice = getChoice<plan::HeadChoiceAttr>(op);
  if (failed(bank) || failed(choice))
    return failure();
  HeadBackward backward{step.buffer(op.getDce()), step.buffer(op.getDz()), step.destination(op.getDinput()),
                        step.scalar(op.getAdd()), !isFrozen(op, bank->getVariable(0, 0))};
  HeadLowering(op.getLoc(), *bank, *choice, op.getZLoss().convertToDouble(), op.getPrecision().value_or(Precision::f32),
               step)
      .run(op, &backward);
  return success();
}

LogicalResult mlir::motley::lower(LossSumsOp op, StepBuilder &step) {
  SmallVector<int64_t> begins, ends;
  for (ModalityOp modality : getModalities(op)) {
    begins.push_back(modality.getBegin());
    ends.push_back(modality.getEnd());
  }
  Launch launch{plan::LossSumsAttr::get(step.context(), begins, ends), {}};
  for (Value loss : op.getLosses())
    launch.operands.push_back(reads(step.buffer(loss)));
  launch.operands.append({reads(step.buffer(op.getWeights())), reads(step.buffer(op.getTargets())),
                          reads(step.table(op.getGroups()).offset), writes(step.destination(op.getSums()))});
  launch.flops = 2 * static_cast<int64_t>(op.getLosses().size()) * numElements(op.getWeights());
  step.launch(op.getLoc(), launch);
  return success();
}
