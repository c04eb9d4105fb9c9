// Initialisation and AdamW.
#include "tools/interp/Frame.h"

#include <cmath>

namespace mlir::motley::interp {

/// Calls visit on the declaration and the state of every variable of a bank.
template <typename Visit>
static void forEachVariable(Operation *from, FlatSymbolRefAttr name, Frame &frame, Visit visit) {
  BankOp bank = lookupBank(from, name);
  for (int64_t member = 0; member < bank.getNumMembers(); ++member)
    for (int64_t range = 0; range < bank.getNumRanges(); ++range) {
      VariableOp variable = bank.getVariable(member, range);
      visit(variable, *frame.interpreter.getVariables().find(variable.getSymName()));
    }
}

LogicalResult evaluate(InitialiseOp op, Frame &frame) {
  uint64_t seed = frame.intScalar(op.getSeed());
  forEachVariable(op, op.getBankAttr(), frame, [&](VariableOp variable, VariableState &state) {
    state.slot(StateSlot::param) = state.slot(StateSlot::ema) = initialValues(variable, seed);
  });
  return success();
}

LogicalResult evaluate(GradientNormOp op, Frame &frame) {
  double sum = 0;
  for (Attribute bank : op.getBanks())
    forEachVariable(op, cast<FlatSymbolRefAttr>(bank), frame, [&](VariableOp variable, VariableState &state) {
      if (isFrozen(op, variable))
        return;
      for (double element : state.slot(StateSlot::grad))
        sum += element * element;
    });
  if (op.getNorm().getType().getShape() != ArrayRef<int64_t>{1})
    return op.emitError() << "gives " << op.getNorm().getType() << ", expected tensor<1xf32>";
  frame.set(op.getNorm(), Tensor::ofFloats({1}, std::sqrt(sum)));
  return success();
}

LogicalResult evaluate(AdamWOp op, Frame &frame) {
  int64_t step = frame.intScalar(op.getStep());
  if (step < 1)
    return op.emitError() << "steps count from 1, got " << step;
  if (op.getNorm().getType().getShape() != ArrayRef<int64_t>{1})
    return op.emitError() << "takes a norm of type " << op.getNorm().getType() << ", expected tensor<1xf32>";
  double beta1 = op.getBeta1().convertToDouble(), beta2 = op.getBeta2().convertToDouble();
  double epsilon = op.getEpsilon().convertToDouble(), keep = op.getEma() ? op.getEma()->convertToDouble() : 0;
  double clip = op.getClip().convertToDouble(), norm = frame.floatScalar(op.getNorm());
  double learningRate = frame.floatScalar(op.getLearningRate());
  double shrink = clip > 0 && norm > clip ? clip / norm : 1;
  auto missed = op->getParentOfType<FunctionOpInterface>()->getAttrOfType<DictionaryAttr>(kMissedAttrName);
  forEachVariable(op, op.getBankAttr(), frame, [&](VariableOp variable, VariableState &state) {
    if (isFrozen(op, variable))
      return;
    double rate = learningRate * (variable.getRate() ? variable.getRate()->convertToDouble() : 1);
    double decay = variable.getDecay().value_or(op.getWeightDecay()).convertToDouble();
    auto without = missed ? missed.getAs<IntegerAttr>(variable.getSymName()) : IntegerAttr();
    double count = double(step - (without ? without.getInt() : 0)); // steps that trained it, this one included
    for (size_t i = 0; i < state.slot(StateSlot::param).size(); ++i) {
      double &w = state.slot(StateSlot::param)[i], &m = state.slot(StateSlot::m)[i], &v = state.slot(StateSlot::v)[i];
      double g = shrink * state.slot(StateSlot::grad)[i];
      m = beta1 * m + (1 - beta1) * g;
      v = beta2 * v + (1 - beta2) * g * g;
      double mean = m / (1 - std::pow(beta1, count)), variance = v / (1 - std::pow(beta2, count));
      w -= rate * (mean / (std::sqrt(variance) + epsilon) + decay * w);
      if (op.getEma())
        state.slot(StateSlot::ema)[i] = keep * state.slot(StateSlot::ema)[i] + (1 - keep) * w;
    }
  });
  return success();
}

} // namespace mlir::motley::interp
