// Variables, their shape, alignment and initialisers (PTX ISA 9.0, section 5.4: Variables).
#include "ptx/Parser.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/MathExtras.h"

#include <bit>

namespace ptxsim::ptx {

/// `.align`, `.v4`, a type, `.attribute`; false if the token is none of them.
bool Parser::parseQualifier(Declarator &declarator) {
  if (token().kind != Token::Kind::Dotted)
    return false;
  Position position = token().position;
  llvm::StringRef text = token().text.drop_front();
  if (text == "align") {
    lexer.advance();
    declarator.alignment = parseUnsigned(lexer, "alignment", 1, kMostAlignment);
    if (!llvm::isPowerOf2_64(declarator.alignment))
      fail(position, "alignment must be a power of two, got " + std::to_string(declarator.alignment));
  } else if (text == "v2" || text == "v4" || text == "v8") {
    lexer.advance();
    declarator.vectorWidth = text[1] - '0';
  } else if (text == "attribute") {
    lexer.advance();
    parseAttribute();
  } else if (Type type = typeNamed(text); type != Type::None) {
    if (declarator.type != Type::None)
      fail(position, "a second type " + quoted(token().text) + " in one declaration");
    lexer.advance();
    declarator.type = type;
  } else {
    return false;
  }
  return true;
}

/// `.attribute(.managed, .unified(uuid, uuid))`: managed and unified variables are plain ones here, because host and
/// device share one memory.
void Parser::parseAttribute() {
  expect('(', "behind '.attribute'");
  do {
    if (!acceptDotted(".managed")) {
      if (!acceptDotted(".unified"))
        failHere("attribute " + describe(token()) + " is not understood");
      expect('(', "behind '.unified'");
      parseConstant(lexer);
      expect(',', "in '.unified'");
      parseConstant(lexer);
      expect(')', "in '.unified'");
    }
  } while (accept(','));
  expect(')', "in '.attribute'");
}

void Parser::parseVariables(Space space, const Linkage &linkage, Function *owner) {
  Declarator declarator;
  declarator.space = space;
  declarator.position = token().position;
  while (parseQualifier(declarator)) {
  }
  if (declarator.type == Type::None)
    failHere("expected a type in a declaration, got " + describe(token()));
  if (declarator.type == Type::Pred || bitWidth(declarator.type) % 8)
    fail(declarator.position, "a variable cannot have type ." + name(declarator.type).str());
  do {
    auto variable = parseVariable(declarator);
    variable->isExtern = linkage.isExtern;
    variable->isVisible = linkage.isVisible;
    variable->isWeak = linkage.isWeak;
    bool isLocal = owner && space != Space::Global && space != Space::Constant;
    auto &list = isLocal ? owner->variables : module.variables;
    if (redeclareVariable(*variable, list))
      continue;
    declareVariable(*variable);
    // A global or constant variable inside a function still exists once for the module.
    variable->index = list.size();
    if (owner && !isLocal)
      variable->name = owner->name + "$" + variable->name;
    list.push_back(std::move(variable));
  } while (accept(','));
  expect(';', "behind a declaration");
}

/// An `.extern` variable may be declared again and defined; its address in memory here stays the same.
bool Parser::redeclareVariable(Variable &variable, llvm::ArrayRef<std::unique_ptr<Variable>> list) {
  const Symbol *old = names.findInnermost(variable.name);
  if (!old || old->kind != Symbol::Kind::Variable || old->variable->index >= list.size())
    return false;
  Variable &first = *list[old->variable->index];
  if (&first != old->variable || first.space != variable.space || !(first.isExtern || variable.isExtern))
    return false;
  if (first.isExtern && !variable.isExtern) {
    variable.index = first.index;
    first = std::move(variable);
  }
  return true;
}

void Parser::declareVariable(const Variable &variable) {
  Symbol symbol;
  symbol.kind = Symbol::Kind::Variable;
  symbol.variable = &variable;
  symbol.position = variable.position;
  names.declare(saver.save(variable.name), symbol);
}

std::unique_ptr<Variable> Parser::parseVariable(const Declarator &declarator) {
  auto variable = std::make_unique<Variable>();
  variable->position = token().position;
  variable->name = expectWord("a variable name").str();
  variable->space = declarator.space;
  variable->type = declarator.type;
  variable->vectorWidth = declarator.vectorWidth;
  parseDimensions(*variable);
  layOut(*variable, declarator.alignment);
  if (accept('=')) {
    if (declarator.space != Space::Global && declarator.space != Space::Constant)
      fail(variable->position,
           "only .global and .const variables can have an initialiser, got '" + variable->name + "'");
    parseInitialiser(*variable);
  }
  chargeBytes(variable->bytes, variable->position);
  return variable;
}

void Parser::chargeBytes(uint64_t bytes, Position position) {
  variableBytes += bytes;
  if (variableBytes > kMostVariableBytes)
    fail(position, "the variables take more than " + std::to_string(kMostVariableBytes) + " bytes together");
}

void Parser::parseDimensions(Variable &variable) {
  while (accept('[')) {
    if (variable.dimensions.size() >= 16)
      failHere("an array with more than 16 dimensions");
    uint64_t extent = 0;
    if (token().is(']')) {
      if (!variable.dimensions.empty())
        failHere("only the first dimension of an array may be left out");
    } else {
      extent = parseUnsigned(lexer, "array length", 0, kMostVariableBytes);
    }
    variable.dimensions.push_back(extent);
    expect(']', "behind an array length");
  }
}

void Parser::layOut(Variable &variable, uint64_t alignment) {
  uint64_t element = uint64_t(bitWidth(variable.type)) / 8 * variable.vectorWidth;
  variable.alignment = std::max<uint64_t>(alignment, alignment ? 1 : element);
  variable.bytes = element;
  for (uint64_t extent : variable.dimensions) {
    variable.bytes *= extent; // both factors are at most 2^30
    if (variable.bytes > kMostVariableBytes)
      fail(variable.position,
           "'" + variable.name + "' is larger than " + std::to_string(kMostVariableBytes) + " bytes");
  }
}

/// Braces nest as the dimensions (and vectors) do; what is left out is zero.
void Parser::parseInitialiser(Variable &variable) {
  uint64_t element = bitWidth(variable.type) / 8;
  llvm::SmallVector<uint64_t, 4> strides; ///< bytes of what a brace at each depth encloses
  uint64_t inner = element * variable.vectorWidth;
  if (variable.vectorWidth > 1)
    strides.push_back(inner);
  for (size_t k = variable.dimensions.size(); k-- > 1;)
    strides.insert(strides.begin(), inner *= variable.dimensions[k]);
  bool isOpen = !variable.dimensions.empty() && variable.dimensions[0] == 0;
  uint64_t room = isOpen ? kMostInitialiserBytes : variable.bytes;
  auto reserve = [&](uint64_t bytes) {
    if (initialiserBytes + bytes > kMostInitialiserBytes)
      fail(variable.position,
           "the initialisers take more than " + std::to_string(kMostInitialiserBytes) + " bytes together");
    variable.initialiser.resize(bytes);
  };
  reserve(isOpen ? 0 : variable.bytes);

  uint64_t at = 0, depth = 0;
  llvm::SmallVector<uint64_t, 8> starts;
  do {
    if (token().is('{')) {
      if (depth > strides.size())
        failHere("initialiser of '" + variable.name + "' has braces nested deeper than its dimensions");
      starts.push_back(at);
      ++depth;
      lexer.advance();
      if (!token().is('}'))
        continue;
    } else {
      std::string text;
      Position position = token().position;
      bool isString = token().kind == Token::Kind::String;
      if (isString && element != 1)
        failHere("a string can only initialise bytes, '" + variable.name + "' has type ." + name(variable.type).str());
      if (isString)
        text = parseString();
      uint64_t end = at + (isString ? text.size() : element);
      uint64_t limit = depth > 1 ? starts.back() + strides[depth - 2] : room;
      if (end > std::min(limit, room))
        fail(position, "initialiser of '" + variable.name + "' has more values than its type has room for");
      if (isOpen && end > variable.initialiser.size())
        reserve(std::min(std::max<uint64_t>(end, variable.initialiser.size() * 2), kMostInitialiserBytes));
      if (isString)
        std::copy(text.begin(), text.end(), variable.initialiser.begin() + at);
      else
        parseInitialiserValue(variable, at);
      at = end;
    }
    while (depth && token().is('}')) {
      lexer.advance();
      --depth;
      if (depth)
        at = starts.back() + strides[depth - 1];
      starts.pop_back();
      if (at > room)
        failHere("initialiser of '" + variable.name + "' has more rows than its type has room for");
    }
    if (depth)
      expect(',', "or '}' in an initialiser");
    if (depth && token().is('}')) // a comma behind the last value
      failHere("expected a value behind ',' in an initialiser");
  } while (depth);
  if (isOpen) {
    uint64_t row = inner;
    uint64_t length = row ? llvm::divideCeil(at, row) : 0;
    variable.dimensions[0] = length;
    variable.bytes = length * row;
    reserve(variable.bytes);
  }
  initialiserBytes += variable.bytes;
}

/// The bytes of a string in quotes, with the zero behind it.
std::string Parser::parseString() {
  std::string bytes;
  llvm::StringRef text = token().text;
  for (size_t k = 0; k < text.size(); ++k) {
    char c = text[k];
    if (c == '\\' && k + 1 < text.size()) {
      switch (text[++k]) {
      case 'n':
        c = '\n';
        break;
      case 't':
        c = '\t';
        break;
      case 'r':
        c = '\r';
        break;
      case '0':
        c = '\0';
        break;
      case '\\':
      case '"':
      case '\'':
        c = text[k];
        break;
      default:
        failHere("escape " + quoted(text.substr(k - 1, 2)) + " in a string is not understood");
      }
    }
    bytes += c;
  }
  lexer.advance();
  return bytes + '\0';
}

void Parser::parseInitialiserValue(Variable &variable, uint64_t offset) {
  unsigned bytes = bitWidth(variable.type) / 8;
  if (token().isWord() && token().text != "WARP_SZ")
    return parseRelocation(variable, offset, ~uint64_t(0));
  Position position = token().position;
  if (token().kind == Token::Kind::Integer) {
    // 0xFF00(symbol): bits of an address. A constant followed by '(' is nothing else.
    Constant value = parseConstant(lexer);
    if (token().is('(')) {
      if (!value.isInteger() || !value.bits || !llvm::isShiftedMask_64(value.bits))
        fail(position, "the mask in front of '(' must be a run of one bits");
      lexer.advance();
      parseRelocation(variable, offset, value.bits);
      expect(')', "behind a masked address");
      return;
    }
    for (unsigned k = 0; k < bytes && !isFloat(variable.type); ++k)
      variable.initialiser[offset + k] = k < 8 ? uint8_t(value.bits >> 8 * k) : 0;
    if (!isFloat(variable.type))
      return;
    fail(position, "an integer cannot initialise '" + variable.name + "' of type ." + name(variable.type).str());
  }
  Constant value = parseConstant(lexer);
  uint64_t bits = value.bits;
  if (!value.isInteger()) {
    double number =
        value.type == Type::F32 ? double(std::bit_cast<float>(uint32_t(bits))) : std::bit_cast<double>(bits);
    if (bytes == 4 && value.type == Type::F64)
      bits = std::bit_cast<uint32_t>(float(number));
    else if (variable.type == Type::F64 && value.type == Type::F32)
      bits = std::bit_cast<uint64_t>(number);
    else if (bytes < 4)
      fail(position,
           "a floating-point constant cannot initialise '" + variable.name + "' of type ." + name(variable.type).str());
  } else if (isFloat(variable.type)) {
    fail(position, "an integer cannot initialise '" + variable.name + "' of type ." + name(variable.type).str());
  }
  for (unsigned k = 0; k < bytes; ++k)
    variable.initialiser[offset + k] = k < 8 ? uint8_t(bits >> 8 * k) : 0;
}

/// symbol, symbol+4, generic(symbol), generic(symbol)+4, generic(symbol+4).
void Parser::parseRelocation(Variable &variable, uint64_t offset, uint64_t mask) {
  Variable::Relocation relocation;
  Position position = token().position;
  relocation.offset = offset;
  relocation.bytes = bitWidth(variable.type) / 8;
  relocation.mask = mask;
  if (mask == ~uint64_t(0) && relocation.bytes != 8 && relocation.bytes != 4)
    fail(position, "an address cannot initialise '" + variable.name + "' of type ." + name(variable.type).str());
  llvm::StringRef symbol = expectWord("a symbol in an initialiser");
  if (symbol == "generic") {
    relocation.generic = true;
    expect('(', "behind 'generic'");
    symbol = expectWord("a symbol in 'generic'");
    relocation.addend = parseOffset();
    expect(')', "behind 'generic('");
  }
  relocation.addend += parseOffset();
  relocation.symbol = symbol.str();
  relocationPositions[{&variable, offset}] = position;
  variable.relocations.push_back(std::move(relocation));
}

} // namespace ptxsim::ptx
