#include "ptx/Names.h"

#include "ptx/Lexer.h"

namespace ptxsim::ptx {

const char *describe(Symbol::Kind kind) {
  switch (kind) {
  case Symbol::Kind::Register:
    return "register";
  case Symbol::Kind::VectorRegister:
    return "vector register";
  case Symbol::Kind::Variable:
    return "variable";
  case Symbol::Kind::Function:
    return "function";
  case Symbol::Kind::Label:
    return "label";
  case Symbol::Kind::Targets:
    return "list of targets";
  case Symbol::Kind::Prototype:
    return "call prototype";
  }
  return "name";
}

void Names::declareIn(Scope &scope, llvm::StringRef name, const Symbol &symbol) {
  auto [old, isNew] = scope.try_emplace(name, symbol);
  if (!isNew)
    throw Error(symbol.position, quoted(name) + " is declared twice in one scope: as a " + describe(old->second.kind) +
                                     " in line " + std::to_string(old->second.position.line) + " and as a " +
                                     describe(symbol.kind));
}

const Symbol *Names::findIn(const Scope &scope, llvm::StringRef name) {
  auto found = scope.find(name);
  return found == scope.end() ? nullptr : &found->second;
}

const Symbol *Names::find(llvm::StringRef name) const {
  for (size_t k = scopes.size(); k--;)
    if (const Symbol *symbol = findIn(scopes[k], name))
      return symbol;
  return nullptr;
}

} // namespace ptxsim::ptx
