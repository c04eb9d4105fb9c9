// Scopes of names: the module, a function with its parameters, and the blocks inside it.
#pragma once

#include "ptx/Module.h"

#include "llvm/ADT/DenseMap.h"

namespace ptxsim::ptx {

struct Symbol {
  enum class Kind : uint8_t { Register, VectorRegister, Variable, Function, Label, Targets, Prototype };
  Kind kind = Kind::Register;
  uint8_t width = 1;  ///< of a vector register; its elements are `index`, `index` + 1, ...
  uint32_t index = 0; ///< register, label (instruction), or target list
  const Variable *variable = nullptr;
  Function *function = nullptr; ///< also a prototype
  Position position;
};
const char *describe(Symbol::Kind kind); ///< "register"

class Names {
public:
  Names() { enter(); }
  void enter() { scopes.emplace_back(); }
  void leave() { scopes.pop_back(); }
  size_t depth() const { return scopes.size(); }

  /// Throws Error if the innermost scope has the name already. `name` must outlive the scope.
  void declare(llvm::StringRef name, const Symbol &symbol) { declareIn(scopes.back(), name, symbol); }
  void declareOutermost(llvm::StringRef name, const Symbol &symbol) { declareIn(scopes.front(), name, symbol); }
  /// The innermost declaration, or null.
  const Symbol *find(llvm::StringRef name) const;
  const Symbol *findInnermost(llvm::StringRef name) const { return findIn(scopes.back(), name); }
  const Symbol *findOutermost(llvm::StringRef name) const { return findIn(scopes.front(), name); }

private:
  using Scope = llvm::DenseMap<llvm::StringRef, Symbol>;
  static void declareIn(Scope &scope, llvm::StringRef name, const Symbol &symbol);
  static const Symbol *findIn(const Scope &scope, llvm::StringRef name);
  std::vector<Scope> scopes;
};

} // namespace ptxsim::ptx
