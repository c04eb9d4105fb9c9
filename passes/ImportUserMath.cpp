// A user's own mathematics becomes operations of level 1: linalg and elementwise arith and math on tensors turn into
// motley.map, motley.row_sum and motley.row_broadcast.
//
// Rows from the live end on are dead and their order is the compiler's own, so every operation must work row by row.
// The rows are the first dimension of every tensor; of the loops of a linalg operation, `row` runs over them and
// `column`, if there is one, over the second dimension.
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "passes/ScalarMath.h"

namespace mlir::motley {
#define GEN_PASS_DEF_IMPORTUSERMATH
#include "passes/Passes.h.inc"
} // namespace mlir::motley

using namespace mlir;
using namespace mlir::motley;

namespace {

constexpr StringLiteral kReductionRemedy =
    "rows from the live end on are never read: motley.mean_rows takes the mean of the live rows, and what the loss "
    "function returns is summed over them";

/// A region under construction, and the tensors that its arguments stand for.
class MapBuilder {
public:
  MapBuilder(Operation *at) : loc(at->getLoc()), outer(at), inner(at->getContext()) {
    inner.setInsertionPointToEnd(&region.emplaceBlock());
  }

  OpBuilder &builder() { return inner; }

  /// The scalar of a tensor: one argument for each.
  Value argumentFor(Value tensor) {
    auto known = llvm::find(inputs, tensor);
    size_t index = known - inputs.begin();
    if (known == inputs.end()) {
      inputs.push_back(tensor);
      region.front().addArgument(inner.getF32Type(), tensor.getLoc());
    }
    return region.front().getArgument(index);
  }
  Value number(FloatAttr value) { return arith::ConstantOp::create(inner, loc, value); }

  /// One tensor of `type` for each scalar. A scalar that is an argument or a constant needs no map.
  SmallVector<Value> finish(ArrayRef<Value> scalars, RankedTensorType type) {
    SmallVector<Value> results, computed;
    for (Value scalar : scalars) {
      if (auto argument = dyn_cast<BlockArgument>(scalar))
        results.push_back(inputs[argument.getArgNumber()]);
      else if (FloatAttr value = constantNumber(scalar))
        results.push_back(arith::ConstantOp::create(outer, loc, DenseElementsAttr::get(type, Attribute(value))));
      else {
        results.push_back({});
        computed.push_back(scalar);
      }
    }
    if (computed.empty())
      return results;
    if (inputs.empty()) // a map has one at least
      argumentFor(arith::ConstantOp::create(outer, loc, outer.getZeroAttr(type)));
    YieldOp::create(inner, loc, computed);
    auto map = MapOp::create(outer, loc, SmallVector<Type>(computed.size(), type), inputs);
    map.getBody().takeBody(region);
    auto next = map.getResults().begin();
    for (Value &result : results)
      if (!result)
        result = *next++;
    return results;
  }

private:
  Location loc;
  OpBuilder outer, inner;
  Region region;
  SmallVector<Value> inputs;
};

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

/// An elementwise operation of arith or math on tensors: with what it reads of tensors of i1, which have no buffers.
class TensorImport {
public:
  TensorImport(Operation *op) : op(op), map(op) {}

  /// Those that every pass and kernel knows on tensors stay as they are.
  static bool isWanted(Operation *op) {
    if (!isa_and_nonnull<arith::ArithDialect, math::MathDialect>(op->getDialect()) ||
        !op->hasTrait<OpTrait::Elementwise>() || op->getNumResults() != 1 || !isRows(op->getResult(0).getType(), 32))
      return false;
    return llvm::any_of(op->getOperandTypes(), [](Type type) { return isRows(type, 1); }) ||
           !isa<arith::AddFOp, arith::SubFOp, arith::MulFOp, arith::DivFOp, arith::NegFOp, arith::SIToFPOp, math::ExpOp,
                math::TanhOp>(op);
  }

  LogicalResult run() {
    if (failed(clone(op)))
      return failure();
    auto type = cast<RankedTensorType>(op->getResult(0).getType());
    op->replaceAllUsesWith(map.finish(scalars.lookup(op->getResult(0)), type));
    op->erase();
    return success();
  }

private:
  Operation *op;
  MapBuilder map;
  IRMapping scalars;

