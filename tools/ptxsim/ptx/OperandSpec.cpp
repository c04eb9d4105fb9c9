// Reads Form::operands.
#include "ptx/InstructionTable.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/Twine.h"
#include "llvm/Support/ErrorHandling.h"

namespace ptxsim::ptx {

namespace {

using Spec = OperandSpec;

class SpecReader {
public:
  SpecReader(const Form &form, llvm::ArrayRef<Type> types, llvm::ArrayRef<llvm::StringRef> parts)
      : form(form), types(types), parts(parts) {}

  Spec read(llvm::StringRef text) {
    Spec spec;
    text = readFlags(spec, text);
    if (text == "...") {
      spec.kind = Spec::Kind::Rest;
    } else if (text == "imm") {
      spec.kind = Spec::Kind::Immediate;
    } else if (text == "L") {
      spec.kind = Spec::Kind::Label;
    } else if (text == "F") {
      spec.kind = Spec::Kind::Function;
    } else if (text == "_") {
      spec.kind = Spec::Kind::Sink;
      spec.access = Spec::Access::Write;
    } else if (text == "sel") {
      spec.type = Type::B32;
      spec.selector = true;
    } else if (text.consume_front("[")) {
      text.consume_back("]");
      auto [type, coordinates] = text.split(':');
      spec.kind = Spec::Kind::Address;
      spec.type = type.empty() ? Type::None : readType(type);
      if (!coordinates.empty())
        spec.coordinates = readCount(coordinates);
    } else if (text.consume_front("{")) {
      text.consume_back("}");
      auto [type, count] = text.split('*');
      spec.type = readType(type);
      spec.count = readCount(count);
      spec.kind = count == "v" && spec.count == 1 ? Spec::Kind::Value : Spec::Kind::Vector;
    } else if (text.consume_back("|p")) {
      spec.kind = Spec::Kind::Pair;
      spec.type = readType(text);
    } else {
      spec.type = readType(text);
    }
    return spec;
  }

private:
  static llvm::StringRef readFlags(Spec &spec, llvm::StringRef text) {
    for (;; text = text.drop_front()) {
      if (text.starts_with("?"))
        spec.optional = true;
      else if (text.starts_with("="))
        spec.access = Spec::Access::Write;
      else if (text.starts_with("+"))
        spec.access = Spec::Access::ReadWrite;
      else if (text.starts_with("~"))
        spec.wider = true;
      else
        return text;
    }
  }

  Type readType(llvm::StringRef text) const {
    if (text == "p")
      return Type::Pred;
    if (text == "any")
      return Type::None;
    if (text.size() == 2 && (text[0] == 'T' || text[0] == 'W') && llvm::isDigit(text[1])) {
      unsigned which = text[1] - '0';
      if (which >= types.size())
        broken("it has no type " + text.str());
      return text[0] == 'T' ? types[which] : twiceAsWide(types[which]);
    }
    Type type = typeNamed(text);
    if (type == Type::None)
      broken("unknown operand '" + text.str() + "'");
    return type;
  }

  Type twiceAsWide(Type type) const {
    switch (type) {
    case Type::U16:
      return Type::U32;
    case Type::S16:
      return Type::S32;
    case Type::U32:
      return Type::U64;
    case Type::S32:
      return Type::S64;
    default:
      broken("no type is twice as wide as " + name(type).str());
    }
  }

  unsigned readCount(llvm::StringRef text) const {
    if (text == "v") {
      for (llvm::StringRef part : parts.drop_front())
        if (part == "v2" || part == "v4" || part == "v8")
          return part[1] - '0';
      return 1;
    }
    unsigned divisor = 1, count = 0;
    if (text.consume_front("N/")) { // wgmma: the n of m64n256k16
      text.getAsInteger(10, divisor);
      for (llvm::StringRef part : parts.drop_front())
        if (part.consume_front("m64n")) {
          part.consumeInteger(10, count);
          return count / divisor;
        }
    }
    if (text.getAsInteger(10, count) || !count)
      broken("bad count '" + text.str() + "'");
    return count;
  }

  [[noreturn]] void broken(const std::string &why) const {
    llvm::report_fatal_error(llvm::Twine("instruction table: operands of '") + form.pattern + "': " + why);
  }

  const Form &form;
  llvm::ArrayRef<Type> types;
  llvm::ArrayRef<llvm::StringRef> parts;
};

} // namespace

std::vector<OperandSpec> operandSpecs(const Form &form, llvm::ArrayRef<Type> types,
                                      llvm::ArrayRef<llvm::StringRef> parts) {
  SpecReader reader(form, types, parts);
  std::vector<OperandSpec> specs;
  for (llvm::StringRef rest = form.operands; !rest.empty();) {
    auto [item, behind] = rest.split(' ');
    specs.push_back(reader.read(item));
    rest = behind;
  }
  return specs;
}

bool dropOptional(std::vector<OperandSpec> &specs, size_t count) {
  if (!specs.empty() && specs.back().kind == OperandSpec::Kind::Rest) {
    OperandSpec rest = specs.back();
    if (count + 1 < specs.size())
      return false;
    specs.resize(count, rest);
    return true;
  }
  for (size_t k = specs.size(); k-- && specs.size() > count;)
    if (specs[k].optional)
      specs.erase(specs.begin() + k);
  return specs.size() == count;
}

std::vector<OperandSpec> operandSpecs(const Instruction &instruction) {
  auto specs = operandSpecs(*instruction.form, instruction.types, instruction.parts);
  dropOptional(specs, instruction.operands.size());
  return specs;
}

} // namespace ptxsim::ptx
