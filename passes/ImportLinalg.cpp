// Structured operations of linalg on rows. The rows are the first dimension of every tensor; of the loops of an
// operation, `row` runs over them and `column`, if there is one, over the second dimension.
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "passes/ScalarMath.h"

using namespace mlir;
using namespace mlir::motley;

namespace {

constexpr StringLiteral kReductionRemedy =
    "rows from the live end on are never read: motley.mean_rows takes the mean of the live rows, and what the loss "
    "function returns is summed over them";

/// One linalg operation.
class LinalgImport {
public:
  LinalgImport(linalg::LinalgOp op) : op(op), b(op), map(op) {}

  LogicalResult run() {
    if (failed(checkOperands()) || failed(findLoops()) || failed(checkIterators()) || failed(checkBody()) ||
        (reducesColumns && failed(findTerms())) || failed(bindArguments()))
      return failure();
    for (Operation &inner : op.getBlock()->without_terminator())
      if (!llvm::is_contained(sums, &inner) && failed(cloneAsScalar(&inner, map.builder(), scalars)))
        return failure();
    return reducesColumns ? replaceReduction() : replaceElementwise();
  }

private:
  linalg::LinalgOp op;
  OpBuilder b;
  MapBuilder map;
  IRMapping scalars;
  unsigned row = 0;
  std::optional<unsigned> column;
  bool reducesColumns = false;
  SmallVector<Operation *> sums; // of a reduction: the addition of each result, and what it adds
  SmallVector<Value> terms;

  static RankedTensorType tensorOf(Value value) { return dyn_cast<RankedTensorType>(value.getType()); }

  LogicalResult checkOperands() {
    for (OpOperand &operand : op->getOpOperands()) {
      Value value = operand.get();
      auto tensor = tensorOf(value);
      if (!tensor && value.getType().isF32())
        continue;
      if (!tensor || !tensor.getElementType().isF32() || !tensor.hasStaticShape())
        return op.emitError() << "works on " << value.getType()
                              << "; a user's own mathematics works on static tensors of f32: arith.sitofp makes "
                                 "numbers of a tensor of integers before it";
      if (tensor.getRank() > 2)
        return op.emitError() << "works on " << tensor << ", expected tensors [rows] or [rows, columns]";
      if (!op.getMatchingIndexingMap(&operand).isProjectedPermutation())
        return op.emitError() << "reads or writes through " << AffineMapAttr::get(op.getMatchingIndexingMap(&operand))
                              << ", expected a projected permutation: every loop at most once, nothing shifted or "
                                 "gathered";
    }
    return success();
  }

  /// Says which loop runs over rows. A constant that is the same everywhere may be read in any way.
  LogicalResult findLoops() {
    std::optional<unsigned> found;
    for (OpOperand &operand : op->getOpOperands()) {
      auto tensor = tensorOf(operand.get());
      AffineMap indices = op.getMatchingIndexingMap(&operand);
      if (!tensor || tensor.getRank() == 0 || (op.isDpsInput(&operand) && constantNumber(operand.get())))
        continue;
      unsigned first = indices.getDimPosition(0);
      if (tensor.getRank() == 2) {
        if (column && *column != indices.getDimPosition(1))
          return failRows(first, indices.getDimPosition(1));
        column = indices.getDimPosition(1);
      }
      if (found && *found != first)
        return failRows(*found, first);
      found = first;
    }
    if (!found)
      return op.emitError("gives no rows, expected results [rows] or [rows, columns]; ") << kReductionRemedy;
    row = *found;
    if (op.getNumLoops() > (column ? 2u : 1u))
      return op.emitError() << "has " << op.getNumLoops()
                            << " loops, expected one over rows and one over columns; a product with a matrix is "
                               "motley.linear";
    return success();
  }

  /// Two tensors have their rows along different loops.
  LogicalResult failRows(unsigned a, unsigned c) {
    SmallVector<utils::IteratorType> kinds = op.getIteratorTypesArray();
    for (unsigned loop : {a, c})
      if (kinds[loop] == utils::IteratorType::reduction && kinds[loop == a ? c : a] == utils::IteratorType::parallel &&
          op.getNumLoops() == 2)
        return op.emitError("reduces over rows; ") << kReductionRemedy;
    for (OpOperand &operand : op->getOpOperands())
      if (auto tensor = tensorOf(operand.get()); tensor && tensor.getRank() == 1 && op.getNumLoops() == 2 && column &&
                                                 op.getMatchingIndexingMap(&operand).getDimPosition(0) == *column)
        return op.emitError() << "reads " << tensor
                              << " along the columns; a vector over columns is a parameter: the bias of motley.linear "
                                 "or the gain of motley.norm";
    if (op.getNumLoops() > 2)
      return op.emitError("multiplies matrices or mixes rows; a product with a matrix is motley.linear");
    return op.emitError("moves rows: they are the first dimension of one tensor and the second of another; every row "
                        "is computed from itself alone");
  }

