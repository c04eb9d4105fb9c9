// Level 2: verifiers.
#include "dialect/Motley.h"

using namespace mlir;
using namespace mlir::motley;

/// A bank that an operation names, and the types of its ranges.
struct UsedBank {
  int64_t numMembers;
  SmallVector<RankedTensorType> ranges;
};

/// The bank of the name, whose variables have the given rank. Where the bank itself is broken, the error is the bank's.
static FailureOr<UsedBank> findBank(Operation *op, SymbolTableCollection &symbols, FlatSymbolRefAttr name,
                                    int64_t rank) {
  auto bank = symbols.lookupNearestSymbolFrom<BankOp>(op, name);
  if (!bank)
    return op->emitOpError() << "names " << name << ", which is not a motley.bank";
  FailureOr<SmallVector<RankedTensorType>> ranges = bank.verifyMembers(symbols);
  if (failed(ranges))
    return failure();
  if (ranges->front().getRank() != rank)
    return op->emitOpError() << "needs a bank of rank " << rank << ", " << name << " holds " << ranges->front();
  return UsedBank{bank.getNumMembers(), std::move(*ranges)};
}

static LogicalResult verifyMap(Operation *op, const UsedBank &bank, ArrayRef<int64_t> map, GroupsType groups) {
  if (static_cast<int64_t>(map.size()) != groups.getNumGroups())
    return op->emitOpError() << "maps " << map.size() << " groups, the table has " << groups.getNumGroups();
  for (int64_t member : map)
    if (member < -1 || member >= bank.numMembers)
      return op->emitOpError() << "maps a group to member " << member << " of a bank with " << bank.numMembers;
  return success();
}

static LogicalResult verifyRanges(Operation *op, const UsedBank &bank, ArrayRef<int64_t> ranges) {
  llvm::SmallDenseSet<int64_t> seen;
  if (ranges.empty())
    return op->emitOpError("names no column range");
  for (int64_t range : ranges)
    if (range < 0 || range >= static_cast<int64_t>(bank.ranges.size()) || !seen.insert(range).second)
      return op->emitOpError() << "names range " << range << ", expected distinct ranges below " << bank.ranges.size();
  return success();
}

static LogicalResult verifyRows(Operation *op, StringRef what, Type type, int64_t rows, int64_t columns) {
  auto expected = RankedTensorType::get({rows, columns}, Float32Type::get(op->getContext()));
  if (type != expected)
    return op->emitOpError() << what << " has type " << type << ", expected " << expected;
  return success();
}

/// What epilogues and maps have in common: one block on f32, of elementwise operations that see nothing outside.
static LogicalResult verifyScalarRegion(Operation *op, Region &region, size_t numArguments) {
  Block &body = region.front();
  if (body.getNumArguments() != numArguments)
    return op->emitOpError() << "has a region of " << body.getNumArguments() << " arguments, expected " << numArguments;
  auto yield = dyn_cast<YieldOp>(body.getTerminator());
  if (!yield || yield.getNumOperands() != op->getNumResults())
    return op->emitOpError() << "has " << op->getNumResults() << " results, its region must yield as many";
  for (Type type :
       llvm::concat<Type>(SmallVector<Type>(body.getArgumentTypes()), SmallVector<Type>(yield->getOperandTypes())))
    if (!type.isF32())
      return op->emitOpError() << "has a region on " << type << ", expected f32";
  return success();
}

/// The operations of a region that verifyScalarRegion accepted.
static LogicalResult verifyScalarOperations(Block &body) {
  for (Operation &inner : body) {
    if (&inner != body.getTerminator() && !inner.hasTrait<OpTrait::Elementwise>() &&
        !inner.hasTrait<OpTrait::ConstantLike>())
      return inner.emitOpError("is not elementwise, so it cannot stand in a region that is applied to each element");
    for (Value operand : inner.getOperands())
      if (operand.getParentBlock() != &body)
        return inner.emitOpError("reads a value from outside a region that sees only its arguments");
  }
  return success();
}

