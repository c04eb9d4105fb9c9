// Modalities, variables, banks and training: verifiers and accessors.
#include "dialect/Motley.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include <cmath>

using namespace mlir;
using namespace mlir::motley;

LogicalResult ModalityOp::verify() {
  int64_t begin = getBegin(), end = getEnd();
  if (begin < 0 || begin >= end) /*modality_c1*/
    return emitOpError() << "needs 0 <= begin < end, got ids " << begin << " to " << end;
  for (ModalityOp other : getModalities(*this)) /*modality_c2*/
    if (other != *this && begin < static_cast<int64_t>(other.getEnd()) && static_cast<int64_t>(other.getBegin()) < end)
      return (emitOpError() << "ids " << begin << " to " << end << " overlap those of @" << other.getSymName())
                 .attachNote(other.getLoc())
             << "ids " << other.getBegin() << " to " << other.getEnd() << " declared here";
  return success();
}

LogicalResult VariableOp::verify() {
  auto type = dyn_cast<RankedTensorType>(getType());
  if (!type || !type.hasStaticShape() || !type.getElementType().isF32() || type.getRank() < 1 || type.getRank() > 2 ||
      llvm::any_of(type.getShape(), [](int64_t size) { return size < 1; })) /*variable_c1*/
    return emitOpError() << "has type " << getType()
                         << ", expected a static f32 tensor of rank 1 or 2 with positive sizes";
  double scale = getScale().convertToDouble();
  if (!std::isfinite(scale) || (getInit() != Init::constant && scale < 0)) /*variable_c2*/
    return emitOpError() << "needs a finite scale" << (getInit() == Init::constant ? "" : " that is not negative")
                         << ", got " << scale;
  return success();
}

int64_t BankOp::getNumRanges() { return cast<ArrayAttr>(getMembers()[0]).size(); }
FlatSymbolRefAttr BankOp::getVariableName(int64_t member, int64_t range) {
  return cast<FlatSymbolRefAttr>(cast<ArrayAttr>(getMembers()[member])[range]);
}
VariableOp BankOp::getVariable(int64_t member, int64_t range) {
  return lookupVariable(*this, getVariableName(member, range));
}
RankedTensorType BankOp::getRangeType(int64_t range) { return getVariable(0, range).getTensorType(); }

LogicalResult BankOp::verifySymbolUses(SymbolTableCollection &symbols) {
  if (getMembers().empty()) /*bank_c1*/
    return emitOpError("needs at least one member");
  size_t numRanges = 0;
  for (auto [m, member] : llvm::enumerate(getMembers())) {
    auto ranges = dyn_cast<ArrayAttr>(member);
    if (!ranges || ranges.empty()) /*bank_c1*/
      return emitOpError() << "member " << m << " must list at least one variable";
    if (m == 0)
      numRanges = ranges.size();
    if (ranges.size() != numRanges) /*bank_c1*/
      return emitOpError() << "member " << m << " has " << ranges.size() << " ranges, member 0 has " << numRanges;
  }
  llvm::SmallDenseSet<Attribute> seen;
  for (int64_t m = 0; m < getNumMembers(); ++m) {
    RankedTensorType first;
    for (int64_t r = 0; r < getNumRanges(); ++r) {
      auto name = dyn_cast<FlatSymbolRefAttr>(cast<ArrayAttr>(getMembers()[m])[r]);
      auto variable = name ? symbols.lookupNearestSymbolFrom<VariableOp>(*this, name) : VariableOp();
      if (!variable) /*bank_c2*/
        return emitOpError() << "member " << m << ", range " << r << " must name a motley.variable, got "
                             << cast<ArrayAttr>(getMembers()[m])[r];
      if (!seen.insert(name).second) /*bank_c4*/
        return emitOpError() << "holds " << name << " twice";
      RankedTensorType type = variable.getTensorType();
      if (type != getRangeType(r)) /*bank_c3*/
        return emitOpError() << "range " << r << " holds " << name << " of type " << type << " beside "
                             << getVariableName(0, r) << " of type " << getRangeType(r);
      if (r == 0)
        first = type;
      if (type.getRank() != first.getRank() ||
          (type.getRank() == 2 && type.getDimSize(0) != first.getDimSize(0))) /*bank_c3*/
        return emitOpError() << "member " << m << " holds " << name << " of type " << type
                             << ", whose rows differ from those of " << getVariableName(m, 0) << " of type " << first;
    }
  }
  for (BankOp other : (*this)->getParentOfType<ModuleOp>().getOps<BankOp>()) /*bank_c4*/
    if (other != *this)
      for (Attribute member : other.getMembers())
        if (auto names = dyn_cast<ArrayAttr>(member))
          for (Attribute name : names)
            if (seen.contains(name))
              return (emitOpError() << "holds " << name << ", which another bank holds too").attachNote(other.getLoc())
                     << "the other bank";
  return success();
}

