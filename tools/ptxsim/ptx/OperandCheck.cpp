// Operand types (PTX ISA 9.0, section 9.4: Type information for instructions and operands): sizes must agree, a
// register declared as a float does not serve an integer instruction and the other way round, and untyped bits serve
// both.
#include "ptx/OperandCheck.h"

#include "llvm/ADT/STLExtras.h"

#include <bit>

namespace ptxsim::ptx {

using Kind = OperandSpec::Kind;
using Access = OperandSpec::Access;

const std::vector<OperandSpec> *Candidate::withCount(size_t count) {
  for (const auto &[known, list] : byCount)
    if (known == count)
      return &list;
  std::vector<OperandSpec> list = specs;
  if (!dropOptional(list, count))
    return nullptr;
  byCount.emplace_back(count, std::move(list));
  return &byCount.back().second;
}

namespace {

bool isBits(Type type) {
  return type == Type::B8 || type == Type::B16 || type == Type::B32 || type == Type::B64 || type == Type::B128;
}

bool fitsRegister(Type declared, const OperandSpec &spec) {
  if (spec.type == Type::None)
    return declared != Type::Pred;
  if ((declared == Type::Pred) != (spec.type == Type::Pred))
    return false;
  unsigned have = bitWidth(declared), need = bitWidth(spec.type);
  if (have != need && !(spec.wider && have > need))
    return false;
  return isBits(declared) || isBits(spec.type) || isFloat(declared) == isFloat(spec.type);
}

bool fitsConstant(const Operand &operand, const OperandSpec &spec, llvm::StringRef opcode) {
  if (spec.access != Access::Read || operand.negated)
    return false;
  bool isInteger = operand.literal == Type::S64 || operand.literal == Type::U64;
  if (spec.kind == Kind::Immediate || spec.type == Type::Pred)
    return isInteger;
  if (spec.type == Type::None || isBits(spec.type) || opcode == "mov")
    return true;
  return isInteger ? !isFloat(spec.type) : spec.type == Type::F32 || spec.type == Type::F64;
}

unsigned specialWidth(SpecialRegister special) {
  switch (special) {
  case SpecialRegister::Clock64:
  case SpecialRegister::Globaltimer:
  case SpecialRegister::CurrentGraphExec:
    return 64;
  case SpecialRegister::IsExplicitCluster:
    return 1;
  default:
    return 32;
  }
}

/// mov and cvt read special registers; small ones also into 16 bits, %gridid as 32 or 64.
bool fitsSpecial(SpecialRegister special, const OperandSpec &spec, llvm::StringRef opcode) {
  if (spec.access != Access::Read || (opcode != "mov" && opcode != "cvt") || isFloat(spec.type))
    return false;
  unsigned width = bitWidth(spec.type), own = specialWidth(special);
  if (own == 1 || spec.type == Type::Pred)
    return own == 1 && spec.type == Type::Pred;
  if (special == SpecialRegister::Gridid || special == SpecialRegister::Pm)
    return width == 32 || width == 64;
  return width == own || (width == 16 && own == 32);
}

bool takesSymbols(llvm::StringRef opcode) {
  return opcode == "mov" || opcode == "cvta" || opcode == "mapa" || opcode == "isspacep" || opcode == "getctarank";
}

bool fitsValue(const Function &function, const Operand &operand, const OperandSpec &spec, llvm::StringRef opcode) {
  switch (operand.kind) {
  case Operand::Kind::Register: {
    if (operand.component && !spec.selector)
      return false;
    if (operand.negated && (spec.access != Access::Read || !(spec.type == Type::Pred || isFloat(spec.type))))
      return false;
    return fitsRegister(function.registers[operand.reg].type, spec);
  }
  case Operand::Kind::Immediate:
    return fitsConstant(operand, spec, opcode);
  case Operand::Kind::Special:
    return fitsSpecial(operand.special, spec, opcode);
  case Operand::Kind::Symbol:
  case Operand::Kind::Function:
    return spec.access == Access::Read && takesSymbols(opcode) && !isFloat(spec.type) &&
           (spec.type == Type::None || bitWidth(spec.type) == 32 || bitWidth(spec.type) == 64);
  case Operand::Kind::Sink:
    return spec.access == Access::Write;
  default:
    return false;
  }
}

bool fitsAddress(const Function &function, const Operand &operand, const OperandSpec &spec) {
  if (operand.kind != Operand::Kind::Address || operand.elements.size() != spec.coordinates)
    return false;
  OperandSpec coordinate;
  coordinate.type = Type::B32;
  for (const Operand &element : operand.elements)
    if (!fitsValue(function, element, coordinate, ""))
      return false;
  if (!operand.hasRegister)
    return true;
  Type type = function.registers[operand.reg].type;
  return !isFloat(type) && (bitWidth(type) == 32 || bitWidth(type) == 64);
}

bool fits(const Function &function, const Operand &operand, const OperandSpec &spec, llvm::StringRef opcode) {
  OperandSpec element = spec;
  element.kind = Kind::Value;
  switch (spec.kind) {
  case Kind::Rest:
    return true;
  case Kind::Label:
    return operand.kind == Operand::Kind::Label || operand.kind == Operand::Kind::Targets;
  case Kind::Function:
    return operand.kind == Operand::Kind::Function;
  case Kind::Immediate:
    return operand.kind == Operand::Kind::Immediate && fitsConstant(operand, spec, opcode);
  case Kind::Address:
    return fitsAddress(function, operand, spec);
  case Kind::Vector:
    return operand.kind == Operand::Kind::Vector && operand.elements.size() == spec.count &&
           llvm::all_of(operand.elements, [&](const Operand &e) { return fitsValue(function, e, element, opcode); });
  case Kind::Pair: {
    if (operand.kind != Operand::Kind::Pair)
      return fitsValue(function, operand, element, opcode);
    OperandSpec predicate = element;
    predicate.type = Type::Pred;
    return fitsValue(function, operand.elements[0], element, opcode) &&
           fitsValue(function, operand.elements[1], predicate, opcode);
  }
  case Kind::Value:
    return fitsValue(function, operand, spec, opcode);
  case Kind::Sink:
    return operand.kind == Operand::Kind::Sink;
  }
  return false;
}

void convertConstant(Operand &operand, Type type) {
  if (operand.kind != Operand::Kind::Immediate)
    return;
  if (operand.literal == Type::F64 && bitWidth(type) == 32) {
    operand.bits = std::bit_cast<uint32_t>(float(std::bit_cast<double>(operand.bits)));
    operand.literal = Type::F32;
  } else if (operand.literal == Type::F32 && type == Type::F64) {
    operand.bits = std::bit_cast<uint64_t>(double(std::bit_cast<float>(uint32_t(operand.bits))));
    operand.literal = Type::F64;
  }
}

std::string nameOf(Type type) {
  if (type == Type::None)
    return "value";
  if (type == Type::Pred)
    return "predicate";
  return "." + name(type).str() + " value";
}

} // namespace

int firstMisfit(const Function &function, const Instruction &instruction, const std::vector<OperandSpec> &specs) {
  for (size_t k = 0; k < specs.size(); ++k)
    if (!fits(function, instruction.operands[k], specs[k], instruction.opcode()))
      return int(k);
  return -1;
}

void convertConstants(std::vector<Operand> &operands, const std::vector<OperandSpec> &specs) {
  for (size_t k = 0; k < specs.size(); ++k) {
    convertConstant(operands[k], specs[k].type);
    if (operands[k].kind == Operand::Kind::Vector)
      for (Operand &element : operands[k].elements)
        convertConstant(element, specs[k].type);
  }
}

std::string describe(const OperandSpec &spec) {
  std::string width = spec.wider ? " (registers may be wider)" : "";
  switch (spec.kind) {
  case Kind::Value:
    return (spec.access == Access::Read ? "a " : "a register for a ") + nameOf(spec.type) + width;
  case Kind::Vector:
    return "a vector {..} of " + std::to_string(spec.count) + " with each a " + nameOf(spec.type) + width;
  case Kind::Address:
    return spec.coordinates ? "a tensor address [map, {..}] with " + std::to_string(spec.coordinates) + " coordinates"
                            : "an address [..]";
  case Kind::Pair:
    return "a register for a " + nameOf(spec.type) + ", or that and '|' and a predicate";
  case Kind::Immediate:
    return "an integer constant";
  case Kind::Label:
    return "a label";
  case Kind::Function:
    return "a function";
  case Kind::Sink:
    return "'_'";
  case Kind::Rest:
    return "anything";
  }
  return "";
}

std::string describe(const Function &function, const Operand &operand) {
  switch (operand.kind) {
  case Operand::Kind::Register: {
    const Register &reg = function.registers[operand.reg];
    return std::string(operand.negated ? "negated " : "") + "register '" + reg.name + "' of type ." +
           name(reg.type).str() + (operand.component ? " with a selector" : "");
  }
  case Operand::Kind::Special:
    return "a special register";
  case Operand::Kind::Immediate:
    return operand.literal == Type::S64 || operand.literal == Type::U64 ? "an integer constant"
                                                                        : "a floating-point constant";
  case Operand::Kind::Symbol:
    return "variable '" + operand.variable->name + "'";
  case Operand::Kind::Function:
    return "function '" + operand.function->name + "'";
  case Operand::Kind::Address: {
    std::string text = "an address";
    if (operand.hasRegister && !operand.elements.size())
      text += " with " + std::string("base '") + function.registers[operand.reg].name + "' of type ." +
              name(function.registers[operand.reg].type).str();
    if (operand.elements.size())
      text += " with " + std::to_string(operand.elements.size()) + " coordinates";
    return text;
  }
  case Operand::Kind::Vector: {
    std::string text = "a vector of " + std::to_string(operand.elements.size());
    if (!operand.elements.empty())
      text += " that starts with " + describe(function, operand.elements[0]);
    return text;
  }
  case Operand::Kind::Pair:
    return "a pair of " + describe(function, operand.elements[0]) + " and " + describe(function, operand.elements[1]);
  case Operand::Kind::Label:
    return "a label";
  case Operand::Kind::Targets:
    return "a list of targets";
  case Operand::Kind::Prototype:
    return "a call prototype";
  case Operand::Kind::Sink:
    return "'_'";
  }
  return "";
}

/// One argument or result against the parameter that it stands for.
static void checkArgument(const Function &caller, const Operand &argument, const Variable &parameter, bool isResult,
                          const std::string &callee) {
  bool right = false;
  std::string expected = std::to_string(parameter.bytes) + " bytes";
  switch (argument.kind) {
  case Operand::Kind::Symbol:
    right = argument.variable->space == Space::Param && !argument.offset && argument.variable->bytes == parameter.bytes;
    break;
  case Operand::Kind::Register:
    right = bitWidth(caller.registers[argument.reg].type) == parameter.bytes * 8 && !argument.negated;
    break;
  case Operand::Kind::Immediate:
    right = !isResult;
    break;
  case Operand::Kind::Sink:
    right = isResult;
    break;
  default:
    break;
  }
  if (right)
    return;
  std::string got = describe(caller, argument);
  if (argument.kind == Operand::Kind::Symbol)
    got += argument.variable->space == Space::Param ? " of " + std::to_string(argument.variable->bytes) + " bytes"
                                                    : ", which is no .param";
  throw Error(argument.position, std::string("a call of ") + callee + ": expected " +
                                     (isResult ? "a result" : "an argument") + " of " + expected + ", got " + got);
}

static void checkArguments(const Function &caller, const Instruction &instruction, const Operand *list,
                           llvm::ArrayRef<std::unique_ptr<Variable>> parameters, bool areResults,
                           const std::string &callee) {
  size_t count = list ? list->elements.size() : 0;
  if (count != parameters.size())
    throw Error(list ? list->position : instruction.position,
                "a call of " + callee + ": expected " + std::to_string(parameters.size()) +
                    (areResults ? " results, got " : " arguments, got ") + std::to_string(count));
  for (size_t k = 0; k < count; ++k)
    checkArgument(caller, list->elements[k], *parameters[k], areResults, callee);
}

void checkCall(const Function &caller, const Instruction &instruction) {
  const Operand *results = nullptr, *arguments = nullptr, *callee = nullptr;
  const Function *signature = nullptr;
  for (const Operand &operand : instruction.operands) {
    if (operand.kind == Operand::Kind::Vector)
      (callee ? arguments : results) = &operand;
    else if (operand.kind == Operand::Kind::Prototype)
      signature = operand.prototype;
    else if (operand.kind == Operand::Kind::Targets)
      signature = operand.elements.front().function;
    else
      callee = &operand;
  }
  std::string what = "a function by its address";
  if (callee->kind == Operand::Kind::Function) {
    signature = callee->function;
    what = "'" + signature->name + "'";
    if (signature->isEntry)
      throw Error(callee->position, "a call of " + what + ", which is a kernel");
  } else if (!signature) {
    throw Error(instruction.position,
                "an indirect call needs a .callprototype or a list of .calltargets as its last operand");
  }
  checkArguments(caller, instruction, results, signature->results, true, what);
  checkArguments(caller, instruction, arguments, signature->parameters, false, what);
}

} // namespace ptxsim::ptx
