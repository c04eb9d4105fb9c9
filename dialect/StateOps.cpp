// Modalities, variables, banks and training: verifiers and accessors.
#include "dialect/Motley.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"

using namespace mlir;
using namespace mlir::motley;

LogicalResult ModalityOp::verify() {
  int64_t begin = getBegin(), end = getEnd();
  if (begin < 0 || begin >= end || end > std::numeric_limits<int32_t>::max()) /*modality_c1*/
    return emitOpError() << "needs 0 <= begin < end < 2^31, got ids " << begin << " to " << end;
  return success();
}

// Looks at its siblings, so it waits until each of them is verified.
LogicalResult ModalityOp::verifySymbolUses(SymbolTableCollection &) {
  for (ModalityOp other : getModalities(*this)) { /*modality_c2*/
    if (other == *this)
      break; // the later of two reports
    if (getBegin() < other.getEnd() && other.getBegin() < getEnd())
      return (emitOpError() << "ids " << getBegin() << " to " << getEnd() << " overlap those of @"
                            << other.getSymName())
                 .attachNote(other.getLoc())
             << "ids " << other.getBegin() << " to " << other.getEnd() << " declared here";
  }
  return success();
}

/// A shape that a variable may have: offsets in bytes must fit in 64 bits, by far.
static bool isVariableShape(ArrayRef<int64_t> shape) {
  int64_t room = int64_t(1) << 40; // elements
  for (int64_t size : shape) {
    if (size < 1 || size > room) // a dynamic size is negative
      return false;
    room /= size;
  }
  return true;
}

