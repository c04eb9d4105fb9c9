// Constant expressions are evaluated while they are parsed. Integers are 64 bits wide; an operation is unsigned if an
// operand is, except that shifts follow their left operand and comparisons and logic give signed 0 or 1.
#include "ptx/Constant.h"

#include <bit>

namespace ptxsim::ptx {

namespace {

class ConstantParser {
public:
  explicit ConstantParser(Lexer &lexer) : lexer(lexer) {}

  Constant conditional() {
    Nesting nesting(*this);
    Constant condition = binary(0);
    if (!lexer.token().is('?'))
      return condition;
    requireInteger(condition);
    lexer.advance();
    Constant yes = conditional();
    expect(':');
    Constant no = conditional();
    Constant result = condition.bits ? yes : no;
    if (yes.isInteger() && no.isInteger())
      result.type = commonType(yes, no);
    return result;
  }

private:
  /// Bounds the depth of recursion: expressions can nest as deep as the text is long.
  struct Nesting {
    explicit Nesting(ConstantParser &parser) : parser(parser) {
      if (++parser.depth > 64)
        throw Error(parser.lexer.token().position, "constant expression is nested more than 64 deep");
    }
    ~Nesting() { --parser.depth; }
    ConstantParser &parser;
  };

  static int precedence(const Token &token) {
    if (token.kind != Token::Kind::Punct)
      return -1;
    switch (token.punct) {
    case Token::Or:
      return 0;
    case Token::And:
      return 1;
    case '|':
      return 2;
    case '^':
      return 3;
    case '&':
      return 4;
    case Token::Equal:
    case Token::NotEqual:
      return 5;
    case '<':
    case '>':
    case Token::LessEqual:
    case Token::GreaterEqual:
      return 6;
    case Token::ShiftLeft:
    case Token::ShiftRight:
      return 7;
    case '+':
    case '-':
      return 8;
    case '*':
    case '/':
    case '%':
      return 9;
    default:
      return -1;
    }
  }

  Constant binary(int least) {
    Nesting nesting(*this);
    Constant left = unary();
    for (;;) {
      Token op = lexer.token();
      int level = precedence(op);
      if (level < least)
        return left;
      lexer.advance();
      Constant right = binary(level + 1);
      left = apply(op, left, right);
    }
  }

  Constant unary() {
    Nesting nesting(*this);
    Token token = lexer.token();
    if (token.is('+') || token.is('-') || token.is('~') || token.is('!')) {
      lexer.advance();
      Constant value = unary();
      if (token.is('+'))
        return value;
      if (token.is('-'))
        return negate(value);
      requireInteger(value);
      if (token.is('~'))
        return {value.type, ~value.bits};
      return {Type::S64, !value.bits};
    }
    if (token.is('(')) {
      lexer.advance();
      if (lexer.token().isDotted(".s64") || lexer.token().isDotted(".u64")) {
        Type type = lexer.token().text == ".s64" ? Type::S64 : Type::U64;
        lexer.advance();
        expect(')');
        Constant value = unary();
        requireInteger(value);
        return {type, value.bits};
      }
      Constant value = conditional();
      expect(')');
      return value;
    }
    return literal(token);
  }

  Constant literal(const Token &token) {
    Constant value;
    if (token.kind == Token::Kind::Integer)
      value = {token.isUnsigned ? Type::U64 : Type::S64, token.bits};
    else if (token.kind == Token::Kind::Float32)
      value = {Type::F32, token.bits};
    else if (token.kind == Token::Kind::Float64)
      value = {Type::F64, token.bits};
    else if (token.isWord() && token.text == "WARP_SZ")
      value = {Type::S64, 32};
    else
      throw Error(token.position, "expected a constant, got " + describe(token));
    lexer.advance();
    return value;
  }

  static Constant negate(Constant value) {
    if (value.isInteger())
      return {value.type, 0 - value.bits};
    return {value.type, value.bits ^ (value.type == Type::F32 ? uint64_t(1) << 31 : uint64_t(1) << 63)};
  }

  void requireInteger(const Constant &value) const {
    if (!value.isInteger())
      throw Error(lexer.token().position, "a floating-point constant where an integer is due");
  }

  static Type commonType(const Constant &a, const Constant &b) {
    return a.type == Type::U64 || b.type == Type::U64 ? Type::U64 : Type::S64;
  }

