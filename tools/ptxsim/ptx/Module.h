// What a PTX text says, with every name resolved: the parser's result and all that the rest of ptxsim reads.
#pragma once

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringRef.h"

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

namespace ptxsim::ptx {

/// A place in the PTX text; line and column count from 1.
struct Position {
  uint32_t line = 0, column = 0;
};

/// A place in the program's source as `.loc` gave it; file indexes Module::files. Line 0: none was given.
struct SourceLine {
  uint32_t file = 0, line = 0, column = 0;
};

/// PTX that is malformed or not understood. `what()` starts with "LINE:COLUMN: ".
class Error : public std::runtime_error {
public:
  Error(Position position, const std::string &message);
  Position position;
};

// The fundamental, packed and alternate types (PTX ISA 9.0, section 5.2).
// clang-format off
enum class Type : uint8_t {
  None, Pred, B8, U8, S8, B16, U16, S16, B32, U32, S32, B64, U64, S64, B128, F16, BF16, F32, F64, TF32, E4M3, E5M2,
  E3M2, E2M3, E2M1, UE8M0, F16x2, BF16x2, E4M3x2, E5M2x2, E2M1x2, E3M2x2, E2M3x2, UE8M0x2, U16x2, S16x2, F32x2, B1,
  U4, S4,
};
// clang-format on
unsigned bitWidth(Type type);         ///< Pred: 1
bool isFloat(Type type);              ///< also the packed ones
bool isSigned(Type type);             ///< S8..S64, S4, S16x2
llvm::StringRef name(Type type);      ///< "f32"
Type typeNamed(llvm::StringRef name); ///< None if there is no such type

enum class Space : uint8_t { Generic, Register, Constant, Global, Local, Param, Shared, SharedCluster };

/// A variable of any space but registers, or a parameter.
struct Variable {
  std::string name;
  Space space = Space::Global;
  Type type = Type::B8;
  uint32_t vectorWidth = 1;         ///< .v2, .v4
  std::vector<uint64_t> dimensions; ///< empty: a scalar; a leading 0: of unknown length ([])
  uint64_t bytes = 0;               ///< 0 for `.extern .shared x[]`
  uint32_t alignment = 1;
  bool isExtern = false, isVisible = false, isWeak = false;
  std::vector<uint8_t> initialiser; ///< empty: zero (global, constant) or undefined
  struct Relocation {               ///< initialiser[offset...] holds an address: of `symbol` + addend
    uint64_t offset = 0;
    uint32_t bytes = 8;
    std::string symbol;
    int64_t addend = 0;
    bool generic = false;  ///< generic(symbol)
    uint64_t mask = ~0ull; ///< 0xFF(symbol): one byte of the address, shifted down by its lowest bit
  };
  std::vector<Relocation> relocations;
  Position position;
  uint32_t index = 0; ///< dense among the variables of its owner (module or function)
};

struct Register {
  std::string name;
  Type type;
  Position position;
};

// clang-format off
enum class SpecialRegister : uint8_t {
  None, Tid, Ntid, Laneid, Warpid, Nwarpid, Ctaid, Nctaid, Smid, Nsmid, Gridid, IsExplicitCluster, Clusterid,
  Nclusterid, ClusterCtaid, ClusterNctaid, ClusterCtarank, ClusterNctarank, LanemaskEq, LanemaskLe, LanemaskLt,
  LanemaskGe, LanemaskGt, Clock, ClockHi, Clock64, Globaltimer, GlobaltimerLo, GlobaltimerHi, TotalSmemSize,
  AggrSmemSize, DynamicSmemSize, ReservedSmemBegin, ReservedSmemEnd, ReservedSmemCap, ReservedSmemOffset,
  CurrentGraphExec, Pm, Envreg, WarpSz,
};
// clang-format on

struct Function;

struct Operand {
  enum class Kind : uint8_t {
    Register,  ///< `reg`; `negated` for !%p and for -%f
    Special,   ///< `special`, `component` 0..2 for .x .y .z
    Immediate, ///< `bits`, `literal`
    Symbol,    ///< a variable's address: `variable` + `offset`
    Function,  ///< `function`'s address or the callee of a call
    Address,   ///< [base + offset]: base is `reg` (hasRegister), `variable`, or neither (absolute); `elements`: tensor
               ///< coordinates
    Vector,    ///< {a, b, ...}: `elements`; also the argument lists of a call
    Pair,      ///< d|p: two `elements`
    Label,     ///< `label`: index of the instruction behind it
    Targets,   ///< a .branchtargets or .calltargets list: `elements`
    Prototype, ///< `prototype`
    Sink,      ///< _
  };
  Kind kind = Kind::Sink;
  bool negated = false, hasRegister = false;
  uint32_t reg = 0; ///< index into Function::registers
  SpecialRegister special = SpecialRegister::None;
  uint8_t component = 0;    ///< of a register in a video instruction: 1..4 for .b0 to .b3, 5 and 6 for .h0 and .h1
  uint64_t bits = 0;        ///< integers: two's complement in 64 bits; F32 and F64: their bit pattern
  Type literal = Type::S64; ///< S64, U64, F32 (0f...), F64 (0d... and decimal; F32 where an
                            ///< f32 is due)
  const Variable *variable = nullptr;
  const Function *function = nullptr;
  const Function *prototype = nullptr; ///< a .callprototype: a Function without body
  int64_t offset = 0;
  uint32_t label = 0;
  std::vector<Operand> elements;
  Position position;
};

struct Form;

/// One instruction. `parts` are its dotted pieces ("ld", "shared::cta", "v4", "f32"), pointing into the module's text,
/// in the order of the table's row, whatever the order in the text.
struct Instruction {
  llvm::SmallVector<llvm::StringRef, 6> parts;
  llvm::SmallVector<Type, 3> types; ///< the parts that are types, in order
  const Form *form = nullptr;       ///< the row of the instruction table that it matches; never null after parsing
  std::vector<Operand> operands;    ///< in the order of the text, the destination first where there is one
  bool hasGuard = false, guardNegated = false;
  uint32_t guard = 0; ///< register
  uint32_t index = 0; ///< position in Function::body
  Position position;  ///< where it starts, guard included
  SourceLine source;

