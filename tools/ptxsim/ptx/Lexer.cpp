// Tokens of PTX (PTX ISA 9.0, section 4: Syntax).
#include "ptx/Lexer.h"

#include "llvm/ADT/StringExtras.h"

#include <bit>
#include <cstdlib>

namespace ptxsim::ptx {

static bool isWordStart(char c) { return llvm::isAlpha(c) || c == '_' || c == '$' || c == '%'; }
static bool isWordPart(char c) { return llvm::isAlnum(c) || c == '_' || c == '$'; }

std::string quoted(llvm::StringRef text) {
  constexpr size_t longest = 80;
  std::string result = "'";
  for (char c : text.take_front(longest)) {
    if (llvm::isPrint(c))
      result += c;
    else
      result += "\\x" + llvm::utohexstr(uint8_t(c), true, 2);
  }
  return result + (text.size() > longest ? "...'" : "'");
}

std::string describe(const Token &token) {
  if (token.kind == Token::Kind::End)
    return "the end of the file";
  if (token.kind == Token::Kind::String)
    return "string \"" + quoted(token.text).substr(1, 40) + "\"";
  return quoted(token.text);
}

Lexer::Lexer(llvm::StringRef text) : at(text.begin()), end(text.end()), lineStart(at) {
  while (end != at && end[-1] == '\0') // C strings come with their terminator
    --end;
  advance();
}

void Lexer::skipBlanks() {
  while (at != end) {
    char c = *at;
    if (c == '\n') {
      ++line;
      lineStart = ++at;
    } else if (c == ' ' || c == '\t' || c == '\r' || c == '\f' || c == '\v') {
      ++at;
    } else if (c == '/' && end - at > 1 && at[1] == '/') {
      while (at != end && *at != '\n')
        ++at;
    } else if (c == '/' && end - at > 1 && at[1] == '*') {
      Position opened = here();
      at += 2;
      while (end - at > 1 && !(at[0] == '*' && at[1] == '/')) {
        if (*at == '\n') {
          ++line;
          lineStart = at + 1;
        }
        ++at;
      }
      if (end - at < 2)
        throw Error(opened, "unterminated comment: '/*' without '*/'");
      at += 2;
    } else {
      return;
    }
  }
}

void Lexer::advance() {
  skipBlanks();
  current.position = here();
  current.isUnsigned = false;
  const char *start = at;
  if (at == end) {
    current.kind = Token::Kind::End;
    current.text = {};
    return;
  }
  char c = *at;
  bool isRemainder = c == '%' && !(end - at > 1 && isWordPart(at[1]));
  if (isWordStart(c) && !isRemainder) {
    current.kind = Token::Kind::Word;
    ++at;
    while (at != end && isWordPart(*at))
      ++at;
  } else if (llvm::isDigit(c)) {
    lexNumber();
  } else if (c == '.' && end - at > 1 && isWordPart(at[1])) {
    current.kind = Token::Kind::Dotted;
    ++at;
    while (at != end && (isWordPart(*at) || (*at == ':' && end - at > 2 && at[1] == ':' && isWordPart(at[2]))))
      at += *at == ':' ? 2 : 1;
  } else if (c == '"') {
    lexString();
    return;
  } else {
    lexPunct();
  }
  current.text = llvm::StringRef(start, at - start);
}

llvm::StringRef Lexer::takeSpelling() {
  const char *start = current.text.begin(), *last = at;
  while (at != end && *at == '.') {
    ++at;
    while (at != end && (isWordPart(*at) || (*at == ':' && end - at > 2 && at[1] == ':' && isWordPart(at[2]))))
      at += *at == ':' ? 2 : 1;
    last = at;
  }
  advance();
  while (current.kind == Token::Kind::Dotted) { // blanks before a piece
    last = at;
    advance();
  }
  return llvm::StringRef(start, last - start);
}

void Lexer::skipBraces(Position opened) {
  for (unsigned depth = 1;; advance()) {
    if (current.kind == Token::Kind::End)
      throw Error(opened, "'{' without '}'");
    if (current.is('{'))
      ++depth;
    if (current.is('}') && --depth == 0)
      break;
  }
  advance();
}

void Lexer::lexNumber() {
  char second = end - at > 1 ? at[1] : '\0';
  if (*at == '0' && (second == 'x' || second == 'X'))
    lexDigits(16, at + 2);
  else if (*at == '0' && (second == 'b' || second == 'B'))
    lexDigits(2, at + 2);
  else if (*at == '0' && (second == 'f' || second == 'F'))
    lexHexFloat(8);
  else if (*at == '0' && (second == 'd' || second == 'D'))
    lexHexFloat(16);
  else
    lexDecimal();
  if (at != end && isWordPart(*at))
    fail("malformed number: unexpected " + quoted(llvm::StringRef(at, 1)) + " in it");
}

void Lexer::lexDigits(unsigned base, const char *from) {
  current.kind = Token::Kind::Integer;
  at = from;
  uint64_t value = 0;
  const char *first = at;
  for (; at != end && llvm::isHexDigit(*at); ++at) {
    unsigned digit = llvm::hexDigitValue(*at);
    if (digit >= base)
      fail("malformed number: " + quoted(llvm::StringRef(at, 1)) + " is no digit in base " + std::to_string(base));
    if (value > (~uint64_t(0) - digit) / base)
      fail("integer constant does not fit in 64 bits");
    value = value * base + digit;
  }
  if (at == first)
    fail("malformed number: expected digits in base " + std::to_string(base));
  current.bits = value;
  current.isUnsigned = value >> 63;
  if (at != end && *at == 'U') {
    current.isUnsigned = true;
    ++at;
  }
}

void Lexer::lexDecimal() {
  const char *start = at, *scan = at;
  while (scan != end && llvm::isDigit(*scan))
    ++scan;
  bool isFloat = false;
  if (scan != end && *scan == '.' && !(end - scan > 1 && llvm::isAlpha(scan[1]))) {
    isFloat = true;
    ++scan;
    while (scan != end && llvm::isDigit(*scan))
      ++scan;
  }
  if (scan != end && (*scan == 'e' || *scan == 'E')) {
    isFloat = true;
    ++scan;
    if (scan != end && (*scan == '+' || *scan == '-'))
      ++scan;
    if (scan == end || !llvm::isDigit(*scan))
      fail("malformed number: an exponent without digits");
    while (scan != end && llvm::isDigit(*scan))
      ++scan;
  }
  if (!isFloat)
    return lexDigits(*start == '0' && scan - start > 1 ? 8 : 10, start);
  current.kind = Token::Kind::Float64;
  current.bits = std::bit_cast<uint64_t>(std::strtod(std::string(start, scan).c_str(), nullptr));
  at = scan;
}

void Lexer::lexHexFloat(unsigned digits) {
  current.kind = digits == 8 ? Token::Kind::Float32 : Token::Kind::Float64;
  at += 2;
  uint64_t value = 0;
  for (unsigned k = 0; k < digits; ++k, ++at) {
    if (at == end || !llvm::isHexDigit(*at))
      fail("malformed number: expected " + std::to_string(digits) + " hexadecimal digits, got " + std::to_string(k));
    value = value << 4 | llvm::hexDigitValue(*at);
  }
  current.bits = value;
}

void Lexer::lexString() {
  current.kind = Token::Kind::String;
  const char *start = ++at;
  while (at != end && *at != '"' && *at != '\n')
    at += *at == '\\' && end - at > 1 && at[1] != '\n' ? 2 : 1;
  if (at == end || *at != '"')
    throw Error(current.position, "unterminated string");
  current.text = llvm::StringRef(start, at - start);
  ++at;
}

void Lexer::lexPunct() {
  static constexpr struct {
    char text[3];
    uint16_t punct;
  } pairs[] = {{"<<", Token::ShiftLeft},    {">>", Token::ShiftRight}, {"<=", Token::LessEqual},
               {">=", Token::GreaterEqual}, {"==", Token::Equal},      {"!=", Token::NotEqual},
               {"&&", Token::And},          {"||", Token::Or}};
  current.kind = Token::Kind::Punct;
  if (end - at > 1)
    for (const auto &pair : pairs)
      if (at[0] == pair.text[0] && at[1] == pair.text[1]) {
        current.punct = pair.punct;
        at += 2;
        return;
      }
  if (llvm::StringRef("{}()[]<>,;:=+-*/%&|^~!?@.").contains(*at)) {
    current.punct = uint8_t(*at++);
    return;
  }
  fail("unexpected character " + quoted(llvm::StringRef(at, 1)));
}

} // namespace ptxsim::ptx
