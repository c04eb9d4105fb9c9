// Every instruction form that ptxsim knows, in the notation of the PTX ISA's syntax lines. The parser refuses what no
// row matches; the fuzzer and the tests of forms enumerate the rows; the translator and the handlers implement them.
#pragma once

#include "ptx/Module.h"

namespace ptxsim::ptx {

/// What an operand of a form must be. Parsed from Form::operands, a space-separated list such as "=T0 T0 ?p" :
///   T0, T1..   a value of the instruction's first, second.. type       W0   twice as wide as the first type (mul.wide)
///   p          a predicate                                            u32, b64, f32..   a value of that very type
///   [T0]       an address; what it points at has that type            {T0*4}   a vector of four such values
///   =x         written        +x    read and written                  ?x       may be absent
///   x|p        a pair whose second half may be absent                 imm   an integer constant
///   L          a label        F     a function                        ...  the rest is checked by the family's binder
///   any        a value of any type                                    []   an address, whatever it points at
///   [b64:2]    an address with that many tensor coordinates           {u16*3}  a vector of three
///   {T0*v}     as many as .v2 .v4 .v8 says; without one a plain value  {f32*N/2}  half of wgmma's N
///   ~x         registers may be wider (ld, st, cvt: section 9.4.1)
///   _          nothing but the sink `_`
///   sel        a 32-bit register with or without a selector such as .b0 or .h1 (Operand::component)
struct Form {
  const char *pattern; ///< "add{.sat}.s32", "ld{.weak}{.global|.shared}{.v2|.v4}.(b8|u8|f32)": {} optional, () one of
  const char *operands;
  const char
      *family; ///< "integer", "float", "memory", "mma", ...: groups rows for documentation, statistics and the fuzzer
  unsigned sm; ///< least architecture: 80 or 90 (90 stands for sm_90 and sm_90a)
};

llvm::ArrayRef<Form> instructionTable();

/// The row that the pieces match, or null; `types` receives the types among them.
const Form *matchForm(llvm::ArrayRef<llvm::StringRef> parts, llvm::SmallVectorImpl<Type> &types);

/// All rows that the pieces match: forms that differ in nothing but their operands (mov of a value, mov that packs).
llvm::SmallVector<const Form *, 2> matchForms(llvm::ArrayRef<llvm::StringRef> parts,
                                              llvm::SmallVectorImpl<Type> &types);

/// Every spelling that a row allows (for tests and the fuzzer): lists of parts. May be long.
std::vector<std::vector<std::string>> spellings(const Form &form);

struct OperandSpec {
  enum class Access : uint8_t { Read, Write, ReadWrite } access = Access::Read;
  bool optional = false;
  enum class Kind : uint8_t { Value, Address, Vector, Pair, Immediate, Label, Function, Rest, Sink } kind = Kind::Value;
  Type type = Type::None;  ///< resolved against the instruction's types; None where any
  unsigned count = 1;      ///< of a vector
  uint8_t coordinates = 0; ///< of an address: how many tensor coordinates stand behind it
  bool wider = false;      ///< a register may be wider than the type
  bool selector = false;   ///< a byte or half of the register may be selected
};
/// The operand list of a matched form, its types filled in from the instruction.
std::vector<OperandSpec> operandSpecs(const Form &form, llvm::ArrayRef<Type> types,
                                      llvm::ArrayRef<llvm::StringRef> parts);
/// One for each operand that the instruction has: absent optional operands are left out.
std::vector<OperandSpec> operandSpecs(const Instruction &instruction);
/// Leaves out optional operands, the last first, until `count` are left. False if they cannot be that many.
bool dropOptional(std::vector<OperandSpec> &specs, size_t count);

} // namespace ptxsim::ptx
