// Cuts PTX text into tokens, one at a time; keeps no token but the one it stands on.
#pragma once

#include "ptx/Module.h"

namespace ptxsim::ptx {

struct Token {
  enum class Kind : uint8_t {
    End,
    Word,    ///< identifier, also with a leading % $ or _
    Dotted,  ///< ".name", ".shared::cta", ".2d"; `text` includes the dot
    Integer, ///< `bits`; `isUnsigned` if it has the suffix U or does not fit in 63 bits
    Float32, ///< 0f..: `bits`
    Float64, ///< 0d.. and decimal: `bits`
    String,  ///< `text` without the quotes, escapes as written
    Punct,   ///< `punct`: a character, or one of the pairs below
  };
  enum Pair : uint16_t { ShiftLeft = 256, ShiftRight, LessEqual, GreaterEqual, Equal, NotEqual, And, Or };

  Kind kind = Kind::End;
  bool isUnsigned = false;
  uint16_t punct = 0;
  llvm::StringRef text;
  uint64_t bits = 0;
  Position position;

  bool is(uint16_t p) const { return kind == Kind::Punct && punct == p; }
  bool isWord() const { return kind == Kind::Word; }
  bool isDotted(llvm::StringRef name) const { return kind == Kind::Dotted && text == name; }
};

class Lexer {
public:
  explicit Lexer(llvm::StringRef text);

  const Token &token() const { return current; }
  void advance(); ///< to the next token; throws Error for what is no token

  /// Extends the current Word over the dotted pieces behind it ("ld" to "ld.global.f32") and returns all of it.
  llvm::StringRef takeSpelling();
  /// Skips up to and behind the '}' that closes the '{' just passed, whatever lies between.
  void skipBraces(Position opened);

private:
  void skipBlanks();
  void lexNumber();
  void lexDigits(unsigned base, const char *from);
  void lexDecimal();
  void lexHexFloat(unsigned digits);
  void lexString();
  void lexPunct();
  Position here() const { return {line, uint32_t(at - lineStart + 1)}; }
  [[noreturn]] void fail(const std::string &message) const { throw Error(here(), message); }

  const char *at, *end, *lineStart;
  uint32_t line = 1;
  Token current;
};

/// "'add'", "end of file", "a string": for messages.
std::string describe(const Token &token);
/// Escapes what is not printable and shortens what is long, in quotes.
std::string quoted(llvm::StringRef text);

} // namespace ptxsim::ptx
