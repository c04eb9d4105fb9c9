// Functions: their heads, directives, registers, scopes and labels (PTX ISA 9.0, sections 7.1 and 11.1 to 11.4).
#include "ptx/Parser.h"

#include "llvm/ADT/ScopeExit.h"
#include "llvm/ADT/StringExtras.h"

namespace ptxsim::ptx {

void Parser::parseFunction(const Linkage &linkage) {
  auto parsed = std::make_unique<Function>();
  parsed->isEntry = token().text == ".entry";
  parsed->isExtern = linkage.isExtern;
  parsed->isWeak = linkage.isWeak;
  lexer.advance();
  while (acceptDotted(".attribute"))
    parseAttribute();
  // Parameters of the old ABI are registers, which a function must own when they are declared.
  function = parsed.get();
  names.enter();
  if (token().is('(')) {
    if (parsed->isEntry)
      failHere("a kernel returns nothing, got " + describe(token()));
    parseParameters(parsed->results, false);
  }
  parsed->position = token().position;
  parsed->name = expectWord("a function name").str();
  llvm::StringRef name = saver.save(parsed->name);
  if (token().is('('))
    parseParameters(parsed->parameters, false);
  if (parsed->isEntry && parsed->parameterBytes() > kMostParameterBytes)
    fail(parsed->position, "the parameters of " + quoted(name) + " take " + std::to_string(parsed->parameterBytes()) +
                               " bytes, expected at most " + std::to_string(kMostParameterBytes));
  while (parseFunctionDirective(*parsed)) {
  }
  parsed->hasBody = token().is('{');
  if (!parsed->hasBody)
    expect(';', "or '{' behind the head of a function");
  Function *target = declareFunction(std::move(parsed));
  if (target->hasBody && token().is('{') && function == target)
    parseBody(*target);
  names.leave();
  function = nullptr;
}

/// Puts the function into the module, or matches it with an earlier declaration. Returns what the name stands for.
Function *Parser::declareFunction(std::unique_ptr<Function> parsed) {
  // Module scope is the outermost one; a function's own scope is open while its head is parsed.
  const Symbol *old = names.findOutermost(parsed->name);
  if (!old) {
    module.functions.push_back(std::move(parsed));
    Function *added = module.functions.back().get();
    Symbol symbol;
    symbol.kind = Symbol::Kind::Function;
    symbol.function = added;
    symbol.position = added->position;
    names.declareOutermost(saver.save(added->name), symbol);
    return function = added;
  }
  Function *first = old->function;
  auto sizes = [](const std::vector<std::unique_ptr<Variable>> &list) {
    std::vector<uint64_t> result;
    for (const auto &variable : list)
      result.push_back(variable->bytes);
    return result;
  };
  if (old->kind != Symbol::Kind::Function || (first->hasBody && parsed->hasBody))
    fail(parsed->position,
         quoted(parsed->name) + " is defined twice; first in line " + std::to_string(old->position.line));
  if (sizes(first->parameters) != sizes(parsed->parameters) || sizes(first->results) != sizes(parsed->results) ||
      first->isEntry != parsed->isEntry)
    fail(parsed->position, quoted(parsed->name) + " does not agree with its declaration in line " +
                               std::to_string(old->position.line) + " in its parameters or results");
  if (!parsed->hasBody)
    return first;
  bool isNoReturn = first->isNoReturn || parsed->isNoReturn;
  *first = std::move(*parsed);
  first->isNoReturn = isNoReturn;
  return function = first;
}

void Parser::parseParameters(std::vector<std::unique_ptr<Variable>> &list, bool isPrototype) {
  expect('(', "before parameters");
  if (accept(')'))
    return;
  do {
    auto parameter = parseParameter(isPrototype);
    parameter->index = list.size();
    list.push_back(std::move(parameter));
  } while (accept(','));
  expect(')', "behind parameters");
}

std::unique_ptr<Variable> Parser::parseParameter(bool isPrototype) {
  Declarator declarator;
  declarator.position = token().position;
  bool isRegister = acceptDotted(".reg");
  if (!isRegister && !acceptDotted(".param"))
    failHere("expected '.param' or '.reg' before a parameter, got " + describe(token()));
  declarator.space = isRegister ? Space::Register : Space::Param;
  while (token().kind == Token::Kind::Dotted) {
    if (parseQualifier(declarator))
      continue;
    if (!acceptDotted(".ptr"))
      failHere("qualifier " + describe(token()) + " of a parameter is not understood");
    // `.ptr .global .align 16` describes what the parameter points at.
    while (acceptDotted(".global") || acceptDotted(".shared") || acceptDotted(".const") || acceptDotted(".local") ||
           acceptDotted(".generic")) {
    }
    if (acceptDotted(".align"))
      parseUnsigned(lexer, "alignment", 1, ~uint64_t(0) >> 1);
  }
  if (declarator.type == Type::None)
    failHere("expected the type of a parameter, got " + describe(token()));
  bool isPredicate = declarator.type == Type::Pred && isRegister;
  if (!isPredicate && bitWidth(declarator.type) % 8)
    fail(declarator.position, "a parameter cannot have type ." + name(declarator.type).str());
  auto parameter = parseVariable(declarator);
  if (isPrototype)
    return parameter;
  if (isRegister)
    declareRegister(saver.save(parameter->name), declarator.type, 1, parameter->position);
  else
    declareVariable(*parameter);
  return parameter;
}

void Parser::parseExtents(std::array<uint32_t, 3> &extents, llvm::StringRef what) {
  extents = {1, 1, 1};
  unsigned k = 0;
  do {
    if (k == 3)
      failHere("'" + what.str() + "' takes at most three numbers");
    extents[k++] = parseUnsigned(lexer, what, 1, ~uint32_t(0));
  } while (accept(','));
}

bool Parser::parseFunctionDirective(Function &target) {
  if (token().kind != Token::Kind::Dotted)
    return false;
  llvm::StringRef text = token().text;
  auto number = [&](uint32_t &value) {
    lexer.advance();
    value = parseUnsigned(lexer, text, 0, ~uint32_t(0));
  };
  uint32_t ignored;
  if (acceptDotted(".maxntid"))
    parseExtents(target.maxntid, text);
  else if (acceptDotted(".reqntid"))
    parseExtents(target.reqntid, text);
  else if (acceptDotted(".reqnctapercluster"))
    parseExtents(target.reqnctapercluster, text);
  else if (text == ".minnctapersm")
    number(target.minnctapersm);
  else if (text == ".maxnctapersm" || text == ".abi_preserve" || text == ".abi_preserve_control")
    number(ignored); // advice to the assembler
  else if (text == ".maxnreg")
    number(target.maxnreg);
  else if (text == ".maxclusterrank")
    number(target.maxclusterrank);
  else if (acceptDotted(".explicitcluster"))
    target.explicitcluster = true;
  else if (acceptDotted(".blocksareclusters"))
    target.blocksareclusters = true;
  else if (acceptDotted(".noreturn"))
    target.isNoReturn = true;
  else if (acceptDotted(".pragma")) {
    do {
      if (token().kind != Token::Kind::String)
        failHere("expected a string behind '.pragma', got " + describe(token()));
      lexer.advance();
    } while (accept(','));
    expect(';', "behind '.pragma'");
  } else
    failHere("directive " + describe(token()) + " of a function is not understood");
  return true;
}

void Parser::parseBody(Function &target) {
  function = &target;
  source = {};
  pending.clear();
  pending.emplace_back();
  targetLists.clear();
  size_t outermost = names.depth();
  Position opened = token().position;
  lexer.advance();
  for (;;) {
    if (token().kind == Token::Kind::End)
      fail(opened, "the body of '" + target.name + "' has no closing '}'");
    if (token().is('{')) {
      if (names.depth() - outermost >= kMostNesting)
        failHere("scopes are nested more than " + std::to_string(kMostNesting) + " deep");
      names.enter();
      pending.emplace_back();
      lexer.advance();
    } else if (token().is('}')) {
      leaveScope();
      lexer.advance();
      if (pending.empty())
        return;
      names.leave();
    } else {
      parseStatement();
    }
  }
}

/// Labels that the scope has are resolved; the others may be those of the scope around it.
void Parser::leaveScope() {
  std::vector<PendingLabel> open = std::move(pending.back());
  pending.pop_back();
  for (const PendingLabel &label : open) {
    const Symbol *symbol = names.findInnermost(label.name);
    if (symbol && symbol->kind != Symbol::Kind::Label)
      fail(label.position, quoted(label.name) + " is a " + describe(symbol->kind) + ", expected a label");
    if (symbol) {
      Operand *operand = &function->body[label.instruction].operands[label.operand];
      if (label.element >= 0)
        operand = &operand->elements[label.element];
      operand->label = symbol->index;
    } else if (pending.empty()) {
      fail(label.position, "label " + quoted(label.name) + " is not defined in '" + function->name + "'");
    } else {
      pending.back().push_back(label);
    }
  }
}

void Parser::parseStatement() {
  if (accept(';'))
    return;
  if (token().kind == Token::Kind::Dotted)
    return parseBodyDirective();
  Position start = token().position;
  if (token().is('@'))
    return parseInstruction(start);
  if (!token().isWord())
    failHere("expected an instruction, a label or a directive, got " + describe(token()));
  parseInstruction(start);
}

void Parser::parseBodyDirective() {
  Linkage linkage = parseLinkage();
  if (acceptDotted(".reg"))
    parseRegisters();
  else if (acceptDotted(".loc"))
    parseLocation();
  else if (acceptDotted(".local"))
    parseVariables(Space::Local, linkage, function);
  else if (acceptDotted(".shared"))
    parseVariables(Space::Shared, linkage, function);
  else if (acceptDotted(".param"))
    parseVariables(Space::Param, linkage, function);
  else if (acceptDotted(".global"))
    parseVariables(Space::Global, linkage, function);
  else if (acceptDotted(".const"))
    parseVariables(Space::Constant, linkage, function);
  else if (token().isDotted(".pragma"))
    parseFunctionDirective(*function);
  else
    failHere("directive " + describe(token()) + " is not understood in a function");
}

void Parser::parseRegisters() {
  uint32_t width = 1;
  Type type = Type::None;
  while (token().kind == Token::Kind::Dotted) {
    llvm::StringRef text = token().text.drop_front();
    if (text == "v2" || text == "v4")
      width = text[1] - '0';
    else if (Type named = typeNamed(text); named != Type::None && type == Type::None)
      type = named;
    else
      failHere("expected one type of registers, got " + describe(token()));
    lexer.advance();
  }
  if (type == Type::None || (type != Type::Pred && bitWidth(type) % 8))
    failHere("expected the type of registers, got " + describe(token()));
  do {
    Position position = token().position;
    llvm::StringRef name = expectWord("a register name");
    if (!accept('<')) {
      declareRegister(name, type, width, position);
      continue;
    }
    // No expression: its '>' would be a comparison.
    uint64_t count = token().bits;
    if (token().kind != Token::Kind::Integer)
      failHere("expected the number of registers, got " + describe(token()));
    lexer.advance();
    if (count > kMostFunctionRegisters || function->registers.size() + count * width > kMostFunctionRegisters)
      fail(position, "'" + function->name + "' has more than " + std::to_string(kMostFunctionRegisters) + " registers");
    expect('>', "behind the number of registers");
    for (uint64_t k = 0; k < count; ++k)
      declareRegister(saver.save(name + llvm::Twine(k)), type, width, position);
  } while (accept(','));
  expect(';', "behind registers");
}

void Parser::declareRegister(llvm::StringRef name, Type type, uint32_t width, Position position) {
  Symbol symbol;
  symbol.kind = width == 1 ? Symbol::Kind::Register : Symbol::Kind::VectorRegister;
  symbol.width = width;
  symbol.index = function->registers.size();
  symbol.position = position;
  names.declare(name, symbol);
  for (uint32_t k = 0; k < width; ++k) {
    if (function->registers.size() >= kMostFunctionRegisters || ++moduleRegisters > kMostModuleRegisters)
      fail(position, "'" + function->name + "' has more than " + std::to_string(kMostFunctionRegisters) +
                         " registers, or the module more than " + std::to_string(kMostModuleRegisters));
    std::string suffix = width == 1 ? "" : std::string(".") + "xyzw"[k];
    function->registers.push_back({(name + suffix).str(), type, position});
  }
}

/// `.loc file line column, function_name label+offset, inlined_at file line column`: the innermost place counts.
void Parser::parseLocation() {
  source.file = parseUnsigned(lexer, "file number", 0, ~uint32_t(0));
  source.line = parseUnsigned(lexer, "source line", 0, ~uint32_t(0));
  source.column = parseUnsigned(lexer, "source column", 0, ~uint32_t(0));
  while (accept(',')) {
    llvm::StringRef what = expectWord("'function_name' or 'inlined_at'");
    if (what == "function_name") {
      expectWord("a label of .debug_str");
      if (accept('+'))
        parseConstant(lexer);
    } else if (what == "inlined_at") {
      for (int k = 0; k < 3; ++k)
        parseUnsigned(lexer, "part of 'inlined_at'", 0, ~uint32_t(0));
    } else {
      failHere(quoted(what) + " in '.loc' is not understood");
    }
  }
}

void Parser::parseLabel(llvm::StringRef name, Position position) {
  if (token().isDotted(".branchtargets") || token().isDotted(".calltargets"))
    return parseTargetList(name, position);
  if (acceptDotted(".callprototype"))
    return parsePrototype(name, position);
  Symbol symbol;
  symbol.kind = Symbol::Kind::Label;
  symbol.index = function->body.size();
  symbol.position = position;
  names.declare(name, symbol);
  function->labels.emplace_back(name.str(), symbol.index);
}

void Parser::parseTargetList(llvm::StringRef name, Position position) {
  TargetList list;
  list.areLabels = token().text == ".branchtargets";
  lexer.advance();
  do {
    Position at = token().position;
    llvm::StringRef target = expectWord("a target");
    list.names.emplace_back(target, at);
    if (list.areLabels)
      continue;
    const Symbol *symbol = names.find(target);
    if (!symbol || symbol->kind != Symbol::Kind::Function)
      fail(at, quoted(target) + " in '.calltargets' is no function");
    list.functions.push_back(symbol->function);
  } while (accept(','));
  expect(';', "behind a list of targets");
  Symbol symbol;
  symbol.kind = Symbol::Kind::Targets;
  symbol.index = targetLists.size();
  symbol.position = position;
  names.declare(name, symbol);
  targetLists.push_back(std::move(list));
}

void Parser::parsePrototype(llvm::StringRef name, Position position) {
  auto prototype = std::make_unique<Function>();
  prototype->name = name.str();
  prototype->position = position;
  if (token().is('('))
    parseParameters(prototype->results, true);
  expectWord("'_'");
  if (token().is('('))
    parseParameters(prototype->parameters, true);
  while (parseFunctionDirective(*prototype)) {
  }
  expect(';', "behind a call prototype");
  Symbol symbol;
  symbol.kind = Symbol::Kind::Prototype;
  symbol.function = prototype.get();
  symbol.position = position;
  names.declare(name, symbol);
  function->prototypes.push_back(std::move(prototype));
}

} // namespace ptxsim::ptx
