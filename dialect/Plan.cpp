// The plan dialect: registration, verifiers, assembly helpers.
#include "dialect/Plan.h"
#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace mlir::plan;

/// `[read, write]` for the accesses of a kernel's operands.
static ParseResult parseAccesses(OpAsmParser &parser, ArrayAttr &accesses) {
  SmallVector<Attribute> list;
  auto parseOne = [&]() -> ParseResult {
    StringRef keyword;
    SMLoc where = parser.getCurrentLocation();
    if (parser.parseKeyword(&keyword))
      return failure();
    std::optional<Access> access = symbolizeAccess(keyword);
    if (!access)
      return parser.emitError(where) << "expected read, write or read_write, got '" << keyword << "'";
    list.push_back(AccessAttr::get(parser.getContext(), *access));
    return success();
  };
  if (parser.parseCommaSeparatedList(AsmParser::Delimiter::Square, parseOne))
    return failure();
  accesses = ArrayAttr::get(parser.getContext(), list);
  return success();
}
static void printAccesses(OpAsmPrinter &printer, Operation *, ArrayAttr accesses) {
  printer << '[';
  llvm::interleaveComma(accesses, printer,
                        [&](Attribute access) { printer << stringifyAccess(cast<AccessAttr>(access).getValue()); });
  printer << ']';
}

/// The bare keyword of a field.
static ParseResult parseFieldName(OpAsmParser &parser, motley::FieldAttr &field) {
  StringRef keyword;
  SMLoc where = parser.getCurrentLocation();
  if (parser.parseKeyword(&keyword))
    return failure();
  std::optional<motley::Field> value = motley::symbolizeField(keyword);
  if (!value)
    return parser.emitError(where) << "'" << keyword << "' is not a field of the rows";
  field = motley::FieldAttr::get(parser.getContext(), *value);
  return success();
}
static void printFieldName(OpAsmPrinter &printer, Operation *, motley::FieldAttr field) {
  printer << motley::stringifyField(field.getValue());
}

#include "dialect/PlanDialect.cpp.inc"
#include "dialect/PlanEnums.cpp.inc"
#define GET_ATTRDEF_CLASSES
#include "dialect/PlanAttrs.cpp.inc"
#define GET_OP_CLASSES
#include "dialect/PlanOps.cpp.inc"

void PlanDialect::initialize() {
  addAttributes<
#define GET_ATTRDEF_LIST
#include "dialect/PlanAttrs.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "dialect/PlanOps.cpp.inc"
      >();
}

static bool isOperandType(Type type) {
  if (auto memref = dyn_cast<MemRefType>(type))
    return memref.hasStaticShape() && memref.getLayout().isIdentity();
  return type.isInteger(1) || type.isInteger(32) || type.isInteger(64) || type.isF32();
}

/// The region of a kernel takes and yields one f32 for each operand that it stands for.
static LogicalResult verifyRegion(KernelOp kernel, size_t numArguments, size_t numResults) {
  Block &block = kernel.getBody().front();
  if (!llvm::hasSingleElement(kernel.getBody()) || block.empty() || !isa<motley::YieldOp>(block.back()))
    return kernel.emitOpError("needs a region of one block that ends with motley.yield");
  auto isFloat = [](Type type) { return type.isF32(); };
  Operation &yield = block.back();
  if (!llvm::all_of(block.getArgumentTypes(), isFloat) || !llvm::all_of(yield.getOperandTypes(), isFloat))
    return kernel.emitOpError("has a region that takes or yields other types than f32");
  if (block.getNumArguments() != numArguments || yield.getNumOperands() != numResults)
    return kernel.emitOpError() << "has a region that takes " << block.getNumArguments() << " and yields "
                                << yield.getNumOperands() << " values, expected " << numArguments << " and "
                                << numResults;
  return success();
}

/// #plan.map<num_inputs = 2> with three operands and a region that takes one value.
static LogicalResult verifyMap(KernelOp kernel, MapAttr map) {
  int64_t numOperands = kernel.getOperandTypes().size();
  if (map.getNumInputs() < 0 || map.getNumInputs() >= numOperands)
    return kernel.emitOpError() << "has " << numOperands << " operands, expected " << map.getNumInputs()
                                << " inputs and at least one result";
  if (kernel.getBody().empty())
    return kernel.emitOpError("needs a region that says what it maps");
  return verifyRegion(kernel, map.getNumInputs(), numOperands - map.getNumInputs());
}