LogicalResult GroupedMatmulOp::verify() {
  if (getEpilogue().empty() && !getExtras().empty()) /*grouped_matmul_c3*/
    return emitOpError("has extra operands but no epilogue");
  return success();
}

LogicalResult GroupedMatmulOp::verifyRegions() {
  if (getEpilogue().empty())
    return success();
  size_t numAccumulators = getTransposed() ? 1 : getRanges().size();
  if (failed(verifyScalarRegion(*this, getEpilogue(), numAccumulators + getExtras().size()))) /*grouped_matmul_c4*/
    return failure();
  return verifyScalarOperations(getEpilogue().front()); /*grouped_matmul_c5*/
}

LogicalResult GroupedMatmulOp::verifySymbolUses(SymbolTableCollection &symbols) {
  auto bank = findBank(*this, symbols, getBankAttr(), 2); /*grouped_matmul_c1*/
  if (failed(bank) || failed(verifyRanges(*this, *bank, getRanges())) ||
      failed(verifyMap(*this, *bank, getMap(), getGroups().getType())))
    return failure();
  int64_t rows = getGroups().getType().getBound(), depth = bank->ranges[0].getDimSize(0);
  int64_t inputRows = getGathered() ? getGroups().getType().getNumRows() : rows;
  SmallVector<int64_t> widths;
  for (int64_t range : getRanges())
    widths.push_back(bank->ranges[range].getDimSize(1));
  if (getInputs().size() != (getTransposed() ? widths.size() : 1)) /*grouped_matmul_c2*/
    return emitOpError() << "has " << getInputs().size() << " inputs, expected "
                         << (getTransposed() ? widths.size() : 1);
  for (auto [i, input] : llvm::enumerate(getInputs())) /*grouped_matmul_c2*/
    if (failed(verifyRows(*this, "input", input.getType(), inputRows, getTransposed() ? widths[i] : depth)))
      return failure();
  SmallVector<int64_t> accumulators = getTransposed() ? SmallVector<int64_t>{depth} : widths;
  if (getEpilogue().empty()) { /*grouped_matmul_c3*/
    if (getNumResults() != accumulators.size())
      return emitOpError() << "has " << getNumResults() << " results, expected " << accumulators.size();
    for (auto [i, type] : llvm::enumerate(getResultTypes()))
      if (failed(verifyRows(*this, "result", type, rows, accumulators[i])))
        return failure();
    return success();
  }
  for (int64_t width : accumulators) /*grouped_matmul_c4*/
    if (width != accumulators[0])
      return emitOpError() << "has an epilogue over ranges of " << accumulators[0] << " and " << width << " columns";
  for (Value extra : getExtras()) /*grouped_matmul_c4*/
    if (extra.getType() != RankedTensorType::get({rows}, Float32Type::get(getContext())) &&
        failed(verifyRows(*this, "extra operand", extra.getType(), rows, accumulators[0])))
      return failure();
  int64_t panels = llvm::divideCeil(accumulators[0], 32);
  for (Type type : getResultTypes()) /*grouped_matmul_c4*/
    if (type != RankedTensorType::get({rows, panels}, Float32Type::get(getContext())) &&
        failed(verifyRows(*this, "result", type, rows, accumulators[0])))
      return failure();
  return success();
}

LogicalResult GroupedOuterOp::verify() {
  if (getCotangents().size() != getRanges().size()) /*grouped_outer_c2*/
    return emitOpError() << "has " << getCotangents().size() << " cotangents for " << getRanges().size() << " ranges";
  return success();
}

