// Structured operations of linalg, from their definition: for each point of the loops the body, its arguments read
// through the indexing maps. Parallel loops run at once, as tensors; loops that reduce run one after the other,
// ascending.
#include "tools/interp/Frame.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"

namespace mlir::motley::interp {

namespace {

/// Calls visit(point) for each point below `bounds`, the last dimension fastest.
template <typename Visit> void forEachPoint(ArrayRef<int64_t> bounds, Visit visit) {
  if (llvm::is_contained(bounds, 0))
    return;
  SmallVector<int64_t> point(bounds.size(), 0);
  while (true) {
    visit(ArrayRef<int64_t>(point));
    int64_t dimension = static_cast<int64_t>(bounds.size()) - 1;
    while (dimension >= 0 && ++point[dimension] == bounds[dimension])
      point[dimension--] = 0;
    if (dimension < 0)
      return;
  }
}

/// Row-major position of an index.
int64_t positionOf(ArrayRef<int64_t> index, ArrayRef<int64_t> shape) {
  int64_t position = 0;
  for (auto [i, size] : llvm::zip_equal(index, shape))
    position = position * size + i;
  return position;
}

/// The loops of one operation, split into those that run at once and those that reduce.
class Loops {
public:
  Loops(linalg::LinalgOp op) : ranges(op.getStaticLoopRanges()) {
    for (auto [loop, kind] : llvm::enumerate(op.getIteratorTypesArray())) {
      bool isParallel = kind == utils::IteratorType::parallel;
      (isParallel ? parallel : reduction).push_back(loop);
      (isParallel ? parallelRanges : reductionRanges).push_back(ranges[loop]);
    }
  }

  /// Calls visit(element, position): where the operand of this shape is read for each element of the parallel loops.
  template <typename Visit>
  void forEachElement(AffineMap map, ArrayRef<int64_t> shape, ArrayRef<int64_t> reductionPoint, Visit visit) const {
    SmallVector<int64_t> point(ranges.size());
    for (auto [loop, value] : llvm::zip(reduction, reductionPoint))
      point[loop] = value;
    int64_t element = 0;
    forEachPoint(parallelRanges, [&](ArrayRef<int64_t> parallelPoint) {
      for (auto [loop, value] : llvm::zip(parallel, parallelPoint))
        point[loop] = value;
      visit(element++, positionOf(map.compose(point), shape));
    });
  }

  SmallVector<int64_t> ranges, parallelRanges, reductionRanges;
  SmallVector<unsigned> parallel, reduction;
};

} // namespace

LogicalResult evaluate(linalg::LinalgOp op, Frame &frame) {
  if (op.hasDynamicShape() || !op.hasPureTensorSemantics())
    return op.emitError("the interpreter runs linalg on static tensors");
  Loops loops(op);
  SmallVector<Tensor> results;
  for (Value init : op.getDpsInits()) {
    results.push_back(frame.tensor(init));
    if (!results.back().isFloat)
      return op.emitError() << "the interpreter runs linalg on floats, got a " << init.getType();
  }
  int64_t numInputs = op.getNumDpsInputs();
  LogicalResult status = success();
  forEachPoint(loops.reductionRanges, [&](ArrayRef<int64_t> reductionPoint) {
    if (failed(status))
      return;
    std::vector<RuntimeValue> arguments;
    for (BlockArgument argument : op.getBlock()->getArguments()) { // linalg.map may have none for its init
      OpOperand &operand = op->getOpOperand(argument.getArgNumber());
      int64_t result = static_cast<int64_t>(operand.getOperandNumber()) - numInputs;
      const Tensor &source = result >= 0 ? results[result] : frame.tensor(operand.get());
      Tensor read = source.isFloat ? Tensor::ofFloats(loops.parallelRanges) : Tensor::ofInts(loops.parallelRanges);
      loops.forEachElement(op.getMatchingIndexingMap(&operand), source.shape, reductionPoint,
                           [&](int64_t element, int64_t position) {
                             if (source.isFloat)
                               read.floats[element] = source.floats[position];
                             else
                               read.ints[element] = source.ints[position];
                           });
      arguments.push_back(std::move(read));
    }
    FailureOr<std::vector<Tensor>> yielded =
        runElementwiseRegion(*op.getBlock()->getParent(), std::move(arguments), loops.parallelRanges, frame);
    if (failed(yielded)) {
      status = failure();
      return;
    }
    for (auto [number, result] : llvm::enumerate(results)) {
      AffineMap map = op.getMatchingIndexingMap(op.getDpsInitOperand(number));
      std::vector<double> &values = (*yielded)[number].floats;
      loops.forEachElement(map, result.shape, reductionPoint,
                           [&](int64_t element, int64_t position) { result.floats[position] = values[element]; });
    }
  });
  if (failed(status))
    return failure();
  for (auto [result, value] : llvm::zip(op->getResults(), results))
    frame.set(result, std::move(value));
  return success();
}

} // namespace mlir::motley::interp
