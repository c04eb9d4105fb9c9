// The parser: text to a resolved, checked Module in one pass; labels are resolved when their scope closes. Private to
// this folder; ptx::parse is the way in.
#pragma once

#include "ptx/Constant.h"
#include "ptx/InstructionTable.h"
#include "ptx/Lexer.h"
#include "ptx/Names.h"
#include "ptx/OperandCheck.h"

#include "llvm/Support/Allocator.h"
#include "llvm/Support/StringSaver.h"

namespace ptxsim::ptx {

// What a text may ask of the simulator's memory at most; far above what compilers emit.
constexpr uint64_t kMostVariableBytes = uint64_t(1) << 30;    ///< of all variables together
constexpr uint64_t kMostInitialiserBytes = uint64_t(1) << 28; ///< of all initialised variables together
constexpr uint32_t kMostFunctionRegisters = 1u << 20, kMostModuleRegisters = 1u << 22;
constexpr uint32_t kMostParameterBytes = 32764; ///< of a kernel (PTX ISA 9.0, section 5.1.6)
constexpr uint64_t kMostAlignment = 1u << 16;
constexpr size_t kMostNesting = 128;
constexpr uint64_t kMostTargets = 1u << 22; ///< of all brx.idx together

/// A spelling met before: its pieces and the rows that match it.
struct Spelling {
  llvm::SmallVector<llvm::StringRef, 6> parts;
  llvm::SmallVector<Type, 3> types;
  llvm::SmallVector<Candidate, 2> candidates;
};

/// Words in front of a directive: `.visible .extern .weak .common`.
struct Linkage {
  bool isExtern = false, isVisible = false, isWeak = false;
};

class Parser {
public:
  explicit Parser(Module &module) : module(module), lexer(module.text) {}
  void run();

private:
  // Parser.cpp: directives of the module.
  void parseHeader();
  void parseModuleStatement();
  void parseTarget();
  void parseFile();
  void parseSection();
  void parseAlias();
  void resolveAliases();
  void checkRelocations();
  Linkage parseLinkage();

  // ParseVariable.cpp
  struct Declarator {
    Space space = Space::Global;
    Type type = Type::None;
    uint32_t vectorWidth = 1;
    uint64_t alignment = 0;
    Position position;
  };
  bool parseQualifier(Declarator &declarator);
  void parseAttribute();
  void parseVariables(Space space, const Linkage &linkage, Function *function);
  std::unique_ptr<Variable> parseVariable(const Declarator &declarator);
  void parseDimensions(Variable &variable);
  void layOut(Variable &variable, uint64_t alignment);
  void parseInitialiser(Variable &variable);
  void parseInitialiserValue(Variable &variable, uint64_t offset);
  std::string parseString();
  void parseRelocation(Variable &variable, uint64_t offset, uint64_t mask);
  void chargeBytes(uint64_t bytes, Position position);
  bool redeclareVariable(Variable &variable, llvm::ArrayRef<std::unique_ptr<Variable>> list);
  void declareVariable(const Variable &variable);

  // ParseFunction.cpp
  void parseFunction(const Linkage &linkage);
  void parseParameters(std::vector<std::unique_ptr<Variable>> &list, bool isPrototype);
  std::unique_ptr<Variable> parseParameter(bool isPrototype);
  bool parseFunctionDirective(Function &target);
  void parseExtents(std::array<uint32_t, 3> &extents, llvm::StringRef what);
  Function *declareFunction(std::unique_ptr<Function> parsed);
  void parseBody(Function &target);
  void parseStatement();
  void parseBodyDirective();
  void parseRegisters();
  void declareRegister(llvm::StringRef name, Type type, uint32_t width, Position position);
  uint32_t addRegister(llvm::StringRef name, Type type, Position position);
  void parseLocation();
  void parseLabel(llvm::StringRef name, Position position);
  void parseTargetList(llvm::StringRef name, Position position);
  void parsePrototype(llvm::StringRef name, Position position);
  void leaveScope();

  // ParseInstruction.cpp
  void parseInstruction(Position start);
  void parseGuard(Instruction &instruction);
  Spelling &spellingOf(llvm::StringRef text, Position position);
  void parseOperands(Instruction &instruction);
  void parseCall(Instruction &instruction);
  Operand parseArguments();
  Operand parseOperand();
  Operand parseSimpleOperand();
  Operand parseName();
  Operand parseSymbol(const Symbol &symbol, llvm::StringRef name, Position position);
  Operand parseVector(char close);
  Operand parseAddress();
  Operand parseLabelOperand();
  Operand parseTargetsOperand();
  int64_t parseOffset();
  void parseSelector(Operand &operand);
  bool parseSpecialRegister(Operand &operand, llvm::StringRef name);
  void choose(Instruction &instruction, Spelling &spelling);
  void notePending(Instruction &instruction);

  // Small help.
  const Token &token() const { return lexer.token(); }
  bool accept(uint16_t punct) {
    if (!token().is(punct))
      return false;
    lexer.advance();
    return true;
  }
  bool acceptDotted(llvm::StringRef name) {
    if (!token().isDotted(name))
      return false;
    lexer.advance();
    return true;
  }
  void expect(char punct, llvm::StringRef where);
  llvm::StringRef expectWord(llvm::StringRef what);
  [[noreturn]] void fail(Position position, const std::string &message) const { throw Error(position, message); }
  [[noreturn]] void failHere(const std::string &message) const { throw Error(token().position, message); }
  Operand immediate(const Constant &value, Position position) const;

  /// A label that an operand names, to be resolved at the end of its scope.
  struct PendingLabel {
    uint32_t instruction, operand;
    int32_t element; ///< in a list of targets; < 0: the operand itself
    llvm::StringRef name;
    Position position;
  };
  struct TargetList {
    std::vector<std::pair<llvm::StringRef, Position>> names;
    bool areLabels = true; ///< .branchtargets; else .calltargets
    std::vector<const Function *> functions;
  };
  struct Alias {
    llvm::StringRef name, target;
    Position position;
  };

  Module &module;
  Lexer lexer;
  Names names;
  llvm::BumpPtrAllocator allocator;
  llvm::StringSaver saver{allocator}; ///< names that do not stand in the text: %r12 of %r<52>
  llvm::DenseMap<llvm::StringRef, std::unique_ptr<Spelling>> spellings;
  std::vector<Alias> aliases;
  std::map<std::pair<const Variable *, uint64_t>, Position> relocationPositions;
  unsigned architecture = 0; ///< 80 for sm_80
  uint64_t variableBytes = 0, initialiserBytes = 0, numTargets = 0;
  uint32_t moduleRegisters = 0;

  // Of the function at work.
  Function *function = nullptr;
  SourceLine source;
  std::vector<std::vector<PendingLabel>> pending; ///< by scope of the function
  std::vector<PendingLabel> unresolved;           ///< of the instruction at work
  std::vector<TargetList> targetLists;
};

} // namespace ptxsim::ptx