LogicalResult GroupedOuterOp::verifySymbolUses(SymbolTableCollection &symbols) {
  auto bank = findBank(*this, symbols, getBankAttr(), 2); /*grouped_outer_c1*/
  if (failed(bank) || failed(verifyRanges(*this, *bank, getRanges())) ||
      failed(verifyMap(*this, *bank, getMap(), getGroups().getType())))
    return failure();
  int64_t slots = getGroups().getType().getBound(), rows = getGroups().getType().getNumRows();
  if (failed(verifyRows(*this, "input", getInput().getType(), getGatheredInput() ? rows : slots, /*grouped_outer_c2*/
                        bank->ranges[0].getDimSize(0))))
    return failure();
  for (auto [i, cotangent] : llvm::enumerate(getCotangents())) /*grouped_outer_c2*/
    if (failed(verifyRows(*this, "cotangent", cotangent.getType(), getGatheredCotangents() ? rows : slots,
                          bank->ranges[getRanges()[i]].getDimSize(1))))
      return failure();
  return success();
}

/// A bank of vectors of one range of `width` elements.
static LogicalResult verifyVectors(Operation *op, SymbolTableCollection &symbols, FlatSymbolRefAttr name,
                                   ArrayRef<int64_t> map, GroupsType groups, int64_t width) {
  auto bank = findBank(op, symbols, name, 1);
  if (failed(bank) || failed(verifyMap(op, *bank, map, groups)))
    return failure();
  if (bank->ranges.size() != 1 || bank->ranges[0].getDimSize(0) != width)
    return op->emitOpError() << "needs vectors of " << width << " elements in one range, " << name << " holds "
                             << bank->ranges.size() << " of " << bank->ranges[0];
  return success();
}

static LogicalResult verifyBound(Operation *op, Value rows, GroupsType groups) {
  if (numRows(rows) != groups.getBound())
    return op->emitOpError() << "has " << numRows(rows) << " rows, its groups have the bound " << groups.getBound();
  return success();
}

LogicalResult GroupedBiasOp::verifySymbolUses(SymbolTableCollection &symbols) {
  if (failed(verifyBound(*this, getInput(), getGroups().getType()))) /*grouped_bias_c1*/
    return failure();
  return verifyVectors(*this, symbols, getBankAttr(), getMap(), getGroups().getType(), numColumns(getInput()));
}

LogicalResult GroupedSumOp::verifySymbolUses(SymbolTableCollection &symbols) {
  if (failed(verifyBound(*this, getCotangent(), getGroups().getType()))) /*grouped_sum_c1*/
    return failure();
  return verifyVectors(*this, symbols, getBankAttr(), getMap(), getGroups().getType(), numColumns(getCotangent()));
}

template <typename OpT> static LogicalResult verifyNorm(OpT op, SymbolTableCollection &symbols) {
  GroupsType groups = op.getGroups().getType();
  int64_t width = numColumns(op.getInput()), heads = op.getHeads();
  if (heads < 1 || width % heads != 0) /*grouped_norm_c1*/
    return op.emitOpError() << "has " << heads << " heads, which do not divide the width " << width;
  if (!isPositive(op.getEpsilon())) /*grouped_norm_c1*/
    return op.emitOpError() << "needs a positive, finite epsilon, got " << op.getEpsilon().convertToDouble();
  if (failed(verifyBound(op, op.getInput(), groups)) || /*grouped_norm_c1*/
      failed(verifyVectors(op, symbols, op.getGainAttr(), op.getMap(), groups, width / heads)))
    return failure();
  if (op.getBiasAttr()) {
    if (op.getKind() == NormKind::rms) /*grouped_norm_c2*/
      return op.emitOpError("of kind rms has no bias");
    if (failed(verifyVectors(op, symbols, op.getBiasAttr(), op.getMap(), groups, width / heads))) /*grouped_norm_c1*/
      return failure();
  }
  return verifyRows(op, "statistics", op.getStatistics().getType(), numRows(op.getInput()), /*grouped_norm_c2*/
                    op.getKind() == NormKind::rms ? heads : 2 * heads);
}
LogicalResult GroupedNormOp::verifySymbolUses(SymbolTableCollection &symbols) { return verifyNorm(*this, symbols); }
LogicalResult GroupedNormBackwardOp::verifySymbolUses(SymbolTableCollection &symbols) {
  return verifyNorm(*this, symbols); /*grouped_norm_backward_c1*/ /*grouped_norm_backward_c2*/
}