LogicalResult VariableOp::verify() {
  auto type = dyn_cast<RankedTensorType>(getType());
  if (!type || !type.getElementType().isF32() || type.getRank() < 1 || type.getRank() > 2 ||
      !isVariableShape(type.getShape())) /*variable_c1*/
    return emitOpError()
           << "has type " << getType()
           << ", expected a static f32 tensor of rank 1 or 2 with positive sizes and at most 2^40 elements";
  bool isFill = getInit() == Init::constant;
  if (isFill ? !getScale().isFinite() : !isNotNegative(getScale())) /*variable_c2*/
    return emitOpError() << "needs a finite scale" << (isFill ? "" : " that is not negative") << ", got "
                         << getScale().convertToDouble();
  auto isValid = [](std::optional<APFloat> number) { return !number || isNotNegative(*number); };
  if (!isValid(getRate()) || !isValid(getDecay())) /*variable_c3*/
    return emitOpError() << "needs a finite " << (isValid(getRate()) ? "decay" : "rate")
                         << " that is not negative, got "
                         << (isValid(getRate()) ? getDecay() : getRate())->convertToDouble();
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

LogicalResult BankOp::verify() {
  if (getMembers().empty()) /*bank_c1*/
    return emitOpError("needs at least one member");
  size_t numRanges = 0;
  llvm::SmallDenseSet<Attribute> seen;
  for (auto [m, member] : llvm::enumerate(getMembers())) {
    auto ranges = dyn_cast<ArrayAttr>(member);
    if (!ranges || ranges.empty()) /*bank_c1*/
      return emitOpError() << "member " << m << " must list at least one variable";
    if (m == 0)
      numRanges = ranges.size();
    if (ranges.size() != numRanges) /*bank_c1*/
      return emitOpError() << "member " << m << " has " << ranges.size() << " ranges, member 0 has " << numRanges;
    for (auto [r, name] : llvm::enumerate(ranges)) {
      if (!isa<FlatSymbolRefAttr>(name)) /*bank_c2*/
        return emitOpError() << "member " << m << ", range " << r << " must name a motley.variable, got " << name;
      if (!seen.insert(name).second) /*bank_c4*/
        return emitOpError() << "holds " << name << " twice";
    }
  }
  return success();
}

FailureOr<SmallVector<RankedTensorType>> BankOp::verifyMembers(SymbolTableCollection &symbols) {
  SmallVector<RankedTensorType> types;
  for (int64_t m = 0; m < getNumMembers(); ++m) {
    RankedTensorType first; // of this member
    for (int64_t r = 0; r < getNumRanges(); ++r) {
      FlatSymbolRefAttr name = getVariableName(m, r);
      auto variable = symbols.lookupNearestSymbolFrom<VariableOp>(*this, name);
      if (!variable) /*bank_c2*/
        return emitOpError() << "member " << m << ", range " << r << " must name a motley.variable, got " << name;
      RankedTensorType type = variable.getTensorType();
      if (m == 0)
        types.push_back(type);
      if (type != types[r]) /*bank_c3*/
        return emitOpError() << "range " << r << " holds " << name << " of type " << type << " beside "
                             << getVariableName(0, r) << " of type " << types[r];
      if (r == 0)
        first = type;
      bool fits =
          type.getRank() == first.getRank() && (type.getRank() == 1 || type.getDimSize(0) == first.getDimSize(0));
      if (!fits) /*bank_c3*/
        return emitOpError() << "member " << m << " holds " << name << " of type " << type
                             << ", whose rows differ from those of " << getVariableName(m, 0) << " of type " << first;
    }
  }
  return types;
}

LogicalResult BankOp::verifySymbolUses(SymbolTableCollection &symbols) {
  FailureOr<SmallVector<RankedTensorType>> types = verifyMembers(symbols);
  if (failed(types))
    return failure();
  if (getLayout() && types->front().getRank() != 2) /*bank_c5*/
    return emitOpError() << "has a layout, but holds vectors of type " << types->front();
  // The first bank checks all of them, in one walk.
  auto banks = (*this)->getParentOfType<ModuleOp>().getOps<BankOp>();
  if (*banks.begin() != *this)
    return success();
  llvm::DenseMap<Attribute, BankOp> owners;
  for (BankOp bank : banks)
    for (Attribute member : bank.getMembers())
      for (Attribute name : cast<ArrayAttr>(member)) {
        BankOp other = owners.try_emplace(name, bank).first->second;
        if (other != bank) /*bank_c4*/
          return (bank.emitOpError() << "holds " << name << ", which @" << other.getSymName() << " holds too")
                     .attachNote(other.getLoc())
                 << "the other bank";
      }
  return success();
}

/// What train and adamw say about the numbers of AdamW.
template <typename OpT> static LogicalResult verifyAdamW(OpT op) {
  for (const APFloat &beta : {op.getBeta1(), op.getBeta2()})
    if (!isNotNegative(beta) || beta.convertToDouble() >= 1)
      return op.emitOpError() << "needs 0 <= beta1, beta2 < 1, got " << op.getBeta1().convertToDouble() << " and "
                              << op.getBeta2().convertToDouble();
  if (!isPositive(op.getEpsilon()))
    return op.emitOpError() << "needs a positive, finite epsilon, got " << op.getEpsilon().convertToDouble();
  if (!isNotNegative(op.getWeightDecay()) || !isNotNegative(op.getClip()))
    return op.emitOpError() << "needs a finite weight_decay and clip that are not negative, got "
                            << op.getWeightDecay().convertToDouble() << " and " << op.getClip().convertToDouble();
  if (op.getEma() && (!isPositive(*op.getEma()) || op.getEma()->convertToDouble() >= 1))
    return op.emitOpError() << "needs 0 < ema < 1, got " << op.getEma()->convertToDouble();
  return success();
}

LogicalResult TrainOp::verify() {
  if (failed(verifyAdamW(*this))) /*train_c2*/
    return failure();
  if (getRate() && !isPositive(*getRate())) /*train_c2*/
    return emitOpError() << "needs a positive, finite rate, got " << getRate()->convertToDouble();
  if (getUntil() && static_cast<int64_t>(*getUntil()) < 1) /*train_c4*/
    return emitOpError() << "lasts until step " << static_cast<int64_t>(*getUntil()) << "; steps count from 1";
  return success();
}

/// Whether `type` is tensor<Rxf32> or tensor<Rxi32>; `rows` is the R of the first, and must be that of all.
static bool isOfRows(Type type, std::optional<int64_t> &rows) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  if (!tensor || tensor.getRank() != 1)
    return true; // of another kind: checked where it is declared
  if (!rows)
    rows = tensor.getDimSize(0);
  return tensor.getDimSize(0) == *rows;
}