  static double asDouble(const Constant &value) {
    switch (value.type) {
    case Type::F32:
      return std::bit_cast<float>(uint32_t(value.bits));
    case Type::F64:
      return std::bit_cast<double>(value.bits);
    case Type::U64:
      return double(value.bits);
    default:
      return double(int64_t(value.bits));
    }
  }

  static Constant applyFloat(const Token &op, const Constant &a, const Constant &b) {
    double x = asDouble(a), y = asDouble(b), result;
    switch (op.punct) {
    case '+':
      result = x + y;
      break;
    case '-':
      result = x - y;
      break;
    case '*':
      result = x * y;
      break;
    case '/':
      result = x / y;
      break;
    default:
      throw Error(op.position, "operator " + quoted(op.text) + " takes integers only");
    }
    return {Type::F64, std::bit_cast<uint64_t>(result)};
  }

  static Constant divide(const Token &op, Type type, uint64_t x, uint64_t y) {
    if (!y)
      throw Error(op.position, "division by zero in a constant expression");
    bool remainder = op.is('%');
    if (type == Type::U64)
      return {type, remainder ? x % y : x / y};
    if (y == ~uint64_t(0)) // also INT64_MIN / -1
      return {type, remainder ? 0 : 0 - x};
    return {type, uint64_t(remainder ? int64_t(x) % int64_t(y) : int64_t(x) / int64_t(y))};
  }

  static bool less(Type type, uint64_t x, uint64_t y) { return type == Type::U64 ? x < y : int64_t(x) < int64_t(y); }

  static Constant apply(const Token &op, const Constant &a, const Constant &b) {
    if (!a.isInteger() || !b.isInteger())
      return applyFloat(op, a, b);
    Type type = commonType(a, b), boolean = Type::S64;
    uint64_t x = a.bits, y = b.bits;
    switch (op.punct) {
    case Token::Or:
      return {boolean, x || y};
    case Token::And:
      return {boolean, x && y};
    case '|':
      return {type, x | y};
    case '^':
      return {type, x ^ y};
    case '&':
      return {type, x & y};
    case Token::Equal:
      return {boolean, x == y};
    case Token::NotEqual:
      return {boolean, x != y};
    case '<':
      return {boolean, less(type, x, y)};
    case '>':
      return {boolean, less(type, y, x)};
    case Token::LessEqual:
      return {boolean, !less(type, y, x)};
    case Token::GreaterEqual:
      return {boolean, !less(type, x, y)};
    case Token::ShiftLeft:
      return {a.type, y > 63 ? 0 : x << y};
    case Token::ShiftRight:
      if (a.type == Type::U64)
        return {a.type, y > 63 ? 0 : x >> y};
      return {a.type, uint64_t(int64_t(x) >> std::min<uint64_t>(y, 63))};
    case '+':
      return {type, x + y};
    case '-':
      return {type, x - y};
    case '*':
      return {type, x * y};
    default:
      return divide(op, type, x, y);
    }
  }

  void expect(char c) {
    if (!lexer.token().is(c))
      throw Error(lexer.token().position,
                  std::string("expected '") + c + "' in a constant expression, got " + describe(lexer.token()));
    lexer.advance();
  }

  Lexer &lexer;
  unsigned depth = 0;
};

} // namespace

bool startsConstant(const Token &token) {
  switch (token.kind) {
  case Token::Kind::Integer:
  case Token::Kind::Float32:
  case Token::Kind::Float64:
    return true;
  case Token::Kind::Word:
    return token.text == "WARP_SZ";
  case Token::Kind::Punct:
    return token.is('-') || token.is('+') || token.is('~') || token.is('(') || token.is('!');
  default:
    return false;
  }
}

Constant parseConstant(Lexer &lexer) { return ConstantParser(lexer).conditional(); }

uint64_t parseUnsigned(Lexer &lexer, llvm::StringRef what, uint64_t least, uint64_t most) {
  Position position = lexer.token().position;
  Constant value = parseConstant(lexer);
  if (!value.isInteger() || value.bits < least || value.bits > most)
    throw Error(position, what.str() + " must be an integer from " + std::to_string(least) + " to " +
                              std::to_string(most) +
                              (value.isInteger() ? ", got " + std::to_string(int64_t(value.bits)) : ", got a float"));
  return value.bits;
}

} // namespace ptxsim::ptx
