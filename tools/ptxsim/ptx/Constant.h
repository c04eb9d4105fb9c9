// Constant expressions (PTX ISA 9.0, section 4.5: Constants).
#pragma once

#include "ptx/Lexer.h"

namespace ptxsim::ptx {

struct Constant {
  Type type = Type::S64; ///< S64, U64, F32 (a lone 0f..) or F64
  uint64_t bits = 0;
  bool isInteger() const { return type == Type::S64 || type == Type::U64; }
};

/// Whether the token can only start a constant expression.
bool startsConstant(const Token &token);
/// Parses a constant expression; throws Error.
Constant parseConstant(Lexer &lexer);
/// Parses one that must be an integer between `least` and `most`; `what` names it in messages.
uint64_t parseUnsigned(Lexer &lexer, llvm::StringRef what, uint64_t least, uint64_t most);

} // namespace ptxsim::ptx
