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
