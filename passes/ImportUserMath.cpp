// A user's own mathematics becomes operations of level 1: linalg and elementwise arith and math on tensors turn into
// motley.map, motley.row_sum and motley.row_broadcast.
//
// Rows from the live end on are dead and their order is the compiler's own, so every operation must work row by row.
// This file holds the pass, and operations on whole tensors; those of linalg are in ImportLinalg.cpp.
#include "passes/ScalarMath.h"

namespace mlir::motley {
#define GEN_PASS_DEF_IMPORTUSERMATH
#include "passes/Passes.h.inc"
} // namespace mlir::motley

using namespace mlir;
using namespace mlir::motley;

namespace {

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
      return importLinalg(structured);
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