/// The names of a phase's losses, before or after derive-functions; null where it names no function.
static ArrayAttr lossNames(TrainOp train, SymbolTableCollection &symbols) {
  if (train.getLosses())
    return *train.getLosses();
  auto function = symbols.lookupNearestSymbolFrom<func::FuncOp>(train, train.getFunctionAttr());
  if (!function)
    return {};
  SmallVector<Attribute> names;
  for (unsigned i = 0; i < function.getNumResults(); ++i)
    names.push_back(function.getResultAttr(i, kLossAttrName));
  return ArrayAttr::get(train.getContext(), names);
}

/// The R of a phase's loss function, where it can be told.
static std::optional<int64_t> lossRows(TrainOp train, SymbolTableCollection &symbols) {
  auto function = symbols.lookupNearestSymbolFrom<func::FuncOp>(train, train.getFunctionAttr());
  std::optional<int64_t> rows;
  if (function && function.getNumResults() > 0)
    (void)isOfRows(function.getResultTypes().front(), rows);
  return rows;
}

/// How a phase fits the one before it.
static LogicalResult verifyPhase(TrainOp phase, TrainOp previous, SymbolTableCollection &symbols) {
  auto fail = [&](const Twine &what) -> LogicalResult {
    return (phase.emitOpError() << what).attachNote(previous.getLoc()) << "the phase before it";
  };
  if (!previous.getUntil()) /*train_c4*/
    return fail("follows a phase that does not say until which step it lasts");
  if (phase.getUntil() && static_cast<int64_t>(*phase.getUntil()) <= static_cast<int64_t>(*previous.getUntil()))
    return fail("lasts until step " + Twine(*phase.getUntil()) + ", which is not behind step " + /*train_c4*/
                Twine(*previous.getUntil()));
  if (phase.getEmaAttr() != previous.getEmaAttr()) /*train_c4*/
    return fail("has another ema than the phase before it");
  if (lossNames(phase, symbols) != lossNames(previous, symbols)) /*train_c4*/
    return fail("trains a function whose losses have other names than those of the phase before it");
  if (lossRows(phase, symbols) != lossRows(previous, symbols)) /*train_c4*/
    return fail("trains a function whose number of rows is not that of the phase before it");
  return success();
}

