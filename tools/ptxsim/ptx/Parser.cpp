// Directives of the module (PTX ISA 9.0, section 11: Directives).
#include "ptx/Parser.h"

#include "llvm/ADT/StringExtras.h"

namespace ptxsim::ptx {

void Parser::expect(char punct, llvm::StringRef where) {
  if (!accept(uint8_t(punct)))
    failHere(std::string("expected '") + punct + "' " + where.str() + ", got " + describe(token()));
}

llvm::StringRef Parser::expectWord(llvm::StringRef what) {
  if (!token().isWord())
    failHere("expected " + what.str() + ", got " + describe(token()));
  llvm::StringRef word = token().text;
  lexer.advance();
  return word;
}

void Parser::run() {
  parseHeader();
  while (token().kind != Token::Kind::End)
    parseModuleStatement();
  resolveAliases();
  checkRelocations();
}

void Parser::parseHeader() {
  if (!acceptDotted(".version"))
    failHere("expected '.version' at the start of a module, got " + describe(token()));
  // "9.0" lexes as a decimal number, so its text is what counts.
  auto [majorText, minorText] = token().text.split('.');
  if (majorText.getAsInteger(10, module.versionMajor) || minorText.getAsInteger(10, module.versionMinor))
    failHere("expected a version such as 8.3, got " + describe(token()));
  if (module.versionMajor < 3 || module.versionMajor > 9)
    failHere("PTX version " + token().text.str() + " is not understood, expected 3.0 to 9.x");
  lexer.advance();
  if (!acceptDotted(".target"))
    failHere("expected '.target' behind '.version', got " + describe(token()));
  parseTarget();
}

void Parser::parseTarget() {
  Position position = token().position;
  module.target = expectWord("a target such as sm_80").str();
  llvm::StringRef number = module.target;
  bool isChip = number.consume_front("sm_") && !number.consumeInteger(10, architecture);
  if (!isChip || !(number.empty() || number == "a" || number == "f") || architecture > 90 || architecture < 20)
    fail(position, "target " + quoted(module.target) + " is not understood, expected sm_90a or an older chip");
  while (accept(',')) {
    llvm::StringRef option = token().text;
    if (option != "debug" && option != "texmode_unified" && option != "texmode_independent")
      failHere("target option " + describe(token()) + " is not understood");
    lexer.advance();
  }
}

void Parser::parseModuleStatement() {
  const Token first = token();
  if (first.is(';')) {
    lexer.advance();
    return;
  }
  if (first.kind != Token::Kind::Dotted)
    failHere("expected a directive, got " + describe(first));
  if (acceptDotted(".address_size")) {
    module.addressSize = parseUnsigned(lexer, "address size", 32, 64);
    if (module.addressSize != 64)
      fail(first.position, "address size 32 is not supported, expected 64");
  } else if (acceptDotted(".file")) {
    parseFile();
  } else if (acceptDotted(".loc")) {
    parseLocation();
  } else if (acceptDotted(".section")) {
    parseSection();
  } else if (acceptDotted(".alias")) {
    parseAlias();
  } else if (acceptDotted(".pragma")) {
    do {
      if (token().kind != Token::Kind::String)
        failHere("expected a string behind '.pragma', got " + describe(token()));
      lexer.advance();
    } while (accept(','));
    expect(';', "behind '.pragma'");
  } else {
    Linkage linkage = parseLinkage();
    const Token kind = token();
    if (kind.isDotted(".entry") || kind.isDotted(".func"))
      return parseFunction(linkage);
    if (acceptDotted(".global"))
      return parseVariables(Space::Global, linkage, nullptr);
    if (acceptDotted(".const"))
      return parseVariables(Space::Constant, linkage, nullptr);
    if (acceptDotted(".shared"))
      return parseVariables(Space::Shared, linkage, nullptr);
    failHere("directive " + describe(kind) + " is not understood");
  }
}

Linkage Parser::parseLinkage() {
  Linkage linkage;
  for (;; lexer.advance()) {
    if (token().isDotted(".visible"))
      linkage.isVisible = true;
    else if (token().isDotted(".extern"))
      linkage.isExtern = true;
    else if (token().isDotted(".weak") || token().isDotted(".common"))
      linkage.isWeak = true;
    else
      return linkage;
  }
}

void Parser::parseFile() {
  uint32_t number = parseUnsigned(lexer, "file number", 0, ~uint32_t(0));
  if (token().kind != Token::Kind::String)
    failHere("expected a file name in quotes, got " + describe(token()));
  module.files[number] = token().text.str();
  lexer.advance();
  while (accept(',')) // time stamp and size
    parseConstant(lexer);
}

void Parser::parseSection() {
  const Token name = token();
  if (!(name.kind == Token::Kind::Dotted && name.text.starts_with(".debug_")))
    failHere("section " + describe(name) + " is not understood, expected a .debug_ section");
  lexer.advance();
  Position opened = token().position;
  expect('{', "behind '.section'");
  lexer.skipBraces(opened);
}

void Parser::parseAlias() {
  Alias alias;
  alias.position = token().position;
  alias.name = expectWord("a function name behind '.alias'");
  expect(',', "in '.alias'");
  alias.target = expectWord("a function name in '.alias'");
  expect(';', "behind '.alias'");
  aliases.push_back(alias);
}

void Parser::resolveAliases() {
  llvm::DenseMap<const Function *, const Function *> targets;
  for (const Alias &alias : aliases) {
    const Symbol *name = names.find(alias.name), *target = names.find(alias.target);
    for (auto [symbol, text] : {std::pair(name, alias.name), std::pair(target, alias.target)})
      if (!symbol || symbol->kind != Symbol::Kind::Function)
        fail(alias.position, "'.alias' names " + quoted(text) + ", which is no function");
    if (name->function->hasBody || !target->function->hasBody)
      fail(alias.position,
           "'.alias' needs a declaration and a definition, got " + quoted(alias.name) + " and " + quoted(alias.target));
    targets[name->function] = target->function;
  }
  if (targets.empty())
    return;
  auto redirect = [&](Operand &operand) {
    if (auto found = targets.find(operand.function); found != targets.end())
      operand.function = found->second;
  };
  for (auto &function : module.functions)
    for (Instruction &instruction : function->body)
      for (Operand &operand : instruction.operands) {
        redirect(operand);
        for (Operand &element : operand.elements)
          redirect(element);
      }
  for (auto &variable : module.variables)
    for (auto &relocation : variable->relocations)
      if (const Symbol *symbol = names.find(relocation.symbol); symbol && symbol->function)
        if (auto found = targets.find(symbol->function); found != targets.end())
          relocation.symbol = found->second->name;
}

void Parser::checkRelocations() {
  for (auto &variable : module.variables)
    for (auto &relocation : variable->relocations) {
      const Symbol *symbol = names.find(relocation.symbol);
      if (!symbol || (symbol->kind != Symbol::Kind::Variable && symbol->kind != Symbol::Kind::Function))
        fail(relocationPositions[{variable.get(), relocation.offset}],
             "initialiser of '" + variable->name + "' names " + quoted(relocation.symbol) + ", which is not declared");
    }
}

std::unique_ptr<Module> parse(std::string text, std::string name) {
  auto module = std::make_unique<Module>();
  module->text = std::move(text);
  module->name = std::move(name);
  Parser(*module).run();
  return module;
}

} // namespace ptxsim::ptx