  /// A tensor of f32, or of i1.
  static bool isRows(Type type, unsigned bits) {
    auto tensor = dyn_cast<RankedTensorType>(type);
    return tensor && tensor.hasStaticShape() &&
           (bits == 1 ? tensor.getElementType().isInteger(1) : tensor.getElementType().isF32());
  }

  LogicalResult clone(Operation *part) {
    if (failed(checkScalarOperation(part)))
      return failure();
    for (Value operand : scalarOperands(part))
      if (failed(bind(part, operand)))
        return failure();
    return cloneAsScalar(part, map.builder(), scalars);
  }

  LogicalResult bind(Operation *reader, Value operand) {
    if (scalars.contains(operand))
      return success();
    if (FloatAttr number = constantNumber(operand)) {
      scalars.map(operand, map.number(number));
      return success();
    }
    if (isRows(operand.getType(), 32)) {
      scalars.map(operand, map.argumentFor(operand));
      return success();
    }
    Operation *producer = operand.getDefiningOp();
    if (isRows(operand.getType(), 1) && producer && producer->getNumResults() == 1 &&
        (producer->hasTrait<OpTrait::Elementwise>() || isa<arith::ConstantOp>(producer)))
      return clone(producer);
    return reader->emitError() << "'" << reader->getName() << "' reads a " << operand.getType()
                               << " that is neither computed from tensors of f32 nor constant";
  }
};

struct ImportUserMath : motley::impl::ImportUserMathBase<ImportUserMath> {
  using ImportUserMathBase::ImportUserMathBase;

  void runOnOperation() override {
    SmallVector<Operation *> work;
    getOperation().walk<WalkOrder::PreOrder>([&](Operation *op) {
      if (isa<linalg::LinalgDialect>(op->getDialect()) || isa<tensor::TensorDialect>(op->getDialect()) ||
          TensorImport::isWanted(op))
        work.push_back(op);
      bool isScalar = isa<linalg::LinalgOp, MapOp, GroupedMatmulOp>(op); // what stands inside is not on tensors
      return isScalar ? WalkResult::skip() : WalkResult::advance();
    });
    bool hasFailed = false;
    for (Operation *op : work)
      if (failed(import(op)))
        hasFailed = true;
    if (hasFailed)
      return signalPassFailure();
    fuseMaps(getOperation());
    eraseUnread();
  }

  LogicalResult import(Operation *op) {
    if (auto structured = dyn_cast<linalg::LinalgOp>(op)) {
      ++numImported;
      return LinalgImport(structured).run();
    }
    if (auto splat = dyn_cast<tensor::SplatOp>(op))
      return importSplat(splat);
    if (isa<tensor::EmptyOp>(op))
      return success();
    if (isa<linalg::LinalgDialect>(op->getDialect()))
      return op->emitError() << "'" << op->getName()
                             << "' is not known here; of linalg these are: generic, map, elementwise, fill, broadcast, "
                                "reduce, and the named elementwise operations";
    if (isa<tensor::TensorDialect>(op->getDialect()))
      return op->emitError()
             << "'" << op->getName()
             << "' takes tensors apart or puts them together; the rows of a tensor stay whole and where "
                "they are";
    ++numImported;
    return TensorImport(op).run();
  }

  LogicalResult importSplat(tensor::SplatOp op) {
    FloatAttr number = constantNumber(op.getInput());
    if (!number)
      return op.emitError("'tensor.splat' of a scalar that is no constant; motley.scale multiplies rows by a scalar");
    OpBuilder b(op);
    op.replaceAllUsesWith(
        arith::ConstantOp::create(b, op.getLoc(), DenseElementsAttr::get(op.getType(), Attribute(number))).getResult());
    op.erase();
    return success();
  }

  /// Conditions, constants and tensors to write into that nobody reads any more.
  void eraseUnread() {
    SmallVector<Operation *> all;
    getOperation().walk<WalkOrder::PreOrder>([&](Operation *op) {
      if (op->hasTrait<OpTrait::Elementwise>() || isa<tensor::EmptyOp, arith::ConstantOp>(op))
        all.push_back(op);
    });
    for (Operation *op : llvm::reverse(all))
      if (isOpTriviallyDead(op))
        op->erase();
  }
};

} // namespace