LogicalResult TrainOp::verifySymbolUses(SymbolTableCollection &symbols) {
  TrainOp previous;
  for (TrainOp other : (*this)->getParentOfType<ModuleOp>().getOps<TrainOp>()) {
    if (other == *this)
      break;
    previous = other;
  }
  if (previous && failed(verifyPhase(*this, previous, symbols)))
    return failure();
  if (ArrayAttr names = getFrozenAttr()) {
    llvm::SmallDenseSet<Attribute> distinct;
    for (auto name : names.getAsRange<FlatSymbolRefAttr>()) {
      if (!symbols.lookupNearestSymbolFrom<VariableOp>(*this, name)) /*train_c5*/
        return emitOpError() << "freezes " << name << ", which is not a motley.variable";
      if (!distinct.insert(name).second) /*train_c5*/
        return emitOpError() << "freezes " << name << " twice";
    }
  }
  if (getLosses()) // consumed by derive-functions
    return success();
  auto function = symbols.lookupNearestSymbolFrom<func::FuncOp>(*this, getFunctionAttr());
  if (!function) /*train_c1*/
    return emitOpError() << "names " << getFunctionAttr() << ", which is not a function of this module";
  std::optional<int64_t> rows;
  llvm::SmallDenseSet<Attribute> seen;
  for (auto [i, type] : llvm::enumerate(function.getArgumentTypes())) {
    Attribute field = function.getArgAttr(i, kFieldAttrName);
    if (auto scalar = function.getArgAttrOfType<StringAttr>(i, kScalarAttrName); scalar && type.isF32()) {
      if (!seen.insert(scalar).second) /*train_c3*/
        return emitOpError() << "trains " << getFunctionAttr() << ", two arguments of which are the scalar " << scalar;
      continue;
    }
    if (!field) /*train_c1*/
      return emitOpError() << "trains " << getFunctionAttr() << ", whose argument " << i
                           << " does not say which field of the rows it is, and is no f32 with motley.scalar";
    if (!seen.insert(field).second) /*train_c3*/
      return emitOpError() << "trains " << getFunctionAttr() << ", two arguments of which are the field "
                           << stringifyField(cast<FieldAttr>(field).getValue());
    if (!isOfRows(type, rows)) /*train_c3*/
      return emitOpError() << "trains " << getFunctionAttr() << ", whose argument " << i << " has type " << type
                           << ", expected " << *rows << " rows";
  }
  if (function.getNumResults() == 0) /*train_c1*/
    return emitOpError() << "trains " << getFunctionAttr() << ", which returns no loss";
  seen.clear();
  for (auto [i, type] : llvm::enumerate(function.getResultTypes())) {
    auto tensor = dyn_cast<RankedTensorType>(type);
    if (!tensor || tensor.getRank() != 1 || !tensor.getElementType().isF32()) /*train_c1*/
      return emitOpError() << "trains " << getFunctionAttr() << ", whose result " << i << " has type " << type
                           << ", expected tensor<Rxf32>";
    Attribute name = function.getResultAttr(i, kLossAttrName);
    if (!name) /*train_c1*/
      return emitOpError() << "trains " << getFunctionAttr() << ", whose result " << i << " has no motley.loss name";
    if (!seen.insert(name).second) /*train_c3*/
      return emitOpError() << "trains " << getFunctionAttr() << ", two results of which are the loss " << name;
    if (!isOfRows(type, rows)) /*train_c3*/
      return emitOpError() << "trains " << getFunctionAttr() << ", whose result " << i << " has type " << type
                           << ", expected " << *rows << " rows";
  }
  return success();
}

LogicalResult BackwardOp::verify() {
  if (getLosses().empty()) /*backward_c1*/
    return emitOpError("needs at least one loss");
  for (auto [loss, cotangent] : llvm::zip(getLosses(), getCotangents())) /*backward_c1*/
    if (loss.getType() != cotangent.getType())
      return emitOpError() << "has a loss of type " << loss.getType() << " and its cotangent of type "
                           << cotangent.getType();
  return success();
}

/// Shared by operations that name a whole bank.
static LogicalResult verifyBank(Operation *op, SymbolTableCollection &symbols, FlatSymbolRefAttr name) {
  auto bank = symbols.lookupNearestSymbolFrom<BankOp>(op, name);
  if (!bank)
    return op->emitOpError() << "names " << name << ", which is not a motley.bank";
  return success();
}

LogicalResult InitialiseOp::verifySymbolUses(SymbolTableCollection &symbols) {
  return verifyBank(*this, symbols, getBankAttr()); /*initialise_c1*/
}

LogicalResult AdamWOp::verify() { return verifyAdamW(*this); } /*adamw_c2*/

LogicalResult AdamWOp::verifySymbolUses(SymbolTableCollection &symbols) {
  return verifyBank(*this, symbols, getBankAttr()); /*adamw_c1*/
}

LogicalResult GradientNormOp::verifySymbolUses(SymbolTableCollection &symbols) {
  if (getBanks().empty()) /*gradient_norm_c1*/
    return emitOpError("needs at least one bank");
  llvm::SmallDenseSet<Attribute> seen;
  for (auto name : getBanks().getAsRange<FlatSymbolRefAttr>()) { /*gradient_norm_c1*/
    if (!seen.insert(name).second)
      return emitOpError() << "names " << name << " twice";
    if (failed(verifyBank(*this, symbols, name)))
      return failure();
  }
  return success();
}
