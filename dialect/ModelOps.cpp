// Level 1: verifiers, and the assembly of by_modality.
#include "dialect/RowOperations.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"

using namespace mlir;
using namespace mlir::motley;

/// The variable that an operation names, of the given rank, or an error at the operation.
static FailureOr<VariableOp> findVariable(Operation *op, SymbolTableCollection &symbols, FlatSymbolRefAttr name,
                                          int64_t rank, StringRef what) {
  auto variable = symbols.lookupNearestSymbolFrom<VariableOp>(op, name);
  if (!variable)
    return op->emitOpError() << what << " " << name << " is not a motley.variable of this module";
  if (variable.getTensorType().getRank() != rank)
    return (op->emitOpError() << what << " " << name << " has type " << variable.getTensorType() << ", expected rank "
                              << rank)
               .attachNote(variable.getLoc())
           << "declared here";
  return variable;
}

LogicalResult EmbeddingOp::verifySymbolUses(SymbolTableCollection &symbols) {
  auto table = findVariable(*this, symbols, getTableAttr(), 2, "table"); /*embedding_c1*/
  if (failed(table))
    return failure();
  int64_t width = table->getTensorType().getDimSize(1);
  if (numRows(getResult()) != numRows(getTokens()) || numColumns(getResult()) != width) /*embedding_c2*/
    return emitOpError() << "gives " << getResult().getType() << ", expected " << numRows(getTokens()) << " rows of "
                         << width;
  return success();
}

LogicalResult LinearOp::verifySymbolUses(SymbolTableCollection &symbols) {
  auto weight = findVariable(*this, symbols, getWeightAttr(), 2, "weight"); /*linear_c1*/
  if (failed(weight))
    return failure();
  RankedTensorType type = weight->getTensorType();
  if (numColumns(getInput()) != type.getDimSize(0)) /*linear_c2*/
    return emitOpError() << "input has " << numColumns(getInput()) << " columns, but weight " << getWeightAttr()
                         << " has " << type.getDimSize(0) << " rows";
  if (numRows(getResult()) != numRows(getInput()) || numColumns(getResult()) != type.getDimSize(1)) /*linear_c2*/
    return emitOpError() << "gives " << getResult().getType() << ", expected " << numRows(getInput()) << " rows of "
                         << type.getDimSize(1);
  if (!getBiasAttr())
    return success();
  auto bias = findVariable(*this, symbols, getBiasAttr(), 1, "bias"); /*linear_c1*/
  if (failed(bias))
    return failure();
  if (bias->getTensorType().getDimSize(0) != type.getDimSize(1)) /*linear_c2*/
    return emitOpError() << "bias " << getBiasAttr() << " has " << bias->getTensorType().getDimSize(0)
                         << " elements, expected " << type.getDimSize(1);
  return success();
}

LogicalResult NormOp::verifySymbolUses(SymbolTableCollection &symbols) {
  int64_t width = numColumns(getInput()), heads = getHeads();
  if (heads < 1 || width % heads != 0) /*norm_c1*/
    return emitOpError() << "has " << heads << " heads, which do not divide the width " << width;
  if (!isPositive(getEpsilon())) /*norm_c1*/
    return emitOpError() << "needs a positive, finite epsilon, got " << getEpsilon().convertToDouble();
  if (getBiasAttr() && getKind() == NormKind::rms) /*norm_c3*/
    return emitOpError("of kind rms has no bias");
  for (auto [name, what] : {std::pair(getGainAttr(), "gain"), std::pair(getBiasAttr(), "bias")}) {
    if (!name)
      continue;
    auto variable = findVariable(*this, symbols, name, 1, what); /*norm_c2*/
    if (failed(variable))
      return failure();
    if (variable->getTensorType().getDimSize(0) != width / heads) /*norm_c2*/
      return emitOpError() << what << " " << name << " has " << variable->getTensorType().getDimSize(0)
                           << " elements, expected " << width / heads;
  }
  return success();
}

