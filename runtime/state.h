// The variables of a module: one buffer per bank and slot in packed form, and named row-major access to every variable.
#ifndef MOTLEY_RUNTIME_STATE_H
#define MOTLEY_RUNTIME_STATE_H

#include "runtime/arena.h"
#include "runtime/manifest.h"
#include "runtime/status.h"

#include <map>
#include <string>
#include <vector>

namespace motley::runtime {

/// One variable under its own name.
struct Variable {
  std::string name;
  Shape shape; ///< row-major; matrices are [in, out]: y = x W
  bool table = false;
  int bank = 0;   ///< index into Manifest::state
  int member = 0; ///< index into StateBank::members
  int64_t elements = 0;
};

/// Slot names that a trained variable has.
inline constexpr const char *slotParam = "param";
inline constexpr const char *slotGrad = "grad";
inline constexpr const char *slotM = "m";
inline constexpr const char *slotV = "v";
/// The average of a parameter over the steps, where the run keeps one.
inline constexpr const char *slotEma = "ema";

class State {
public:
  /// Allocates every buffer, zeroed. The manifest must outlive the state.
  static Result<State> create(const Manifest &manifest);

  /// All variables in the order of the manifest.
  const std::vector<Variable> &variables() const { return theVariables; }
  /// Null when there is none of that name.
  const Variable *find(const std::string &name) const;
  bool hasSlot(const Variable &variable, const std::string &slot) const;

  /// Unpacks one slot of a variable to row-major fp32; `count` must be the variable's number of elements.
  Status read(const std::string &variable, const std::string &slot, float *out, int64_t count) const;
  Result<std::vector<float>> read(const std::string &variable, const std::string &slot) const;
  /// Packs row-major fp32 into one slot of a variable; padding columns stay zero.
  Status write(const std::string &variable, const std::string &slot, const float *data, int64_t count);

  /// Fills a slot of every bank that has it with zeros.
  void clear(const std::string &slot);
  /// Lets every average begin at its parameter.
  void startAverages();

  /// The packed buffer of a bank's slot, or null.
  void *buffer(int bank, const std::string &slot) const;
  /// Of all slots together.
  int64_t totalBytes() const;
  /// Elements of all variables together.
  int64_t totalElements() const;
  /// "VARIABLE (SLOT)" of the first value that is not finite, or empty.
  std::string findNonFinite() const;

private:
  struct Place {
    const Variable *variable;
    const StateBank *bank;
    const BankMember *member;
    void *base;
  };
  Result<Place> locate(const std::string &variable, const std::string &slot, int64_t count) const;

  const Manifest *manifest = nullptr;
  std::vector<Variable> theVariables;
  std::map<std::string, int> byName;
  std::vector<std::vector<Buffer>> buffers; // [bank][slot]
};

} // namespace motley::runtime

#endif // MOTLEY_RUNTIME_STATE_H
