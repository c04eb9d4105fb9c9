// The variables of a module: parameter, gradient and the two moments of AdamW of each, by the variable's name.
#ifndef MOTLEY_TOOLS_INTERP_VARIABLESTORE_H
#define MOTLEY_TOOLS_INTERP_VARIABLESTORE_H

#include "dialect/Motley.h"
#include "llvm/ADT/STLExtras.h"
#include <array>
#include <map>
#include <string>
#include <vector>

namespace mlir::motley::interp {

enum class StateSlot { param, grad, m, v, ema };
inline constexpr std::array<StringLiteral, 5> kStateSlotNames = {"param", "grad", "m", "v", "ema"};
std::optional<StateSlot> parseStateSlot(StringRef name);

/// One variable, unpacked and row-major [inputs, outputs] or [width]. All slots start at zero, as the runtime's do.
struct VariableState {
  SmallVector<int64_t, 2> shape;
  std::array<std::vector<double>, kStateSlotNames.size()> slots;

  std::vector<double> &slot(StateSlot which) { return slots[size_t(which)]; }
  const std::vector<double> &slot(StateSlot which) const { return slots[size_t(which)]; }
};

class VariableStore {
public:
  explicit VariableStore(ModuleOp module);

  /// Null if the module declares no such variable.
  VariableState *find(StringRef name);
  /// Variables in the order of their names.
  std::map<std::string, VariableState, std::less<>> &all() { return variables; }

private:
  std::map<std::string, VariableState, std::less<>> variables;
};

/// The values with which a variable starts, by the rule in the description of motley.variable.
std::vector<double> initialValues(VariableOp variable, uint64_t seed);

} // namespace mlir::motley::interp

#endif // MOTLEY_TOOLS_INTERP_VARIABLESTORE_H