/// #plan.matmul<forward, panels = [0, 16], ...> with one result, or with an epilogue that does not take every
/// accumulator.
static LogicalResult verifyMatmul(KernelOp kernel, MatmulAttr matmul) {
  size_t numRanges = matmul.getPanels().size();
  bool isForward = matmul.getForm() == MatmulForm::forward;
  size_t numInputs = isForward ? 1 : numRanges, numAccumulators = isForward ? numRanges : 1;
  size_t numOperands = kernel.getOperandTypes().size(), numExtras = 0, numResults = numAccumulators;
  if (!kernel.getBody().empty()) {
    Block &block = kernel.getBody().front();
    numExtras = std::max<size_t>(block.getNumArguments(), numAccumulators) - numAccumulators;
    numResults = block.empty() ? 0 : block.back().getNumOperands();
    if (failed(verifyRegion(kernel, numAccumulators + numExtras, numResults)))
      return failure();
  }
  size_t expected = numInputs + 2 + matmul.getGathered() + numExtras + numResults;
  if (numRanges == 0 || numOperands != expected)
    return kernel.emitOpError() << "has " << numOperands << " operands, expected " << numInputs
                                << " inputs, bank, tiles, " << (matmul.getGathered() ? "source rows, " : "")
                                << numExtras << " extras and " << numResults << " results of " << numRanges
                                << " ranges";
  return success();
}

LogicalResult KernelOp::verify() {
  if (getOperandTypes().size() != getAccess().size()) /*kernel_c1*/
    return emitOpError() << "has " << getOperandTypes().size() << " operands and " << getAccess().size() << " accesses";
  for (Type type : getOperandTypes().getAsValueRange<TypeAttr>()) /*kernel_c1*/
    if (!isOperandType(type))
      return emitOpError() << "has an operand of type " << type
                           << ", expected a static memref or a scalar i1, i32, i64, f32";
  if (getFamily().getDialect().getNamespace() != "plan")
    return emitOpError() << "has the family " << getFamily() << ", which is not of the plan dialect";
  if (!getBody().empty() && !isa<MatmulAttr, MapAttr>(getFamily())) /*kernel_c2*/
    return emitOpError("has a region, which its family does not take");
  if (auto map = dyn_cast<MapAttr>(getFamily())) /*kernel_c3*/
    return verifyMap(*this, map);
  if (auto matmul = dyn_cast<MatmulAttr>(getFamily())) /*kernel_c3*/
    return verifyMatmul(*this, matmul);
  return success();
}

LogicalResult LaunchOp::verifySymbolUses(SymbolTableCollection &symbols) {
  auto kernel = symbols.lookupNearestSymbolFrom<KernelOp>(*this, getKernelAttr());
  if (!kernel) /*launch_c1*/
    return emitOpError() << "names " << getKernelAttr() << ", which is not a plan.kernel";
  SmallVector<Type> expected(kernel.getOperandTypes().getAsValueRange<TypeAttr>());
  SmallVector<Type> got(getArgs().getTypes());
  if (expected != got) /*launch_c1*/
    return (emitOpError() << "passes operands of other types than " << getKernelAttr() << " declares")
               .attachNote(kernel.getLoc())
           << "declared here";
  return success();
}

int64_t mlir::plan::getFirstPanel(motley::BankOp bank, int64_t range) {
  int64_t panels = 0;
  for (int64_t before = 0; before < range; ++before)
    panels += llvm::divideCeil(bank.getRangeType(before).getDimSize(1), kPanelColumns);
  return panels;
}

MemRefType mlir::plan::getStorageType(motley::BankOp bank) {
  RankedTensorType type = bank.getRangeType(0);
  SmallVector<int64_t> shape;
  if (type.getRank() == 1)
    shape = {bank.getNumMembers(), type.getDimSize(0)};
  else if (bank.getLayout() == motley::Layout::rows)
    shape = {type.getDimSize(0), type.getDimSize(1)};
  else
    shape = {bank.getNumMembers(), getFirstPanel(bank, bank.getNumRanges()), type.getDimSize(0), kPanelColumns};
  return MemRefType::get(shape, type.getElementType());
}