  llvm::StringRef opcode() const { return parts[0]; }
  bool has(llvm::StringRef part) const; ///< whether one of the pieces behind the opcode is `part`
  llvm::StringRef first(std::initializer_list<llvm::StringRef> choices, llvm::StringRef otherwise = "") const;
  Type type(unsigned k = 0) const { return k < types.size() ? types[k] : Type::None; }
  Type lastType() const { return types.empty() ? Type::None : types.back(); }
  unsigned vectorWidth() const; ///< .v2, .v4, .v8 or 1
  std::string spelling() const; ///< "ld.shared.f32"
};

/// `.entry`, `.func`, a declaration without body, or a `.callprototype`.
struct Function {
  std::string name;
  bool isEntry = false, hasBody = false, isNoReturn = false, isExtern = false, isWeak = false;
  std::vector<std::unique_ptr<Variable>>
      parameters; ///< space Param, or Register parameters of old ABI (then also a register)
  std::vector<std::unique_ptr<Variable>> results;
  std::vector<std::unique_ptr<Variable>> variables; ///< .local, .shared and call-site .param variables of all scopes
  std::vector<Register> registers;                  ///< of all scopes; scopes are gone after name resolution
  std::vector<Instruction> body;
  std::vector<std::pair<std::string, uint32_t>>
      labels; ///< name, index of the instruction behind it (== body.size() at the end)
  std::array<uint32_t, 3> reqntid{}, maxntid{}, reqnctapercluster{}; ///< 0: not given
  uint32_t minnctapersm = 0, maxnreg = 0, maxclusterrank = 0;
  bool explicitcluster = false, blocksareclusters = false;
  std::vector<std::unique_ptr<Function>> prototypes; ///< the .callprototypes of the body
  Position position;
  uint64_t parameterBytes() const; ///< size of the parameter block, with alignment
  uint64_t parameterOffset(const Variable &parameter) const;
};

struct Module {
  std::string name;   ///< file name, for messages
  std::string text;   ///< owns what the StringRefs point into
  std::string target; ///< "sm_90a"
  unsigned versionMajor = 0, versionMinor = 0, addressSize = 64;
  std::vector<std::unique_ptr<Variable>> variables; ///< module scope
  std::vector<std::unique_ptr<Function>> functions; ///< definitions and declarations, one per name
  std::map<uint32_t, std::string> files;            ///< .file
  const Function *find(llvm::StringRef name) const;
  const Variable *findVariable(llvm::StringRef name) const;
  std::string describe(const Function &function,
                       const Instruction &instruction) const; ///< "k.ptx:12:3: ld.shared.f32 %f1, ... (a.cu:7)"
};

/// Parses and checks a whole module. Throws Error.
std::unique_ptr<Module> parse(std::string text, std::string name);

} // namespace ptxsim::ptx