LogicalResult RopeOp::verify() {
  int64_t width = numColumns(getInput()), heads = getHeads();
  if (heads < 1 || width % heads != 0 || (width / heads) % 2 != 0) /*rope_c1*/
    return emitOpError() << "needs heads that divide the width into even parts, got " << heads << " heads and width "
                         << width;
  if (!isPositive(getTheta())) /*rope_c2*/
    return emitOpError() << "needs a positive, finite theta, got " << getTheta().convertToDouble();
  if (numRows(getPosition()) != numRows(getInput())) /*rope_c2*/
    return emitOpError() << "has " << numRows(getPosition()) << " positions for " << numRows(getInput()) << " rows";
  return success();
}

LogicalResult AttentionOp::verify() {
  int64_t heads = getHeads(), kvHeads = getKvHeads(), width = numColumns(getQuery()), rows = numRows(getQuery());
  if (heads < 1 || width % heads != 0) /*attention_c1*/
    return emitOpError() << "has " << heads << " heads, which do not divide the width " << width << " of the query";
  if (kvHeads < 1 || heads % kvHeads != 0) /*attention_c1*/
    return emitOpError() << "has " << kvHeads << " key heads, which do not divide " << heads << " heads";
  auto expected = RankedTensorType::get({rows, kvHeads * (width / heads)}, Float32Type::get(getContext()));
  for (auto [value, what] : {std::pair(getKey(), "key"), std::pair(getValue(), "value")}) /*attention_c1*/
    if (value.getType() != expected)
      return emitOpError() << what << " has type " << value.getType() << ", expected " << expected;
  if (getMask() == Mask::span && !getSpan()) /*attention_c2*/
    return emitOpError("with mask span needs the spans of the rows");
  for (Value field : {getDocuments(), getOrder(), getSpan()}) /*attention_c2*/
    if (field && numRows(field) != rows)
      return emitOpError() << "has a field of " << numRows(field) << " rows, the query has " << rows;
  if (getScale() && !getScale()->isFinite()) /*attention_c2*/
    return emitOpError() << "needs a finite scale, got " << getScale()->convertToDouble();
  return success();
}

LogicalResult CrossEntropyOp::verifySymbolUses(SymbolTableCollection &symbols) {
  auto head = findVariable(*this, symbols, getHeadAttr(), 2, "head"); /*cross_entropy_c1*/
  if (failed(head))
    return failure();
  if (head->getTensorType().getDimSize(0) != numColumns(getInput())) /*cross_entropy_c1*/
    return emitOpError() << "input has " << numColumns(getInput()) << " columns, but head " << getHeadAttr() << " has "
                         << head->getTensorType().getDimSize(0) << " rows";
  for (Value value : {getTargets(), getCe(), getZ()}) /*cross_entropy_c2*/
    if (numRows(value) != numRows(getInput()))
      return emitOpError() << "has " << numRows(getInput()) << " rows, but a target or result has " << numRows(value);
  if (!isNotNegative(getZLoss())) /*cross_entropy_c2*/
    return emitOpError() << "needs a finite z_loss that is not negative, got " << getZLoss().convertToDouble();
  return success();
}

// motley.by_modality %modality : tensor<Rxi32> -> (types) { ... } case [@text], { ... } case [@image, @speech]
ParseResult ByModalityOp::parse(OpAsmParser &parser, OperationState &state) {
  OpAsmParser::UnresolvedOperand modality;
  Type modalityType;
  SmallVector<Type> results;
  if (parser.parseOperand(modality) || parser.parseOptionalAttrDict(state.attributes) ||
      parser.parseColonType(modalityType) || parser.resolveOperand(modality, modalityType, state.operands) ||
      parser.parseArrow() || parser.parseLParen() || parser.parseTypeList(results) || parser.parseRParen())
    return failure();
  state.addTypes(results);
  SmallVector<Attribute> cases;
  do {
    ArrayAttr names;
    if (parser.parseRegion(*state.addRegion()) || parser.parseKeyword("case") || parser.parseAttribute(names))
      return failure();
    cases.push_back(names);
  } while (succeeded(parser.parseOptionalComma()));
  state.addAttribute("cases", parser.getBuilder().getArrayAttr(cases));
  return success();
}

void ByModalityOp::print(OpAsmPrinter &printer) {
  printer << ' ' << getModality();
  printer.printOptionalAttrDict((*this)->getAttrs(), {"cases"});
  printer << " : " << getModality().getType() << " -> (" << getResultTypes() << ") ";
  for (auto [i, body] : llvm::enumerate(getBodies())) {
    if (i)
      printer << ", ";
    printer.printRegion(body);
    printer << " case " << getCases()[i];
  }
}

