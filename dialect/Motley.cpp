// The motley dialect: registration, attribute checks, symbol look-ups.
#include "dialect/Motley.h"
#include "dialect/Settings.h"
#include "mlir/IR/DialectImplementation.h"
#include "mlir/Interfaces/FunctionInterfaces.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace mlir::motley;

#include "dialect/MotleyDialect.cpp.inc"
#include "dialect/MotleyEnums.cpp.inc"
#include "dialect/MotleyInterfaces.cpp.inc"
#define GET_TYPEDEF_CLASSES
#include "dialect/MotleyTypes.cpp.inc"
#define GET_ATTRDEF_CLASSES
#include "dialect/MotleyAttrs.cpp.inc"
#define GET_OP_CLASSES
#include "dialect/MotleyOps.cpp.inc"

void MotleyDialect::initialize() {
  addTypes<
#define GET_TYPEDEF_LIST
#include "dialect/MotleyTypes.cpp.inc"
      >();
  addAttributes<
#define GET_ATTRDEF_LIST
#include "dialect/MotleyAttrs.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "dialect/MotleyOps.cpp.inc"
      >();
}

LogicalResult GroupsType::verify(function_ref<InFlightDiagnostic()> emitError, int64_t numGroups, int64_t bound,
                                 int64_t selectedRows) {
  constexpr int64_t limit = std::numeric_limits<int32_t>::max(); // the tables hold i32
  if (numGroups < 1 || numGroups > limit)
    return emitError() << "expected 1 to " << limit << " groups, got " << numGroups;
  if (bound < 1 || bound > limit)
    return emitError() << "expected a bound of 1 to " << limit << " slots, got " << bound;
  if (selectedRows < 0 || selectedRows > limit)
    return emitError() << "expected 1 to " << limit << " rows to select from, got " << selectedRows;
  return success();
}

LogicalResult MotleyDialect::verifyOperationAttribute(Operation *op, NamedAttribute attribute) {
  if (attribute.getName() == kPrecisionAttrName) {
    if (isa<ModuleOp>(op) && isa<PrecisionAttr>(attribute.getValue()))
      return success();
    return op->emitOpError() << "carries '" << kPrecisionAttrName
                             << "', which belongs on a module and is a #motley.precision";
  }
  if (attribute.getName() == kFrozenAttrName) {
    auto names = dyn_cast<ArrayAttr>(attribute.getValue());
    if (isa<FunctionOpInterface>(op) && names &&
        llvm::all_of(names, [](Attribute name) { return isa<FlatSymbolRefAttr>(name); }))
      return success();
    return op->emitOpError() << "carries '" << kFrozenAttrName
                             << "', which belongs on a function and lists symbols of variables";
  }
  if (attribute.getName() == kMissedAttrName) {
    auto steps = dyn_cast<DictionaryAttr>(attribute.getValue());
    if (isa<FunctionOpInterface>(op) && steps &&
        llvm::all_of(steps, [](NamedAttribute entry) { return isa<IntegerAttr>(entry.getValue()); }))
      return success();
    return op->emitOpError() << "carries '" << kMissedAttrName
                             << "', which belongs on a function and holds numbers of steps by variable";
  }
  if (attribute.getName() == kSettingsAttrName || attribute.getName() == kDigestAttrName)
    return verifySettings(op, attribute);
  return op->emitOpError() << "carries '" << attribute.getName().getValue() << "', which belongs on an argument";
}

/// The type that an argument with the field must have: i32, or f32 for weights, one per row; `live` is a scalar.
static bool isFieldType(Field field, Type type) {
  if (field == Field::live)
    return type.isInteger(32);
  auto tensor = dyn_cast<RankedTensorType>(type);
  if (!tensor || tensor.getRank() != 1 || !tensor.hasStaticShape())
    return false;
  return field == Field::weight ? tensor.getElementType().isF32() : tensor.getElementType().isInteger(32);
}

LogicalResult MotleyDialect::verifyRegionArgAttribute(Operation *op, unsigned, unsigned argIndex,
                                                      NamedAttribute attribute) {
  if (attribute.getName() == kScalarAttrName)
    return isa<StringAttr>(attribute.getValue()) ? success() : op->emitOpError("motley.scalar must be a string");
  if (attribute.getName() != kFieldAttrName)
    return op->emitOpError() << "argument " << argIndex << " carries unknown '" << attribute.getName().getValue()
                             << "'";
  auto field = dyn_cast<FieldAttr>(attribute.getValue());
  if (!field)
    return op->emitOpError() << "argument " << argIndex << ": motley.field must be a #motley.field";
  auto function = dyn_cast<FunctionOpInterface>(op);
  if (!function)
    return success();
  Type type = function.getArgumentTypes()[argIndex];
  if (isFieldType(field.getValue(), type))
    return success();
  return op->emitOpError() << "argument " << argIndex << " is the field " << stringifyField(field.getValue())
                           << " and has type " << type << ", expected "
                           << (field.getValue() == Field::live     ? "i32"
                               : field.getValue() == Field::weight ? "a static tensor<Rxf32>"
                                                                   : "a static tensor<Rxi32>");
}

BankOp mlir::motley::lookupBank(Operation *from, FlatSymbolRefAttr symbol) {
  return SymbolTable::lookupNearestSymbolFrom<BankOp>(from, symbol);
}

VariableOp mlir::motley::lookupVariable(Operation *from, FlatSymbolRefAttr symbol) {
  return SymbolTable::lookupNearestSymbolFrom<VariableOp>(from, symbol);
}

bool mlir::motley::isFrozen(Operation *user, VariableOp variable) {
  if (variable.getRate() && variable.getRate()->isZero())
    return true;
  auto function = user->getParentOfType<FunctionOpInterface>();
  auto names = function ? function->getAttrOfType<ArrayAttr>(kFrozenAttrName) : ArrayAttr();
  return names && llvm::is_contained(names, FlatSymbolRefAttr::get(variable.getSymNameAttr()));
}

SmallVector<ModalityOp> mlir::motley::getModalities(Operation *from) {
  auto module = isa<ModuleOp>(from) ? cast<ModuleOp>(from) : from->getParentOfType<ModuleOp>();
  return module ? llvm::to_vector(module.getOps<ModalityOp>()) : SmallVector<ModalityOp>();
}

LogicalResult MotleyDialect::verifyRegionResultAttribute(Operation *op, unsigned, unsigned resultIndex,
                                                         NamedAttribute attribute) {
  if (attribute.getName() != kLossAttrName || !isa<StringAttr>(attribute.getValue()))
    return op->emitOpError() << "result " << resultIndex << " carries unknown '" << attribute.getName().getValue()
                             << "'; a loss is named by motley.loss = \"name\"";
  return success();
}
