// Storage of variables and their initial values.
#include "tools/interp/VariableStore.h"

#include "tools/interp/Philox.h"
#include <cmath>

namespace mlir::motley::interp {

std::optional<StateSlot> parseStateSlot(StringRef name) {
  for (auto [index, slotName] : llvm::enumerate(kStateSlotNames))
    if (name == slotName)
      return StateSlot(index);
  return std::nullopt;
}

VariableStore::VariableStore(ModuleOp module) {
  for (VariableOp variable : module.getOps<VariableOp>()) {
    RankedTensorType type = variable.getTensorType();
    VariableState &state = variables[variable.getSymName().str()];
    state.shape.assign(type.getShape().begin(), type.getShape().end());
    for (std::vector<double> &slot : state.slots)
      slot.assign(type.getNumElements(), 0.0);
  }
}

VariableState *VariableStore::find(StringRef name) {
  auto found = variables.find(name.str());
  return found == variables.end() ? nullptr : &found->second;
}

/// 64-bit FNV-1a.
static uint64_t siteOf(StringRef name) {
  uint64_t hash = 0xcbf29ce484222325ull;
  for (unsigned char byte : name.bytes())
    hash = (hash ^ byte) * 0x100000001b3ull;
  return hash;
}

std::vector<double> initialValues(VariableOp variable, uint64_t seed) {
  std::vector<double> values(variable.getTensorType().getNumElements());
  double scale = variable.getScale().convertToDouble();
  uint64_t site = siteOf(variable.getSymName());
  for (uint64_t i = 0; i < values.size(); ++i) {
    if (variable.getInit() == Init::constant) {
      values[i] = scale;
      continue;
    }
    PhiloxWords counter = {{uint32_t(i), uint32_t(i >> 32), uint32_t(site), uint32_t(site >> 32)}};
    PhiloxWords draw = philox(counter, uint32_t(seed), uint32_t(seed >> 32));
    double u0 = unitOf(draw.words[0]), u1 = unitOf(draw.words[1]);
    values[i] = variable.getInit() == Init::uniform ? scale * (2 * u0 - 1)
                                                    : scale * std::sqrt(-2 * std::log(u0)) * std::cos(2 * M_PI * u1);
  }
  return values;
}

} // namespace mlir::motley::interp