template <typename OpT> static LogicalResult verifyAttention(OpT op) {
  int64_t heads = op.getHeads(), kvHeads = op.getKvHeads(), width = numColumns(op.getQuery()),
          rows = numRows(op.getQuery());
  if (heads < 1 || width % heads != 0 || kvHeads < 1 || heads % kvHeads != 0) /*grouped_attention_c1*/
    return op.emitOpError() << "needs key heads that divide heads, and heads that divide the width, got " << kvHeads
                            << ", " << heads << " and " << width;
  int64_t keyWidth = kvHeads * (width / heads);
  if (failed(verifyRows(op, "key", op.getKey().getType(), rows, keyWidth)) || /*grouped_attention_c1*/
      failed(verifyRows(op, "value", op.getValue().getType(), rows, keyWidth)))
    return failure();
  if (op.getMask() == Mask::span && !op.getSpan()) /*grouped_attention_c2*/
    return op.emitOpError("with mask span needs the spans of the rows");
  for (Value field : {op.getOrder(), op.getSpan()}) /*grouped_attention_c2*/
    if (field && numRows(field) != rows)
      return op.emitOpError() << "has a field of " << numRows(field) << " rows, the query has " << rows;
  if (!op.getScale().isFinite()) /*grouped_attention_c2*/
    return op.emitOpError() << "needs a finite scale, got " << op.getScale().convertToDouble();
  if (failed(verifyBound(op, op.getQuery(), op.getGroups().getType()))) /*grouped_attention_c2*/
    return failure();
  return verifyRows(op, "log_sum_exp", op.getLogSumExp().getType(), rows, heads); /*grouped_attention_c2*/
}
LogicalResult GroupedAttentionOp::verifySymbolUses(SymbolTableCollection &) { return verifyAttention(*this); }
LogicalResult GroupedAttentionBackwardOp::verifySymbolUses(SymbolTableCollection &) {
  if (failed(verifyAttention(*this))) /*grouped_attention_backward_c1*/
    return failure();
  struct Pair {
    Value cotangent, of;
    StringRef what;
  };
  for (const Pair &pair :
       {Pair{getDquery(), getQuery(), "cotangent of the query"}, Pair{getDkey(), getKey(), "cotangent of the key"},
        Pair{getDvalue(), getValue(), "cotangent of the value"}, Pair{getCotangent(), getQuery(), "cotangent"},
        Pair{getOutput(), getQuery(), "output"}}) /*grouped_attention_backward_c1*/
    if (pair.cotangent.getType() != pair.of.getType())
      return emitOpError() << pair.what << " has type " << pair.cotangent.getType() << ", expected "
                           << pair.of.getType();
  return success();
}

/// A bank with one member and one range, of rank 2.
static FailureOr<RankedTensorType> verifyTable(Operation *op, SymbolTableCollection &symbols, FlatSymbolRefAttr name) {
  auto bank = findBank(op, symbols, name, 2);
  if (failed(bank))
    return failure();
  if (bank->numMembers != 1 || bank->ranges.size() != 1)
    return op->emitOpError() << "needs a bank with one member and one range, " << name << " has " << bank->numMembers
                             << " and " << bank->ranges.size();
  return bank->ranges[0];
}

LogicalResult GroupedEmbeddingOp::verifySymbolUses(SymbolTableCollection &symbols) {
  auto table = verifyTable(*this, symbols, getBankAttr());
  if (failed(table) || failed(verifyBound(*this, getTokens(), getGroups().getType()))) /*grouped_embedding_c1*/
    return failure();
  return verifyRows(*this, "result", getResult().getType(), numRows(getTokens()), table->getDimSize(1));
}