  LogicalResult checkIterators() {
    SmallVector<utils::IteratorType> kinds = op.getIteratorTypesArray();
    if (kinds[row] != utils::IteratorType::parallel)
      return op.emitError("reduces over rows; ") << kReductionRemedy;
    reducesColumns = column && kinds[*column] != utils::IteratorType::parallel;
    for (OpOperand &init : op.getDpsInitsMutable()) {
      unsigned rank = tensorOf(init.get()).getRank();
      if (rank != (column && !reducesColumns ? 2 : 1))
        return op.emitError() << "gives " << init.get().getType() << ", expected "
                              << (reducesColumns ? "one number for each row" : "as many dimensions as loops");
    }
    return success();
  }

  LogicalResult checkBody() {
    for (Operation &inner : op.getBlock()->without_terminator()) {
      if (isa<linalg::IndexOp>(inner))
        return inner.emitError("'linalg.index' is the place of a row or column, which the compiler is free to change; "
                               "pass a field of the rows as an operand instead");
      if (failed(checkScalarOperation(&inner)))
        return failure();
    }
    return success();
  }

  Value argumentOf(OpOperand &operand) {
    unsigned number = operand.getOperandNumber(); // a linalg.map may have none for its init
    return number < op.getBlock()->getNumArguments() ? op.getBlock()->getArgument(number) : Value();
  }

  /// Maps the arguments of the body, and the constants that it reads from outside, to scalars of the map.
  LogicalResult bindArguments() {
    for (OpOperand &operand : op->getOpOperands()) {
      Value argument = argumentOf(operand);
      bool isSum = reducesColumns && op.isDpsInit(&operand);
      if (!argument || argument.use_empty() || isSum)
        continue;
      FailureOr<Value> scalar = scalarOf(operand.get());
      if (failed(scalar))
        return failure();
      scalars.map(argument, *scalar);
    }
    for (Operation &inner : *op.getBlock())
      for (Value operand : scalarOperands(&inner)) {
        if (operand.getParentBlock() == op.getBlock() || scalars.contains(operand))
          continue;
        FailureOr<Value> scalar = scalarOf(operand);
        if (failed(scalar))
          return failure();
        scalars.map(operand, *scalar);
      }
    return success();
  }

  FailureOr<Value> scalarOf(Value value) {
    if (FloatAttr number = constantNumber(value))
      return map.number(number);
    auto tensor = tensorOf(value);
    if (!tensor || tensor.getRank() == 0)
      return op.emitError() << "reads a " << value.getType()
                            << " that is no constant; motley.scale multiplies rows by a scalar";
    if (value.getDefiningOp<tensor::EmptyOp>())
      return op.emitError("reads what it writes, a tensor.empty that holds nothing yet; fill it first");
    if (tensor.getRank() == 1 && column)
      value = RowBroadcastOp::create(b, op.getLoc(), loopType(), value);
    return map.argumentFor(value);
  }

  /// The tensor that the loops run over.
  RankedTensorType loopType() {
    SmallVector<int64_t> ranges = op.getStaticLoopRanges(), shape{ranges[row]};
    if (column)
      shape.push_back(ranges[*column]);
    return RankedTensorType::get(shape, b.getF32Type());
  }

  LogicalResult replaceElementwise() {
    SmallVector<Value> yielded;
    for (Value value : op.getBlock()->getTerminator()->getOperands())
      yielded.push_back(scalars.lookup(value));
    SmallVector<Value> results = map.finish(yielded, loopType());
    op->replaceAllUsesWith(results);
    op->erase();
    return success();
  }

  /// Every result must be the sum over columns of a term, and what was in the init.
  LogicalResult findTerms() {
    Block *body = op.getBlock();
    for (OpOperand &init : op.getDpsInitsMutable()) {
      Value sum = argumentOf(init);
      Value yielded = body->getTerminator()->getOperand(terms.size());
      auto add = yielded.getDefiningOp<arith::AddFOp>();
      bool isSum = add && sum.hasOneUse() && (add.getLhs() == sum) != (add.getRhs() == sum) && add->hasOneUse();
      if (!isSum)
        return (yielded.getDefiningOp() ? yielded.getDefiningOp() : op.getOperation())
                   ->emitError("reduces columns by something else than a sum")
               << "; motley.softmax and motley.log_sum_exp take the maximum of a row themselves";
      sums.push_back(add);
      terms.push_back(add.getLhs() == sum ? add.getRhs() : add.getLhs());
    }
    return success();
  }

  LogicalResult replaceReduction() {
    SmallVector<Value> results =
        map.finish(llvm::map_to_vector(terms, [&](Value term) { return scalars.lookup(term); }), loopType());
    for (auto [result, init] : llvm::zip(results, op.getDpsInits())) {
      result = RowSumOp::create(b, op.getLoc(), init.getType(), result);
      FloatAttr start = constantNumber(init);
      if (!start || !start.getValue().isZero())
        result = arith::AddFOp::create(b, op.getLoc(), result, init);
    }
    op->replaceAllUsesWith(results);
    op->erase();
    return success();
  }
};

} // namespace

LogicalResult mlir::motley::importLinalg(linalg::LinalgOp op) { return LinalgImport(op).run(); }
