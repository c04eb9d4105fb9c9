// Instructions: spelling, operands, and the row of the table that fits both (PTX ISA 9.0, sections 6 and 9.1 to 9.4).
#include "ptx/Parser.h"

#include "ptx/Forms.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"

namespace ptxsim::ptx {

void Parser::parseInstruction(Position start) {
  Instruction instruction;
  instruction.position = start;
  parseGuard(instruction);
  if (!token().isWord())
    failHere("expected an instruction, got " + describe(token()));
  Position at = token().position;
  llvm::StringRef text = lexer.takeSpelling();
  if (token().is(':') && !instruction.hasGuard && !text.contains('.')) {
    lexer.advance();
    return parseLabel(text, at);
  }
  Spelling &spelling = spellingOf(text, at);
  instruction.parts = spelling.parts;
  instruction.types = spelling.types;
  instruction.source = source;
  instruction.index = function->body.size();
  unresolved.clear();
  parseOperands(instruction);
  choose(instruction, spelling);
  expect(';', "behind an instruction");
  llvm::append_range(pending.back(), unresolved);
  if (function->body.size() == function->body.capacity()) {
    // Instructions move, but std::vector would copy them because a SmallVector may throw when it moves.
    std::vector<Instruction> larger;
    larger.reserve(std::max<size_t>(64, function->body.size() * 2));
    for (Instruction &old : function->body)
      larger.push_back(std::move(old));
    function->body = std::move(larger);
  }
  function->body.push_back(std::move(instruction));
}

void Parser::parseGuard(Instruction &instruction) {
  if (!accept('@'))
    return;
  instruction.hasGuard = true;
  instruction.guardNegated = accept('!');
  Position position = token().position;
  llvm::StringRef name = expectWord("a predicate behind '@'");
  const Symbol *symbol = names.find(name);
  if (!symbol)
    fail(position, quoted(name) + " is not declared");
  if (symbol->kind != Symbol::Kind::Register || function->registers[symbol->index].type != Type::Pred)
    fail(position, quoted(name) + " guards an instruction, but is no predicate");
  instruction.guard = symbol->index;
}

Spelling &Parser::spellingOf(llvm::StringRef text, Position position) {
  auto &entry = spellings[text];
  if (entry)
    return *entry;
  auto spelling = std::make_unique<Spelling>();
  llvm::SmallVector<llvm::StringRef, 12> pieces;
  text.split(pieces, '.');
  for (llvm::StringRef piece : pieces)
    spelling->parts.push_back(piece.trim(" \t\r\n\f\v"));
  for (llvm::StringRef part : spelling->parts)
    if (part.empty() || llvm::any_of(part, [](char c) { return llvm::isSpace(c) || c == '/'; }))
      fail(position, "instruction " + quoted(text) + " has an empty or broken piece");
  if (spelling->parts.size() > 24)
    fail(position, "instruction " + quoted(text) + " has more than 24 pieces");
  auto forms = matchForms(spelling->parts, spelling->types);
  if (forms.empty() && reorderPieces(spelling->parts))
    forms = matchForms(spelling->parts, spelling->types);
  if (forms.empty()) {
    size_t wrong = firstWrongPiece(spelling->parts);
    if (!wrong)
      fail(position, "instruction " + quoted(spelling->parts[0]) + " is not known");
    std::string which = wrong < spelling->parts.size()
                            ? "piece '." + spelling->parts[wrong].str() + "' of it fits no form"
                            : "a piece is missing at its end";
    fail(position, "instruction " + quoted(llvm::join(spelling->parts, ".")) + " is not known: " + which);
  }
  bool namesCluster = llvm::any_of(spelling->parts, [](llvm::StringRef part) { return part.ends_with("cluster"); });
  std::string needs;
  for (const Form *form : forms) {
    unsigned least = namesCluster ? std::max(form->sm, 90u) : form->sm;
    if (least > architecture && architecture >= 80)
      needs = std::to_string(least);
    else
      spelling->candidates.push_back({form, operandSpecs(*form, spelling->types, spelling->parts), {}});
  }
  if (spelling->candidates.empty())
    fail(position, "instruction " + quoted(llvm::join(spelling->parts, ".")) + " needs sm_" + needs +
                       ", but the module's target is " + module.target);
  entry = std::move(spelling);
  return *entry;
}

void Parser::parseOperands(Instruction &instruction) {
  instruction.operands.reserve(4);
  if (instruction.opcode() == "call")
    return parseCall(instruction);
  if (token().is(';'))
    return;
  bool isBranch = instruction.opcode() == "bra", isIndexed = instruction.opcode() == "brx";
  do {
    if (isBranch)
      instruction.operands.push_back(parseLabelOperand());
    else if (isIndexed && instruction.operands.size() == 1)
      instruction.operands.push_back(parseTargetsOperand());
    else
      instruction.operands.push_back(parseOperand());
    for (PendingLabel &label : llvm::reverse(unresolved)) {
      if (label.instruction != ~0u)
        break;
      label.instruction = instruction.index;
      label.operand = instruction.operands.size() - 1;
    }
  } while (accept(','));
}

/// call (results), callee, (arguments), targets; all but the callee may be absent.
void Parser::parseCall(Instruction &instruction) {
  if (token().is('(')) {
    instruction.operands.push_back(parseArguments());
    expect(',', "behind the results of a call");
  }
  Operand callee = parseSimpleOperand();
  bool isAddress = callee.kind == Operand::Kind::Register && !callee.negated && !callee.component &&
                   bitWidth(function->registers[callee.reg].type) == 64;
  if (callee.kind != Operand::Kind::Function && !isAddress)
    fail(callee.position,
         "a call needs a function or a 64-bit register with its address, got " + describe(*function, callee));
  instruction.operands.push_back(std::move(callee));
  if (!accept(','))
    return checkCall(*function, instruction);
  if (token().is('(')) {
    instruction.operands.push_back(parseArguments());
    if (!accept(','))
      return checkCall(*function, instruction);
  }
  instruction.operands.push_back(parseTargetsOperand());
  checkCall(*function, instruction);
}

Operand Parser::parseArguments() {
  Operand list = parseVector(')');
  return list;
}

Operand Parser::parseOperand() {
  if (token().is('['))
    return parseAddress();
  if (token().is('{'))
    return parseVector('}');
  Operand operand = parseSimpleOperand();
  if (!token().is('|'))
    return operand;
  Operand pair;
  pair.kind = Operand::Kind::Pair;
  pair.position = operand.position;
  lexer.advance();
  pair.elements.reserve(2);
  pair.elements.push_back(std::move(operand));
  pair.elements.push_back(parseSimpleOperand());
  return pair;
}

Operand Parser::immediate(const Constant &value, Position position) const {
  Operand operand;
  operand.kind = Operand::Kind::Immediate;
  operand.literal = value.type;
  operand.bits = value.bits;
  operand.position = position;
  return operand;
}

Operand Parser::parseSimpleOperand() {
  Position position = token().position;
  if (token().isWord() && token().text != "WARP_SZ")
    return parseName();
  if (token().is('!') || token().is('-')) {
    const Token sign = token();
    const Lexer before = lexer;
    lexer.advance();
    if (token().isWord() && token().text != "WARP_SZ") {
      Operand operand = parseName();
      if (operand.kind != Operand::Kind::Register)
        fail(position, quoted(sign.text) + " may only stand before a register or a constant");
      bool isPredicate = function->registers[operand.reg].type == Type::Pred;
      if (isPredicate != sign.is('!'))
        fail(position, "'!' negates predicates and '-' numbers, got " + quoted(sign.text) + " before '" +
                           function->registers[operand.reg].name + "'");
      operand.negated = true;
      operand.position = position;
      return operand;
    }
    lexer = before;
  }
  if (startsConstant(token()))
    return immediate(parseConstant(lexer), position);
  failHere("expected an operand, got " + describe(token()));
}

Operand Parser::parseName() {
  Position position = token().position;
  llvm::StringRef name = token().text;
  lexer.advance();
  Operand operand;
  operand.position = position;
  if (name == "_")
    return operand;
  if (const Symbol *symbol = names.find(name))
    return parseSymbol(*symbol, name, position);
  if (name.starts_with("%") && parseSpecialRegister(operand, name))
    return operand;
  fail(position, quoted(name) + " is not declared");
}

Operand Parser::parseSymbol(const Symbol &symbol, llvm::StringRef name, Position position) {
  Operand operand;
  operand.position = position;
  switch (symbol.kind) {
  case Symbol::Kind::Register:
    operand.kind = Operand::Kind::Register;
    operand.reg = symbol.index;
    parseSelector(operand);
    return operand;
  case Symbol::Kind::VectorRegister: {
    static constexpr llvm::StringRef components[] = {".x", ".y", ".z", ".w"}, colours[] = {".r", ".g", ".b", ".a"};
    for (unsigned k = 0; k < symbol.width; ++k)
      if (acceptDotted(components[k]) || acceptDotted(colours[k])) {
        operand.kind = Operand::Kind::Register;
        operand.reg = symbol.index + k;
        return operand;
      }
    operand.kind = Operand::Kind::Vector;
    for (unsigned k = 0; k < symbol.width; ++k) {
      Operand element;
      element.kind = Operand::Kind::Register;
      element.reg = symbol.index + k;
      element.position = position;
      operand.elements.push_back(element);
    }
    return operand;
  }
  case Symbol::Kind::Variable:
    operand.kind = Operand::Kind::Symbol;
    operand.variable = symbol.variable;
    operand.offset = parseOffset();
    return operand;
  case Symbol::Kind::Function:
    operand.kind = Operand::Kind::Function;
    operand.function = symbol.function;
    return operand;
  default:
    fail(position, quoted(name) + " is a " + describe(symbol.kind) + ", expected a register, a constant or a variable");
  }
}

/// "+8" or "-8" or nothing.
int64_t Parser::parseOffset() {
  if (!token().is('+') && !token().is('-'))
    return 0;
  bool isNegative = token().is('-');
  if (!isNegative)
    lexer.advance();
  Position position = token().position;
  Constant value = parseConstant(lexer);
  if (!value.isInteger())
    fail(position, "an offset must be an integer");
  return int64_t(value.bits);
}

void Parser::parseSelector(Operand &operand) {
  if (token().kind != Token::Kind::Dotted)
    return;
  static constexpr llvm::StringRef selectors[] = {".b0", ".b1", ".b2", ".b3", ".h0", ".h1"};
  for (unsigned k = 0; k < std::size(selectors); ++k)
    if (acceptDotted(selectors[k])) {
      operand.component = k + 1;
      return;
    }
  failHere("selector " + describe(token()) + " of a register is not understood");
}

Operand Parser::parseVector(char close) {
  Operand operand;
  operand.kind = Operand::Kind::Vector;
  operand.position = token().position;
  lexer.advance();
  if (token().is(close)) {
    lexer.advance();
    return operand;
  }
  do
    operand.elements.push_back(parseSimpleOperand());
  while (accept(','));
  expect(close, "behind the elements of a vector");
  return operand;
}

Operand Parser::parseAddress() {
  Operand operand;
  operand.kind = Operand::Kind::Address;
  operand.position = token().position;
  lexer.advance();
  if (token().isWord() && token().text != "WARP_SZ") {
    Operand base = parseName();
    if (base.kind == Operand::Kind::Register && !base.component) {
      operand.hasRegister = true;
      operand.reg = base.reg;
      operand.offset = parseOffset();
    } else if (base.kind == Operand::Kind::Symbol) {
      operand.variable = base.variable;
      operand.offset = base.offset;
    } else {
      fail(base.position, "the base of an address must be a register or a variable, got " + describe(*function, base));
    }
  } else {
    Position position = token().position;
    Constant value = parseConstant(lexer);
    if (!value.isInteger())
      fail(position, "an address must be an integer");
    operand.offset = int64_t(value.bits);
  }
  if (accept(',')) {
    if (!token().is('{'))
      failHere("expected tensor coordinates {..} behind ',' in an address, got " + describe(token()));
    operand.elements = parseVector('}').elements;
    if (operand.elements.empty())
      failHere("an address with an empty list of coordinates");
  }
  expect(']', "behind an address");
  return operand;
}

Operand Parser::parseLabelOperand() {
  Operand operand;
  operand.kind = Operand::Kind::Label;
  operand.position = token().position;
  llvm::StringRef name = expectWord("a label");
  unresolved.push_back({~0u, 0, -1, name, operand.position});
  return operand;
}

/// The name of a .branchtargets or .calltargets list or of a .callprototype.
Operand Parser::parseTargetsOperand() {
  Operand operand;
  operand.position = token().position;
  llvm::StringRef name = expectWord("a list of targets or a prototype");
  const Symbol *symbol = names.find(name);
  if (symbol && symbol->kind == Symbol::Kind::Prototype) {
    operand.kind = Operand::Kind::Prototype;
    operand.prototype = symbol->function;
    return operand;
  }
  if (!symbol || symbol->kind != Symbol::Kind::Targets)
    fail(operand.position, quoted(name) + " is no list of targets and no prototype");
  const TargetList &list = targetLists[symbol->index];
  operand.kind = Operand::Kind::Targets;
  numTargets += list.names.size();
  if (numTargets > kMostTargets)
    fail(operand.position, "more than " + std::to_string(kMostTargets) + " branch targets");
  operand.elements.resize(list.names.size());
  for (size_t k = 0; k < list.names.size(); ++k) {
    Operand &element = operand.elements[k];
    element.position = list.names[k].second;
    element.kind = list.areLabels ? Operand::Kind::Label : Operand::Kind::Function;
    if (list.areLabels)
      unresolved.push_back({~0u, 0, int32_t(k), list.names[k].first, list.names[k].second});
    else
      element.function = list.functions[k];
  }
  return operand;
}

/// Finds the row whose operands fit; all that match the spelling are tried.
void Parser::choose(Instruction &instruction, Spelling &spelling) {
  size_t count = instruction.operands.size();
  Candidate *closest = nullptr;
  for (Candidate &candidate : spelling.candidates) {
    const std::vector<OperandSpec> *specs = candidate.withCount(count);
    if (!specs)
      continue;
    if (firstMisfit(*function, instruction, *specs) < 0) {
      instruction.form = candidate.form;
      return convertConstants(instruction.operands, *specs);
    }
    if (!closest)
      closest = &candidate;
  }
  std::string which = "'" + instruction.spelling() + "'";
  if (!closest) {
    std::string expected;
    for (const Candidate &candidate : spelling.candidates) {
      size_t most = candidate.specs.size();
      size_t least = llvm::count_if(candidate.specs, [](const OperandSpec &spec) { return !spec.optional; });
      expected += (expected.empty() ? "" : " or ") + std::to_string(least) +
                  (least == most ? "" : " to " + std::to_string(most));
    }
    fail(instruction.position, which + " has " + std::to_string(count) + " operands, expected " + expected);
  }
  const std::vector<OperandSpec> &specs = *closest->withCount(count);
  int wrong = firstMisfit(*function, instruction, specs);
  const Operand &operand = instruction.operands[wrong];
  fail(operand.position, "operand " + std::to_string(wrong + 1) + " of " + which + ": expected " +
                             describe(specs[wrong]) + ", got " + describe(*function, operand));
}

} // namespace ptxsim::ptx