LogicalResult GroupedEmbeddingBackwardOp::verifySymbolUses(SymbolTableCollection &symbols) {
  auto table = verifyTable(*this, symbols, getBankAttr());
  if (failed(table) || failed(verifyBound(*this, getCotangent(), getGroups().getType())))
    return failure();
  if (getGroups().getType().getNumGroups() != table->getDimSize(0)) /*grouped_embedding_backward_c1*/
    return emitOpError() << "has " << getGroups().getType().getNumGroups() << " groups for a table of "
                         << table->getDimSize(0) << " rows";
  return verifyRows(*this, "cotangent", getCotangent().getType(), numRows(getCotangent()), table->getDimSize(1));
}

template <typename OpT> static LogicalResult verifyCrossEntropy(OpT op, SymbolTableCollection &symbols) {
  auto head = verifyTable(op, symbols, op.getBankAttr());
  if (failed(head) || failed(verifyBound(op, op.getInput(), op.getGroups().getType())) || /*grouped_cross_entropy_c1*/
      failed(verifyRows(op, "input", op.getInput().getType(), numRows(op.getInput()), head->getDimSize(0))))
    return failure();
  for (Value value : {Value(op.getTargets()), Value(op.getCe()), Value(op.getZ())}) /*grouped_cross_entropy_c1*/
    if (numRows(value) != numRows(op.getInput()))
      return op.emitOpError() << "has " << numRows(op.getInput()) << " rows, but a target or result has "
                              << numRows(value);
  if (!isNotNegative(op.getZLoss())) /*grouped_cross_entropy_c1*/
    return op.emitOpError() << "needs a finite z_loss that is not negative, got " << op.getZLoss().convertToDouble();
  return success();
}
LogicalResult GroupedCrossEntropyOp::verifySymbolUses(SymbolTableCollection &symbols) {
  return verifyCrossEntropy(*this, symbols);
}
LogicalResult GroupedCrossEntropyBackwardOp::verifySymbolUses(SymbolTableCollection &symbols) {
  if (failed(verifyCrossEntropy(*this, symbols))) /*grouped_cross_entropy_backward_c1*/
    return failure();
  for (Value cotangent : {getDce(), getDz()}) /*grouped_cross_entropy_backward_c1*/
    if (numRows(cotangent) != numRows(getInput()))
      return emitOpError() << "has " << numRows(getInput()) << " rows, but a cotangent has " << numRows(cotangent);
  if (getDinput().getType() != getInput().getType()) /*grouped_cross_entropy_backward_c1*/
    return emitOpError() << "gives a cotangent of type " << getDinput().getType() << " for an input of type "
                         << getInput().getType();
  return success();
}

LogicalResult LossSumsOp::verify() {
  int64_t numModalities = getModalities(*this).size(), numLosses = getLosses().size();
  if (numModalities == 0 || numLosses == 0) /*loss_sums_c1*/
    return emitOpError() << "needs a loss and a motley.modality in its module, got " << numLosses << " and "
                         << numModalities;
  auto expected = RankedTensorType::get({numLosses, numModalities}, Float64Type::get(getContext()));
  if (getSums().getType() != expected) /*loss_sums_c1*/
    return emitOpError() << "gives " << getSums().getType() << ", expected " << expected;
  for (Value value : (*this)->getOperands().drop_back()) /*loss_sums_c1*/
    if (failed(verifyBound(*this, value, getGroups().getType())))
      return failure();
  return success();
}

LogicalResult MapOp::verify() {
  if (getInputs().empty() || getNumResults() == 0) /*map_c1*/
    return emitOpError() << "needs an input and a result, got " << getInputs().size() << " and " << getNumResults();
  Type type = getInputs()[0].getType();
  for (Type other : (*this)->getOperandTypes()) /*map_c1*/
    if (other != type)
      return emitOpError() << "has inputs of types " << type << " and " << other;
  for (Type other : getResultTypes()) /*map_c1*/
    if (other != type)
      return emitOpError() << "gives " << other << " from " << type;
  return success();
}

LogicalResult MapOp::verifyRegions() {
  if (failed(verifyScalarRegion(*this, getBody(), getInputs().size()))) /*map_c1*/
    return failure();
  return verifyScalarOperations(getBody().front()); /*map_c2*/
}