LogicalResult ByModalityOp::verifySymbolUses(SymbolTableCollection &symbols) {
  llvm::SmallDenseSet<Attribute> named;
  for (Attribute names : getCases()) { /*by_modality_c1*/
    auto list = dyn_cast<ArrayAttr>(names);
    if (!list || list.empty())
      return emitOpError("has a case that names no modality");
    for (Attribute name : list) {
      auto symbol = dyn_cast<FlatSymbolRefAttr>(name);
      if (!symbol || !symbols.lookupNearestSymbolFrom<ModalityOp>(*this, symbol)) {
        InFlightDiagnostic error = emitOpError() << "has a case for " << name
                                                 << ", which is not a modality of this module; it declares";
        for (ModalityOp modality : getModalities(*this))
          error << " @" << modality.getSymName();
        return error;
      }
      if (!named.insert(name).second)
        return emitOpError() << "has two cases for " << name;
    }
  }
  for (ModalityOp modality : getModalities(*this)) /*by_modality_c1*/
    if (!named.contains(FlatSymbolRefAttr::get(modality.getSymNameAttr())))
      return (emitOpError() << "has no case for @" << modality.getSymName()).attachNote(modality.getLoc())
             << "modality declared here";
  for (Value result : getResults()) /*by_modality_c1*/
    if (numRows(result) != numRows(getModality()))
      return emitOpError() << "has " << numRows(getModality()) << " modalities for " << numRows(result) << " rows";
  return success();
}

bool mlir::motley::isRowOperation(Operation &op) {
  return isa<LinearOp, NormOp, RopeOp, MapOp, RowSumOp, RowBroadcastOp, SoftmaxOp, LogSumExpOp, MeanRowsOp, NoiseOp,
             ChooseExpertsOp, ChooseAboveOp, ChooseTopPOp, ChooseTokensOp, LimitCapacityOp, OneHotOp, HashOp, ExpertsOp,
             ObserveOp, SoftmaxRowsOp, SoftExpertsOp>(op) ||
         op.getName().getDialectNamespace() == "linalg" || op.getName().getStringRef() == "tensor.empty" ||
         op.hasTrait<OpTrait::Elementwise>() || op.hasTrait<OpTrait::ConstantLike>();
}

LogicalResult mlir::motley::verifyLooksUpNothing(Operation &inner) {
  if (!isa<EmbeddingOp>(inner))
    return success();
  return inner.emitOpError() << "cannot stand in " << inner.getParentOp()->getName()
                             << "; look the tokens up before it and pass the rows in";
}

LogicalResult ByModalityOp::verifyRegions() {
  if (getCases().size() != getBodies().size() || getBodies().empty())
    return emitOpError() << "has " << getCases().size() << " cases and " << getBodies().size() << " regions";
  if (getNumResults() == 0) /*by_modality_c2*/
    return emitOpError("needs at least one result");
  for (Region &body : getBodies()) {
    auto yield = dyn_cast<YieldOp>(body.front().getTerminator());
    if (!yield || yield.getOperandTypes() != getResultTypes()) /*by_modality_c2*/
      return (yield ? yield.emitOpError() : emitOpError()) << "yields other types than the results of by_modality";
    for (Operation &op : body.front().without_terminator()) { /*by_modality_c3*/
      if (failed(verifyLooksUpNothing(op)))
        return failure();
      if (!isRowOperation(op))
        return op.emitOpError("mixes rows, so it cannot stand in a case of by_modality; move it outside");
    }
  }
  return success();
}

LogicalResult YieldOp::verify() {
  Operation *parent = (*this)->getParentOp();
  // The plan dialect includes this one, so its operation is known here by name.
  if (!parent || (!isa<ByModalityOp, ExpertsOp, SoftExpertsOp, SelectRowsOp, GroupedMatmulOp, MapOp>(parent) &&
                  parent->getName().getStringRef() != "plan.kernel")) /*yield_c1*/
    return emitOpError("must stand in motley.by_modality, motley.experts, motley.soft_experts, motley.select_rows, "
                       "motley.grouped_matmul, motley.map or plan.kernel");
  if (getValues().empty()) /*yield_c2*/
    return emitOpError("needs at least one value");
  return success();
}