LogicalResult TrainOp::verify() {
  auto isBeta = [](const APFloat &value) { return value.convertToDouble() >= 0 && value.convertToDouble() < 1; };
  if (!isBeta(getBeta1()) || !isBeta(getBeta2())) /*train_c2*/
    return emitOpError() << "needs 0 <= beta1, beta2 < 1, got " << getBeta1().convertToDouble() << " and "
                         << getBeta2().convertToDouble();
  if (!(getEpsilon().convertToDouble() > 0)) /*train_c2*/
    return emitOpError() << "needs epsilon > 0, got " << getEpsilon().convertToDouble();
  if (!(getWeightDecay().convertToDouble() >= 0) || !(getClip().convertToDouble() >= 0)) /*train_c2*/
    return emitOpError("needs weight_decay >= 0 and clip >= 0");
  return success();
}

LogicalResult TrainOp::verifySymbolUses(SymbolTableCollection &symbols) {
  if (getLosses()) // consumed by derive-functions
    return success();
  auto function = symbols.lookupNearestSymbolFrom<func::FuncOp>(*this, getFunctionAttr());
  if (!function) /*train_c1*/
    return emitOpError() << "names " << getFunctionAttr() << ", which is not a function of this module";
  for (unsigned i = 0; i < function.getNumArguments(); ++i) /*train_c1*/
    if (!function.getArgAttr(i, kFieldAttrName))
      return emitOpError() << "trains " << getFunctionAttr() << ", whose argument " << i
                           << " does not say which field of the rows it is";
  if (function.getNumResults() == 0) /*train_c1*/
    return emitOpError() << "trains " << getFunctionAttr() << ", which returns no loss";
  for (auto [i, type] : llvm::enumerate(function.getResultTypes())) { /*train_c1*/
    auto tensor = dyn_cast<RankedTensorType>(type);
    if (!tensor || tensor.getRank() != 1 || !tensor.getElementType().isF32())
      return emitOpError() << "trains " << getFunctionAttr() << ", whose result " << i << " has type " << type
                           << ", expected tensor<Rxf32>";
    if (!function.getResultAttr(i, kLossAttrName))
      return emitOpError() << "trains " << getFunctionAttr() << ", whose result " << i << " has no motley.loss name";
  }
  return success();
}

LogicalResult BackwardOp::verify() {
  for (auto [loss, cotangent] : llvm::zip(getLosses(), getCotangents())) /*backward_c1*/
    if (loss.getType() != cotangent.getType())
      return emitOpError() << "has a loss of type " << loss.getType() << " and its cotangent of type " << cotangent.getType();
  return success();
}

/// Shared by operations that name a whole bank.
static LogicalResult verifyBank(Operation *op, SymbolTableCollection &symbols, Attribute name) {
  auto symbol = dyn_cast<FlatSymbolRefAttr>(name);
  if (symbol && symbols.lookupNearestSymbolFrom<BankOp>(op, symbol))
    return success();
  return op->emitOpError() << "names " << name << ", which is not a motley.bank";
}

LogicalResult InitialiseOp::verifySymbolUses(SymbolTableCollection &symbols) {
  return verifyBank(*this, symbols, getBankAttr());
} /*initialise_c1*/
LogicalResult AdamWOp::verifySymbolUses(SymbolTableCollection &symbols) {
  return verifyBank(*this, symbols, getBankAttr());
} /*adamw_c1*/
LogicalResult GradientNormOp::verifySymbolUses(SymbolTableCollection &symbols) {
  if (getBanks().empty()) /*gradient_norm_c1*/
    return emitOpError("needs at least one bank");
  for (Attribute name : getBanks())
    if (failed(verifyBank(*this, symbols, name)))
      return failure();
  return success();
}
